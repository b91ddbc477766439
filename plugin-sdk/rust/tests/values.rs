//! What stored values promise.

use hodhod_plugin::testing::TestHost;
use hodhod_plugin::{Bot, Context, Error, Event, Extra, Failure, Result, Values};

/// Does one thing with one bucket: «BUCKET VERB KEY [VALUE]».
#[derive(Default)]
struct Keeper;

impl Bot for Keeper {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let words: Vec<&str> = text.split(' ').collect();
        let values = match words.first() {
            Some(&"bot") => ctx.bot_values(),
            Some(&"chat") => ctx.chat_values(),
            _ => match ctx.user_values() {
                Some(values) => values,
                None => {
                    ctx.reply("nobody")?;
                    return Ok(());
                }
            },
        };
        ctx.reply(act(&values, words.get(1..).unwrap_or_default())?)?;
        Ok(())
    }

    fn on_event_other(&mut self, ctx: &Context, _: &str, _: &str) -> Result {
        ctx.chat_values().set("k", 1)?;
        Ok(())
    }
}

fn act(values: &Values, words: &[&str]) -> Result<String, Error> {
    Ok(match *words {
        ["get", key] => format!("{:?}", values.get::<u64>(key)?),
        ["set", key, value] => {
            values.set(key, value)?;
            String::new()
        }
        ["bytes", key] => String::from_utf8_lossy(&values.bytes(key)?.unwrap_or_default()).into_owned(),
        ["add", key] => values.update(key, |n: u64| n + 1)?.to_string(),
        ["increment", key] => values.increment(key, 2)?.to_string(),
        ["append", key, value] => values
            .update(key, |mut list: Vec<String>| {
                list.push(value.into());
                list
            })?
            .join("+"),
        ["delete", key] => {
            values.delete(key)?;
            values.exists(key)?.to_string()
        }
        ["keys"] => values.keys()?.join(","),
        _ => return Err(Error::Invalid("what?".into())),
    })
}

fn say(host: &mut TestHost<Keeper>, text: &str) -> String {
    host.text(text).texts().concat()
}

#[test]
fn a_value_that_was_never_stored_is_none() {
    assert_eq!(say(&mut TestHost::new(), "chat get n"), "None");
}

#[test]
fn an_update_starts_from_the_default_and_returns_the_new_value() {
    let mut host = TestHost::new();
    assert_eq!(say(&mut host, "chat add n"), "1");
    assert_eq!(say(&mut host, "chat add n"), "2");
    assert_eq!(say(&mut host, "chat get n"), "Some(2)");
    assert_eq!(say(&mut host, "chat append list الف"), "الف");
    assert_eq!(say(&mut host, "chat append list ب"), "الف+ب");
}

#[test]
fn a_number_that_is_counted_up_is_a_value_like_any_other() {
    let mut host = TestHost::<Keeper>::new();
    assert_eq!([say(&mut host, "bot increment k"), say(&mut host, "bot increment k")], ["2", "4"]);
    assert_eq!([say(&mut host, "bot get k"), say(&mut host, "bot add k")], ["Some(4)", "5"]);
    say(&mut host, "bot set k word");
    assert!(matches!(host.text("bot increment k").result, Err(Failure::Reject(_))));
}

#[test]
fn a_value_is_kept_as_json() {
    let mut host = TestHost::new();
    say(&mut host, "chat add n");
    assert_eq!(say(&mut host, "chat bytes n"), "1");
    say(&mut host, "chat set name می‌روم");
    assert_eq!(say(&mut host, "chat bytes name"), "\"می‌روم\"");
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_the_key() {
    let mut host = TestHost::<Keeper>::new();
    host.text("chat set n text");
    let turn = host.text("chat add n");
    assert!(
        matches!(&turn.result, Err(Failure::Reject(reason)) if reason.starts_with("invalid: value \"n\":")),
        "{turn:?}"
    );
}

#[test]
fn each_bucket_is_its_own() {
    let mut host = TestHost::new();
    say(&mut host, "bot add n");
    say(&mut host, "chat add n");
    say(&mut host, "user add n");
    host.chat.id = "chat-2".into();
    assert_eq!(say(&mut host, "bot add n"), "2");
    assert_eq!(say(&mut host, "chat add n"), "1");
    assert_eq!(say(&mut host, "user add n"), "2");
    host.sender.id = Some("person-2".into());
    assert_eq!(say(&mut host, "user add n"), "1");
}

#[test]
fn a_hidden_sender_has_no_values() {
    let mut host = TestHost::new();
    host.sender.id = None;
    assert_eq!(say(&mut host, "user add n"), "nobody");
}

#[test]
fn chat_values_of_an_event_without_a_chat_are_refused() {
    let turn = TestHost::<Keeper>::new().event(&Event::Other(Extra { name: "odd".into(), json: "{}".into() }));
    assert!(matches!(turn.result, Err(Failure::Reject(_))));
}

#[test]
fn keys_are_listed_over_all_pages() {
    let mut host = TestHost::new();
    for key in ["g", "a", "c", "b", "f", "e", "d"] {
        say(&mut host, &format!("chat add {key}"));
    }
    assert_eq!(say(&mut host, "chat keys"), "a,b,c,d,e,f,g");
    assert_eq!(say(&mut host, "chat delete d"), "false");
    assert_eq!(say(&mut host, "chat keys"), "a,b,c,e,f,g");
    assert_eq!(say(&mut host, "bot keys"), "");
}
