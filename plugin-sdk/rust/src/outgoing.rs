//! Ways to write down what a bot sends.

use crate::{Answer, Body, Keyboard, Location, Media, Outgoing};

/// Most messages need no more than their text: wherever an `Outgoing` is wanted, a text, a place,
/// a file or a keyboard will do.
impl Outgoing {
    /// A text.
    ///
    /// ```
    /// use hodhod_plugin::{Button, Keyboard, Outgoing};
    ///
    /// Outgoing::text("چه کنم؟").keyboard(Keyboard::row([Button::event("صبر", "/wait")])).report();
    /// ```
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Body::Text(text.into()))
    }

    /// A message with this body and nothing else.
    pub fn new(body: Body) -> Self {
        Self { body, keyboard: None, reply_to: None, report: false, annotations: Vec::new() }
    }

    /// With this keyboard. A message without one leaves whatever keyboard the person has.
    #[must_use]
    pub fn keyboard(mut self, keyboard: Keyboard) -> Self {
        self.keyboard = Some(keyboard);
        self
    }

    /// As an answer to the message with this id.
    #[must_use]
    pub fn reply_to(mut self, message: impl Into<String>) -> Self {
        self.reply_to = Some(message.into());
        self
    }

    /// Tells [`Bot::on_delivery`](crate::Bot::on_delivery) also when the message has arrived.
    #[must_use]
    pub fn report(mut self) -> Self {
        self.report = true;
        self
    }

    /// With an extra that only this platform knows.
    #[must_use]
    pub fn annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.push((name.into(), value.into()));
        self
    }
}

impl From<&str> for Outgoing {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Outgoing {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Location> for Outgoing {
    fn from(location: Location) -> Self {
        Self::new(Body::Location(location))
    }
}

impl From<Media> for Outgoing {
    fn from(media: Media) -> Self {
        Self::new(Body::Media(media))
    }
}

/// Changes the keyboard and says nothing.
impl From<Keyboard> for Outgoing {
    fn from(keyboard: Keyboard) -> Self {
        Self::new(Body::KeyboardOnly).keyboard(keyboard)
    }
}

impl Answer {
    /// Shown to the person who pressed.
    pub fn notice(text: impl Into<String>) -> Self {
        Self::Notice(text.into())
    }

    /// Opens this address for the person.
    pub fn url(address: impl Into<String>) -> Self {
        Self::Url(address.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Button;

    #[test]
    fn a_text_is_sent_as_it_is() {
        for text in ["نمی‌دانم", "كيف ي", "۱۲۳ ٤٥٦", " a\n ", ""] {
            assert_eq!(Outgoing::from(text).body, Body::Text(text.into()));
        }
    }

    #[test]
    fn a_message_has_only_the_extras_it_was_given() {
        let plain = Outgoing::text("a");
        assert_eq!((plain.keyboard, plain.reply_to, plain.report), (None, None, false));

        let full = Outgoing::text("a").keyboard(Keyboard::Hide).reply_to("7").report().annotation("k", "v");
        assert_eq!((full.keyboard, full.reply_to, full.report), (Some(Keyboard::Hide), Some("7".into()), true));
        assert_eq!(full.annotations, [("k".into(), "v".into())]);
    }

    #[test]
    fn a_keyboard_alone_says_nothing() {
        let keyboard = Keyboard::row([Button::event("a", "b")]);
        let outgoing = Outgoing::from(keyboard.clone());
        assert_eq!((outgoing.body, outgoing.keyboard), (Body::KeyboardOnly, Some(keyboard)));
    }
}
