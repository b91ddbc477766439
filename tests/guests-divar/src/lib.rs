//! A component that asks Divar what the text of the message says, and replies what came back.
//!
//! A request is a line: a verb, a connection and the rest. All of them are made, one after the other.

use std::fmt::Debug;

use hodhod_plugin::divar::Divar;
use hodhod_plugin::{Bot, Context, Error, Migrate, Result};

#[derive(Default)]
struct Guest;

impl Bot for Guest {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let told: Vec<_> = text.lines().map(|line| ask(line).unwrap_or_else(|error| error.to_string())).collect();
        ctx.reply(told.join("\n"))?;
        Ok(())
    }
}

/// Asks what the configuration says.
impl Migrate for Guest {
    fn migrate(&mut self, ctx: &Context, _from: &str) -> Result<(), Error> {
        let told = ctx.config("migrate")?.unwrap_or_default();
        ask(&told).map(drop)
    }
}

fn ask(line: &str) -> Result<String, Error> {
    let mut words = line.splitn(3, ' ');
    let verb = words.next().unwrap_or_default();
    let divar = Divar::of(words.next().unwrap_or_default());
    let rest = words.next().unwrap_or_default();
    match verb {
        "post" => divar.post(rest).map(told),
        "posts" => divar.posts_of(rest).map(told),
        "user" => divar.user(rest).map(told),
        "chat" => divar.chat_with(rest).map(told),
        "consent" => {
            let (data, scopes) = rest.split_once(' ').unwrap_or((rest, ""));
            divar.request_consent(&scopes.split_whitespace().collect::<Vec<_>>(), data)
        }
        // Scopes that a person would not write.
        "odd-scopes" => divar.request_consent(&["USER_ID offline_access", "a\nb", ""], rest),
        "scopes" => {
            let scopes = vec!["USER_ID"; rest.parse().unwrap_or(0)];
            divar.request_consent(&scopes, "")
        }
        "data" => divar.request_consent(&["USER_ID"], &"x".repeat(rest.parse().unwrap_or(0))),
        // The same again and again: how often it was answered, and how it was refused at last.
        "flood" => {
            let mut count = 0_u64;
            loop {
                match divar.post(rest) {
                    Ok(_) => count += 1,
                    Err(error) => return Ok(format!("{count} and then {error}")),
                }
            }
        }
        _ => Err(Error::Invalid("no such verb".into())),
    }
}

fn told(value: impl Debug) -> String {
    format!("{value:?}")
}

hodhod_plugin::export!(Guest: Bot + Migrate);
