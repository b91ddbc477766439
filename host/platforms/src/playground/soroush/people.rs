//! The people whom one bot knows: who is there, who has left, and which keys each of them sees.

use std::collections::HashMap;

use super::error::Error;
use super::keyboard::Keyboard;
use super::settings::Rules;

#[derive(Default)]
struct Person {
    presence: Presence,
    keyboard: Keyboard,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// The bot wrote first; the person has not been heard of.
    #[default]
    Stranger,
    /// Has started the bot, or written anything.
    Here,
    /// Has stopped the bot.
    Left,
}

pub(super) struct People {
    known: HashMap<String, Person>,
    limit: usize,
}

impl People {
    pub(super) fn new(limit: usize) -> Self {
        Self { known: HashMap::new(), limit }
    }

    /// Notes that somebody came or left. Whoever leaves loses the keyboard too.
    pub(super) fn set(&mut self, user: &str, presence: Presence) -> Result<(), Error> {
        let person = self.person(user)?;
        person.presence = presence;
        if presence == Presence::Left {
            person.keyboard.clear();
        }
        Ok(())
    }

    /// Whether a bot may write to this person.
    pub(super) fn reachable(&self, user: &str, rules: Rules) -> bool {
        match self.known.get(user).map(|person| person.presence).unwrap_or_default() {
            Presence::Here => true,
            Presence::Left => !rules.refuse_left,
            Presence::Stranger => !rules.refuse_strangers,
        }
    }

    pub(super) fn set_keyboard(&mut self, user: &str, keyboard: Keyboard) -> Result<(), Error> {
        if keyboard.is_empty() && !self.known.contains_key(user) {
            return Ok(());
        }
        self.person(user)?.keyboard = keyboard;
        Ok(())
    }

    pub(super) fn keyboard(&self, user: &str) -> Keyboard {
        self.known.get(user).map(|person| person.keyboard.clone()).unwrap_or_default()
    }

    /// Whether this person is known or can still be noted.
    pub(super) fn check_room(&self, user: &str) -> Result<(), Error> {
        if self.known.len() < self.limit || self.known.contains_key(user) {
            Ok(())
        } else {
            Err(Error::TooManyPeople { limit: self.limit })
        }
    }

    fn person(&mut self, user: &str) -> Result<&mut Person, Error> {
        self.check_room(user)?;
        Ok(self.known.entry(user.to_owned()).or_default())
    }
}
