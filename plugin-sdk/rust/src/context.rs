//! What a bot can do during a turn, and what it can ask about the event.

use crate::{Answer, Chat, Error, Event, Message, Outgoing, Sender, Values, host};

/// One turn: the event it handles, and everything the bot may do about it.
///
/// Sends, values and timers take effect together when the turn ends well. Reading a value sees
/// what the same turn has written.
#[derive(Debug)]
pub struct Context<'e> {
    event: &'e Event,
}

impl<'e> Context<'e> {
    pub(crate) fn new(event: &'e Event) -> Self {
        Self { event }
    }

    /// The event itself.
    pub fn event(&self) -> &'e Event {
        self.event
    }

    /// The message, where the event is one.
    pub fn message(&self) -> Option<&'e Message> {
        match self.event {
            Event::Message(message) => Some(message),
            Event::Timer(_) | Event::Delivery(_) | Event::Other(_) => None,
        }
    }

    /// The chat that the event belongs to. A timer without a chat has none.
    pub fn chat(&self) -> Option<&'e Chat> {
        match self.event {
            Event::Message(message) => Some(&message.chat),
            Event::Timer(timer) => timer.chat.as_ref(),
            Event::Delivery(delivery) => Some(&delivery.chat),
            Event::Other(_) => None,
        }
    }

    /// Who wrote the message, where the event is one.
    pub fn sender(&self) -> Option<&'e Sender> {
        self.message().map(|message| &message.sender)
    }

    /// What the platform says of the message under this name, as in "divar.post-token".
    pub fn annotation(&self, name: &str) -> Option<&'e str> {
        let annotations = &self.message()?.annotations;
        annotations.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Sends a message to the chat of this event; returns the id by which
    /// [`on_delivery`](crate::Bot::on_delivery) will name it.
    pub fn reply(&self, message: impl Into<Outgoing>) -> Result<String, Error> {
        let chat = self.chat().ok_or_else(|| Error::Invalid("this event belongs to no chat".into()))?;
        self.send_to(chat, message)
    }

    /// Sends a message to any chat; returns its id as [`reply`](Self::reply) does. The operator
    /// decides whether a bot may write to a chat other than the event's.
    pub fn send_to(&self, chat: &Chat, message: impl Into<Outgoing>) -> Result<String, Error> {
        host::send(chat, &message.into())
    }

    /// Answers the press or the opening that this turn handles. Where the platform waits for no
    /// answer it is sent as a message.
    pub fn respond(&self, answer: Answer) -> Result<(), Error> {
        host::respond(&answer)
    }

    /// What the operator configured under this key.
    pub fn config(&self, key: &str) -> Result<Option<String>, Error> {
        host::config(key)
    }

    /// Everything that the operator configured for this bot.
    pub fn config_all(&self) -> Result<Vec<(String, String)>, Error> {
        host::config_all()
    }

    /// Values of the chat of this event. Where the event has no chat, every use is refused.
    pub fn chat_values(&self) -> Values {
        Values::new("chat")
    }

    /// Values of the bot, the same in all chats.
    pub fn bot_values(&self) -> Values {
        Values::new("bot")
    }

    /// Values of the person who wrote, the same in whatever chat they write. Absent where the
    /// platform hides who it was (Divar's chatbot), and in events that nobody wrote.
    pub fn user_values(&self) -> Option<Values> {
        self.sender()?.id.as_ref().map(|_| Values::new("user"))
    }
}
