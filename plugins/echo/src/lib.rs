//! Sends back whatever it is sent, or says what it was; and commands show the rest of the contract.
//!
//! `plugins/echo-python` and `plugins/echo-js` are the same bot in other languages.

mod commands;

use hodhod_plugin::{Answer, Bot, Contact, Context, Delivery, Location, Media, Opening, Outcome, Result, Timer, log};

const GREETING: &str = "سلام! هر چه بفرستید همان را پس می‌فرستم.";

/// Bytes of the largest file that is copied.
const LARGEST: usize = 4 << 20;

/// The timer of `/later`.
const LATER: &str = "later";

#[derive(Default)]
struct Echo;

impl Bot for Echo {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        log::debug("text");
        commands::run(ctx, text)
    }

    fn on_timer(&mut self, ctx: &Context, timer: &Timer) -> Result {
        log::debug("timer");
        if timer.id == LATER && timer.chat.is_some() {
            ctx.reply(timer.payload.as_str())?;
        }
        Ok(())
    }

    fn on_start(&mut self, ctx: &Context, _payload: Option<&str>) -> Result {
        log::debug("start");
        ctx.reply(ctx.config("greeting")?.unwrap_or_else(|| GREETING.into()))?;
        Ok(())
    }

    fn on_stop(&mut self, _ctx: &Context) -> Result {
        log::debug("stop");
        Ok(())
    }

    fn on_button(&mut self, ctx: &Context, data: &str) -> Result {
        log::debug("button");
        ctx.reply(format!("دکمه: {data}"))?;
        Ok(())
    }

    fn on_location(&mut self, ctx: &Context, location: &Location) -> Result {
        log::debug("location");
        ctx.reply(*location)?;
        Ok(())
    }

    fn on_contact(&mut self, ctx: &Context, contact: &Contact) -> Result {
        log::debug("contact");
        let known = [&contact.name, &contact.phone].into_iter().flatten();
        ctx.reply(format!("مخاطب: {}", known.map(String::as_str).collect::<Vec<_>>().join("، ")))?;
        Ok(())
    }

    fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
        log::debug("media");
        if media.caption.as_deref() == Some("/copy") {
            return copy(ctx, media);
        }
        ctx.reply(media.clone())?;
        Ok(())
    }

    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        log::debug("opening");
        ctx.respond(match opening.source.as_str() {
            "link" => Answer::url("https://example.com/باز"),
            source => Answer::notice(format!("باز شد: {source}")),
        })?;
        Ok(())
    }

    fn on_other(&mut self, ctx: &Context, name: &str, _json: &str) -> Result {
        log::debug("other");
        ctx.reply(format!("پیام: {name}"))?;
        Ok(())
    }

    fn on_delivery(&mut self, _ctx: &Context, delivery: &Delivery) -> Result {
        match &delivery.outcome {
            Outcome::Failed(why) => log::warn(format_args!("not delivered: {why}")),
            Outcome::Delivered(_) | Outcome::InDoubt(_) => log::debug("delivery"),
        }
        Ok(())
    }

    fn on_event_other(&mut self, _ctx: &Context, _name: &str, _json: &str) -> Result {
        log::debug("event");
        Ok(())
    }
}

/// Sends the same bytes as a new file.
fn copy(ctx: &Context, media: &Media) -> Result {
    let bytes = ctx.read_file(&media.file, LARGEST)?;
    let name = media.name.as_deref().unwrap_or("copy");
    let mime = media.mime.as_deref().unwrap_or("application/octet-stream");
    let file = ctx.upload(name, mime, &bytes)?;
    ctx.reply(Media { file, ..media.clone() })?;
    Ok(())
}

hodhod_plugin::export!(Echo);
hodhod_plugin::manifest!("../manifest.json");

#[cfg(test)]
mod tests;
