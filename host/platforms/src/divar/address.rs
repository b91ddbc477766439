//! The ids of chats: opaque to bots, and here the way to a person.

use std::fmt;
use std::str::FromStr;

use hodhod_core::ids::ChatId;
use hodhod_core::platform::Unsendable;

use super::wire::clean_id;

/// Where a message goes, or where an event came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A conversation of a person with the app.
    Bot(String),
    /// A conversation about an ad.
    Post(String),
    /// The person, with whom there may be no conversation yet.
    User(String),
    /// Nobody who is known: somebody opened the app outside of any chat.
    App,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bot(id) => write!(f, "bot:{id}"),
            Self::Post(id) => write!(f, "post:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::App => f.write_str("app"),
        }
    }
}

impl FromStr for Address {
    type Err = Unsendable;

    fn from_str(text: &str) -> Result<Self, Unsendable> {
        let bad = || Unsendable::Invalid("it is no chat of Divar".to_owned());
        let (kind, id) = match text.split_once(':') {
            // White space around it would make another chat of the same conversation.
            Some((kind, id)) if clean_id(id) == Some(id) => (kind, id.to_owned()),
            _ if text == "app" => return Ok(Self::App),
            _ => return Err(bad()),
        };
        match kind {
            "bot" => Ok(Self::Bot(id)),
            "post" => Ok(Self::Post(id)),
            "user" => Ok(Self::User(id)),
            _ => Err(bad()),
        }
    }
}

impl Address {
    /// Where a message to a chat goes.
    pub(super) fn of(chat: &ChatId) -> Result<Self, Unsendable> {
        chat.as_str().parse()
    }

    /// The path of the call that sends there.
    pub(super) fn path(&self) -> Result<String, Unsendable> {
        match self {
            Self::Bot(id) => Ok(format!("/v1/open-platform/chat/bot/conversations/{}/messages", segment(id))),
            Self::User(id) => Ok(format!("/v1/open-platform/chat/bot/users/{}/messages", segment(id))),
            Self::Post(id) => Ok(format!("/v2/open-platform/conversations/{}/messages", segment(id))),
            Self::App => Err(Unsendable::Unsupported(
                "nobody is known behind this chat, so nothing can be sent to it".to_owned(),
            )),
        }
    }
}

/// A part of a path: ids of people hold `/`, `+` and `=`.
fn segment(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_encoded_where_it_is_a_part_of_a_path() {
        let address: Address = "user:6Gqm/x+D7=".parse().unwrap();
        assert_eq!(address.path().unwrap(), "/v1/open-platform/chat/bot/users/6Gqm%2Fx%2BD7%3D/messages");
        assert_eq!(segment("گ?#%"), "%DA%AF%3F%23%25");
        assert!(matches!(Address::App.path(), Err(Unsendable::Unsupported(_))));
        for bad in ["", "bot", "bot:", "bot: x", "bot:x ", "user:..", "chat:x", "BOT:x", "app:", "post:a\nb"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_the_same_after_it_was_a_text(kind in "bot|post|user", id in "[!-~گ]{1,64}") {
            let text = format!("{kind}:{id}");
            prop_assume!(clean_id(&id) == Some(id.as_str()));
            prop_assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }
}
