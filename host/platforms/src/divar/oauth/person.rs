//! The id of a person: opaque, but of one alphabet, because it becomes part of a record's name.

use std::fmt;

use hodhod_core::ids::SenderId;
use serde::{Deserialize, Serialize};

/// Divar's pages allow 64 characters.
const MAX_PERSON: usize = 128;

/// A person's id within the app.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Person(String);

impl Person {
    /// The id, if it can be one: printed characters of ASCII, without blanks.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_id = !text.is_empty() && text.len() <= MAX_PERSON && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| Self(text.to_owned()))
    }

    /// The person of a chat that names one.
    pub(super) fn of_chat(chat: &str) -> Option<Self> {
        Self::parse(chat.strip_prefix("user:")?)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn sender(&self) -> SenderId {
        SenderId::from(self.as_str())
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_word() {
        assert!(Person::parse("AbC/+ettI=").is_some());
        assert_eq!(Person::of_chat("user:ettI=").unwrap().as_str(), "ettI=");
        for bad in ["", "a b", "a\n", "الف", &"a".repeat(129)] {
            assert_eq!(Person::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Person::of_chat("bot:ettI="), None);
    }
}
