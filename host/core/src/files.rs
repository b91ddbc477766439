//! Names of files: what a bot is told instead of the platform's own key.
//!
//! A bot may read and send the files of events that it was given and those that it uploaded, also
//! long after, and no others. So the name that it gets is the platform's key with a code that only
//! the host can make, for that bot. Nothing has to be remembered for it, and a name that one bot
//! tells another, in whatever way, is of no use there.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ids::{BotName, ConnectionName};
use crate::text::hex;

/// Bytes of a code: 128 bits, which nobody guesses.
const CODE: usize = 16;

/// The key that makes and checks names of files.
#[derive(Clone)]
pub struct FileSeal([u8; 32]);

impl fmt::Debug for FileSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileSeal(***)")
    }
}

impl FileSeal {
    /// A seal from a key that the host keeps to itself.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The name of a file for a bot.
    pub fn seal(&self, bot: &BotName, connection: &ConnectionName, file: &str) -> String {
        let code = hex(&self.code(bot, connection, file));
        format!("{code}.{}.{connection}{file}", connection.as_str().len())
    }

    /// The connection and the platform's key behind a name; `None` if the host never gave this bot
    /// this name.
    pub fn open(&self, bot: &BotName, name: &str) -> Option<(ConnectionName, String)> {
        let (code, rest) = name.split_once('.')?;
        let (length, rest) = rest.split_once('.')?;
        let (connection, file) = rest.split_at_checked(length.parse().ok()?)?;
        let connection = ConnectionName::from(connection);
        let mut given = [0; CODE];
        if code.len() != 2 * CODE {
            return None;
        }
        for (byte, at) in given.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(code.get(at..at + 2)?, 16).ok()?;
        }
        self.mac(bot, &connection, file).verify_truncated_left(&given).ok()?;
        Some((connection, file.to_owned()))
    }

    fn code(&self, bot: &BotName, connection: &ConnectionName, file: &str) -> [u8; CODE] {
        let whole = self.mac(bot, connection, file).finalize().into_bytes();
        let mut code = [0; CODE];
        for (to, from) in code.iter_mut().zip(whole) {
            *to = from;
        }
        code
    }

    fn mac(&self, bot: &BotName, connection: &ConnectionName, file: &str) -> Hmac<Sha256> {
        // Shorter than a block, so it is used as it is.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        // With its length before each part, no two files have the same text.
        for part in ["hodhod file", bot.as_str(), connection.as_str(), file] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal() -> FileSeal {
        FileSeal::new([7; 32])
    }

    proptest! {
        #[test]
        fn a_name_opens_for_its_own_bot_and_no_other(file in ".*", connection in "[a-z.0-9]{1,9}") {
            let name = seal().seal(&"a".into(), &connection.as_str().into(), &file);
            prop_assert_eq!(seal().open(&"a".into(), &name), Some((connection.as_str().into(), file)));
            prop_assert_eq!(seal().open(&"b".into(), &name), None);
            prop_assert_eq!(FileSeal::new([8; 32]).open(&"a".into(), &name), None);
        }

        #[test]
        fn a_name_that_was_changed_anywhere_does_not_open(at in any::<prop::sample::Index>(), by in "[!-~]") {
            let name = seal().seal(&"a".into(), &"shop".into(), "k3Ja-9_.x");
            let at = at.index(name.len());
            let mut changed = name.clone();
            changed.replace_range(at..=at, &by);
            prop_assume!(!changed.eq_ignore_ascii_case(&name));
            prop_assert_eq!(seal().open(&"a".into(), &changed), None);
        }

        #[test]
        fn no_text_makes_it_panic(name in ".*") {
            prop_assert_eq!(seal().open(&"a".into(), &name), None);
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", seal()), "FileSeal(***)");
    }
}
