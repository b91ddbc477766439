//! A quote: what it says, and who has accepted it.

use hodhod_plugin::divar::Post;
use hodhod_plugin::{Button, Keyboard, Outgoing};
use serde::{Deserialize, Serialize};

use crate::prices::Found;
use crate::words;

/// The command of the button that accepts a quote.
pub(crate) const ACCEPT: &str = "accept";

/// The quote of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quote {
    /// Counted up in each conversation, so that an old quote's buttons are known.
    pub(crate) number: u64,
    /// The token of the ad.
    pub(crate) post: String,
    /// The person in whose name it was sent.
    pub(crate) user: String,
    /// Under this id the host reports on it.
    pub(crate) message: String,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    tomans: u64,
    /// Whether the person in whose name it was sent has accepted it, and whether the other one has.
    accepted: [bool; 2],
}

/// One of the two who talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// The one in whose name the quote was sent.
    First,
    /// The other one.
    Second,
}

/// What came of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// There is a newer quote.
    Stale,
    /// This party had accepted it before.
    Again,
    /// Now the other one has to.
    Half,
    /// Both have.
    Whole,
}

impl Quote {
    pub(crate) fn new(number: u64, post: &Post, user: &str, tomans: u64, at: u64) -> Self {
        let (post, user) = (post.token.clone(), user.to_owned());
        Self { number, post, user, at, tomans, ..Self::default() }
    }

    /// The message to the two, in the name of the one who asked for it.
    pub(crate) fn message(&self, text: String) -> Outgoing {
        let (mine, theirs) = (self.keyboard(Party::First), self.keyboard(Party::Second));
        Outgoing::text(text).in_name_of(&self.user).keyboard(mine).receiver_keyboard(&theirs)
    }

    fn keyboard(&self, party: Party) -> Keyboard {
        let letter = match party {
            Party::First => 'a',
            Party::Second => 'b',
        };
        let post = serde_json::json!({ "post": self.post }).to_string();
        Keyboard::row([
            Button::event(words::ACCEPT, format!("{ACCEPT} {} {letter}", self.number)),
            Button::app(words::AGAIN, post),
        ])
    }

    /// The party accepts the quote of this number.
    pub(crate) fn accept(&mut self, number: u64, party: Party) -> Accepted {
        let [first, second] = &mut self.accepted;
        let (mine, theirs) = match party {
            Party::First => (first, second),
            Party::Second => (second, first),
        };
        if number != self.number {
            return Accepted::Stale;
        }
        match (std::mem::replace(mine, true), *theirs) {
            (true, _) => Accepted::Again,
            (false, false) => Accepted::Half,
            (false, true) => Accepted::Whole,
        }
    }

    /// What it costs, for people.
    pub(crate) fn price(&self) -> String {
        words::tomans(self.tomans)
    }
}

/// What a button says that accepts a quote.
pub(crate) fn pressed(data: &str) -> Option<(u64, Party)> {
    let (number, letter) = data.strip_prefix(ACCEPT)?.strip_prefix(' ')?.split_once(' ')?;
    let party = match letter {
        "a" => Party::First,
        "b" => Party::Second,
        _ => return None,
    };
    Some((number.parse().ok()?, party))
}

/// The words of a quote.
pub(crate) fn text(post: &Post, found: &Found, elsewhere: Option<u64>) -> String {
    words::quote(post.title.as_deref(), &found.place, found.tomans, elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_to_accept_and_each_counts_once() {
        let mut quote = Quote::new(3, &Post::new("a"), "u1", 5, 0);
        assert_eq!(quote.accept(2, Party::First), Accepted::Stale);
        assert_eq!(quote.accept(3, Party::Second), Accepted::Half);
        assert_eq!(quote.accept(3, Party::Second), Accepted::Again);
        assert_eq!(quote.accept(3, Party::First), Accepted::Whole);
        assert_eq!(quote.accept(3, Party::First), Accepted::Again);
    }

    #[test]
    fn a_press_names_the_quote_and_the_party() {
        assert_eq!(pressed("accept 12 a"), Some((12, Party::First)));
        assert_eq!(pressed("accept 12 b"), Some((12, Party::Second)));
        for odd in ["", "accept", "accept 12", "accept 12 c", "accept x a", "accept -1 a", "accepted 1 a", "{}"] {
            assert_eq!(pressed(odd), None, "{odd}");
        }
    }
}
