//! Sends back whatever it is sent, files included, or says what it was.

use hodhod_plugin::{Answer, Bot, Contact, Context, Location, Media, Opening, Result};

const GREETING: &str = "سلام! هر چه بفرستید همان را پس می‌فرستم.";

#[derive(Default)]
struct Echo;

impl Bot for Echo {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        ctx.reply(text)?;
        Ok(())
    }

    fn on_start(&mut self, ctx: &Context, _payload: Option<&str>) -> Result {
        ctx.reply(ctx.config("greeting")?.unwrap_or_else(|| GREETING.into()))?;
        Ok(())
    }

    fn on_button(&mut self, ctx: &Context, data: &str) -> Result {
        ctx.reply(format!("دکمه: {data}"))?;
        Ok(())
    }

    fn on_location(&mut self, ctx: &Context, location: &Location) -> Result {
        ctx.reply(*location)?;
        Ok(())
    }

    fn on_contact(&mut self, ctx: &Context, contact: &Contact) -> Result {
        let known = [&contact.name, &contact.phone].into_iter().flatten();
        ctx.reply(format!("مخاطب: {}", known.map(String::as_str).collect::<Vec<_>>().join("، ")))?;
        Ok(())
    }

    fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
        ctx.reply(media.clone())?;
        Ok(())
    }

    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        ctx.respond(Answer::notice(format!("باز شد: {}", opening.source)))?;
        Ok(())
    }

    fn on_other(&mut self, ctx: &Context, name: &str, _json: &str) -> Result {
        ctx.reply(format!("پیام: {name}"))?;
        Ok(())
    }
}

hodhod_plugin::export!(Echo);

#[cfg(test)]
mod tests;
