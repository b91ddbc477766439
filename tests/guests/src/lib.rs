//! One component that does what the text of the message says, well or badly, so that a test of the
//! host needs no component of its own. `Guest::on_text` is the list of what it understands.

mod build;
mod damage;
mod effects;
mod files;
mod kept;
mod migrate;
mod outside;
mod random;
mod words;

use hodhod_plugin::{Bot, Context, Delivery, Error, Failure, Media, Migrate, Opening, Outcome, Result};

use crate::words::{number, one, three};

#[derive(Default)]
struct Guest;

/// A command's work, and what to reply when it is done: `None` for nothing more.
type Answer = Result<Option<String>, Error>;

impl Bot for Guest {
    /// A refusal of the host is replied in its own words, so that a test can read it.
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let (verb, rest) = one(text);
        let answer: Answer = match verb {
            "echo" => Ok(Some(rest.to_owned())),
            "build" => build::answer(rest),

            "retry" => return Err(retry(rest)),
            "reject" => return Err(Failure::reject(rest)),
            "trap" => damage::trap(),
            "panic" => damage::panic(rest),
            "spin" => damage::spin(),
            "recurse" => damage::recurse(),
            "call-on" => Ok(damage::call_on()),
            "alloc" if rest.is_empty() => damage::alloc_without_end(),
            "alloc" => number(rest).map(damage::alloc),
            "burn" => number(rest).map(damage::burn),
            "sleep" => number(rest).map(damage::sleep),

            // Do something first, so that a test can see whether it took effect.
            "then-retry" => return effects::mark(ctx, rest).and(Err(retry(rest))),
            "then-reject" => return effects::mark(ctx, rest).and(Err(Failure::reject(rest))),
            "then-trap" => effects::mark(ctx, rest).map(|()| damage::trap())?,
            "then-spin" => effects::mark(ctx, rest).map(|()| damage::spin())?,
            "then-alloc" => effects::mark(ctx, rest).map(|()| damage::alloc_without_end())?,

            "send" => number(rest).and_then(|n| effects::send(ctx, n)),
            "send-to" => effects::send_to(ctx, three(rest)),
            "report" => effects::report(ctx, rest),
            "respond" => effects::respond(ctx, rest),
            "keyboard" => effects::keyboard(ctx),
            "hide" => effects::hide(ctx),
            "location" => effects::location(ctx, one(rest)),

            "read-file" => files::read(ctx, rest, ("0", "1")),
            "upload" => number(rest).and_then(|bytes| files::upload(ctx, bytes)),

            "set" => effects::set(three(rest)),
            "get" => effects::get(one(rest)),
            "delete" => effects::delete(one(rest)),
            "exists" => effects::exists(one(rest)),
            "keys" => effects::keys(rest),
            "fill" => effects::fill(one(rest)),
            "walk" => effects::walk(rest),
            "count" => effects::count(one(rest)),

            "config" => ctx.config(rest).map(|value| Some(value.unwrap_or_else(|| "none".into()))),
            "config-all" => outside::config_all(ctx),
            "log" => outside::log(one(rest)),
            "print" => outside::print(rest),
            "eprint" => outside::eprint(rest),
            "turns" => kept::turns(),
            "bucket" => kept::bucket(one(rest)),
            "forget-upload" => kept::upload(ctx),

            "now" => Ok(Some(ctx.now().to_string())),
            "random" => Ok(Some(random::hex())),
            "env" => outside::env(),
            "connect" => outside::connect(rest),

            _ => Ok(Some(text.to_owned())),
        };
        reply(ctx, answer)
    }

    /// What its data says, for somebody whom the platform names there alone.
    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        self.on_text(ctx, &opening.data)
    }

    /// What the caption says, with the file.
    fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
        let (verb, rest) = one(media.caption.as_deref().unwrap_or_default());
        let answer: Answer = match verb {
            "name" => Ok(Some(media.file.clone())),
            "read" => files::read(ctx, &media.file, one(rest)),
            "reupload" => number(rest).and_then(|piece| files::reupload(ctx, media, piece)),
            _ => Ok(None),
        };
        reply(ctx, answer)
    }

    /// Keeps «message:ok» or «message:err reason» under `last-delivery` of the bot's bucket.
    fn on_delivery(&mut self, _ctx: &Context, delivery: &Delivery) -> Result {
        let outcome = match &delivery.outcome {
            Outcome::Delivered(_) => "ok".to_owned(),
            Outcome::Failed(reason) | Outcome::InDoubt(reason) => format!("err {reason}"),
        };
        effects::set(("bot", "last-delivery", &format!("{}:{outcome}", delivery.message)))?;
        Ok(())
    }
}

/// What the configuration has under `migrate`; nothing where there is nothing.
impl Migrate for Guest {
    fn migrate(&mut self, ctx: &Context, from: &str) -> Result<(), Error> {
        migrate::run(ctx, from)
    }
}

fn reply(ctx: &Context, answer: Answer) -> Result {
    match answer {
        Ok(None) => {}
        Ok(Some(text)) => drop(ctx.reply(text)?),
        Err(refusal) => drop(ctx.reply(refusal.to_string())?),
    }
    Ok(())
}

fn retry(ms: &str) -> Failure {
    number(ms).map_or_else(Failure::from, Failure::Retry)
}

hodhod_plugin::export!(Guest: Bot + Migrate);
