//! What a bot is: one method for each thing that can happen, of which it writes the ones it needs.

use crate::{Contact, Content, Context, Delivery, Location, Media, Message, Opening, Result, Timer};

/// A bot.
///
/// Every event makes a new value (by [`Default`]) and calls one method of it, so a field never
/// outlives a turn: what has to be remembered belongs into [values](Context::chat_values). A method
/// that is not written does nothing, which is the right answer to most of what happens.
///
/// What a method does through its [`Context`] takes effect when it returns `Ok`, all of it
/// together, and not at all when it returns a [`Failure`](crate::Failure) or panics.
///
/// ```
/// use hodhod_plugin::{Bot, Context, Result};
///
/// #[derive(Default)]
/// struct Greeter;
///
/// impl Bot for Greeter {
///     fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
///         ctx.reply(format!("سلام، {text}!"))?;
///         Ok(())
///     }
/// }
///
/// hodhod_plugin::export!(Greeter);
/// # fn main() {}
/// ```
pub trait Bot {
    /// Somebody wrote, pressed, came or went. Calls one of the methods below, by the content;
    /// an edited message arrives like a new one, with `edited` set.
    fn on_message(&mut self, ctx: &Context, message: &Message) -> Result {
        match &message.content {
            Content::Text(text) => self.on_text(ctx, text),
            Content::Media(media) => self.on_media(ctx, media),
            Content::Location(location) => self.on_location(ctx, location),
            Content::Contact(contact) => self.on_contact(ctx, contact),
            Content::Button(data) => self.on_button(ctx, data),
            Content::Start(payload) => self.on_start(ctx, payload.as_deref()),
            Content::Stop => self.on_stop(ctx),
            Content::Opening(opening) => self.on_opening(ctx, opening),
            Content::Other(extra) => self.on_other(ctx, &extra.name, &extra.json),
        }
    }

    /// Text, exactly as it was written.
    fn on_text(&mut self, _ctx: &Context, _text: &str) -> Result {
        Ok(())
    }

    /// A button was pressed; `data` is what the bot put into it.
    ///
    /// Calls [`on_text`](Bot::on_text) with it. Some platforms have buttons that write a text in
    /// the person's name (Soroush), and there a press cannot be told from typing; so a bot whose
    /// buttons carry what a person could also type, such as `/show`, works the same everywhere.
    fn on_button(&mut self, ctx: &Context, data: &str) -> Result {
        self.on_text(ctx, data)
    }

    /// The person opened the conversation, with the link's payload if it had one.
    fn on_start(&mut self, _ctx: &Context, _payload: Option<&str>) -> Result {
        Ok(())
    }

    /// The person left: nothing sent to this chat will arrive.
    fn on_stop(&mut self, _ctx: &Context) -> Result {
        Ok(())
    }

    /// A file.
    fn on_media(&mut self, _ctx: &Context, _media: &Media) -> Result {
        Ok(())
    }

    /// A place.
    fn on_location(&mut self, _ctx: &Context, _location: &Location) -> Result {
        Ok(())
    }

    /// A person's card.
    fn on_contact(&mut self, _ctx: &Context, _contact: &Contact) -> Result {
        Ok(())
    }

    /// The person opened the bot's own page from the platform (Divar); [`Context::respond`]
    /// answers.
    fn on_opening(&mut self, _ctx: &Context, _opening: &Opening) -> Result {
        Ok(())
    }

    /// A message of any other kind: the platform's name of it, and its JSON.
    fn on_other(&mut self, _ctx: &Context, _name: &str, _json: &str) -> Result {
        Ok(())
    }

    /// A timer that the bot set has come due.
    fn on_timer(&mut self, _ctx: &Context, _timer: &Timer) -> Result {
        Ok(())
    }

    /// What became of a message that the bot sent: told of each that will never arrive, and of
    /// the others where [`Outgoing::report`](crate::Outgoing::report) asked for it.
    fn on_delivery(&mut self, _ctx: &Context, _delivery: &Delivery) -> Result {
        Ok(())
    }

    /// An event of any other kind: the platform's name of it, and its JSON.
    fn on_event_other(&mut self, _ctx: &Context, _name: &str, _json: &str) -> Result {
        Ok(())
    }
}
