//! The connections of a configuration: what all of them have, and the account of each platform.

mod divar;
mod soroush;

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use hodhod_core::ids::ConnectionName;
use hodhod_core::outbox::{OnDoubt, Policy};
use hodhod_core::pace::Rate;
use hodhod_core::text::suggest;

pub(crate) use self::divar::{DivarEntry, OAuthEntry};
pub(crate) use self::soroush::SoroushEntry;
use super::raw::{RawConnection, RawSecret};
use super::{GIVE_UP, Problem, SecretSource, read, secret, units};

/// A connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectionConfig {
    pub(crate) name: ConnectionName,
    pub(crate) policy: Policy,
    pub(crate) account: Account,
}

/// The account behind a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Account {
    Soroush(SoroushEntry),
    Divar(Box<DivarEntry>),
}

impl ConnectionConfig {
    /// True where its platform calls the host.
    pub(super) fn is_called(&self) -> bool {
        matches!(self.account, Account::Divar(_))
    }

    /// Its credentials.
    pub(crate) fn secrets(&self) -> Vec<&SecretSource> {
        match &self.account {
            Account::Soroush(soroush) => vec![&soroush.token],
            Account::Divar(divar) => divar.secrets(),
        }
    }
}

/// The platforms that there are.
const PLATFORMS: [&str; 2] = ["soroush", "divar"];

/// Sends a second where the operator says nothing: on the connection, and in one chat.
struct UsualPace {
    connection: u32,
    chat: u32,
}

/// What every check of a connection needs.
struct Place<'a> {
    /// The key of its table.
    at: String,
    name: &'a str,
    folder: &'a Path,
}

impl Place<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    /// Where a credential is kept that the connection needs.
    fn needed(
        &self,
        key: &str,
        what: &str,
        raw: Option<&RawSecret>,
        problems: &mut Vec<Problem>,
    ) -> Option<SecretSource> {
        let word = |text: &str| text.to_uppercase().replace('-', "_");
        let last = key.rsplit('.').next().unwrap_or(key);
        let example = format!("{last} = {{ env = \"{}_{}\" }}", word(self.name), word(last));
        match raw {
            Some(raw) => secret(raw, &self.key(key), example, self.folder, problems),
            None => {
                problems.push(Problem::new(&self.at, format!("{what} is missing")).write(example));
                None
            }
        }
    }
}

/// Checks a connection.
pub(super) fn check(
    name: &str,
    raw: &RawConnection,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<ConnectionConfig> {
    let place = Place { at: format!("connections.{name}"), name, folder };
    let (account, usual) = match raw.platform.as_deref() {
        Some("divar") => {
            let pace = UsualPace {
                connection: hodhod_platforms::divar::PACE_PER_CONNECTION,
                chat: hodhod_platforms::divar::PACE_PER_CHAT,
            };
            (divar::check(&place, raw, problems).map(|divar| Account::Divar(Box::new(divar))), pace)
        }
        other => {
            platform(&place, other, problems);
            let pace = UsualPace {
                connection: hodhod_platforms::soroush::PACE_PER_CONNECTION,
                chat: hodhod_platforms::soroush::PACE_PER_CHAT,
            };
            (soroush::check(&place, raw, problems).map(Account::Soroush), pace)
        }
    };
    let policy = policy(&place, raw, &usual, problems);
    Some(ConnectionConfig { name: name.into(), policy, account: account? })
}

/// Complains of a platform that is none. What else is wrong is told as if it were Soroush.
fn platform(place: &Place<'_>, written: Option<&str>, problems: &mut Vec<Problem>) {
    let problem = match written {
        Some("soroush") => return,
        Some(other) => Problem::new(place.key("platform"), format!("there is no platform {other:?}")),
        None => Problem::new(&place.at, "the platform is missing"),
    };
    let meant = written.and_then(|written| suggest(written, &PLATFORMS)).unwrap_or("soroush");
    problems.push(problem.write(format!("platform = \"{meant}\"")));
}

/// Complains of keys that another platform has.
fn foreign(place: &Place<'_>, platform: &str, keys: &[(&str, bool)], problems: &mut Vec<Problem>) {
    for (key, _) in keys.iter().filter(|(_, is_written)| *is_written) {
        problems.push(Problem::new(place.key(key), format!("a connection to {platform} has no such key")));
    }
}

fn policy(place: &Place<'_>, raw: &RawConnection, usual: &UsualPace, problems: &mut Vec<Problem>) -> Policy {
    let on_doubt = match raw.on_doubt.as_deref() {
        None | Some("resend") => OnDoubt::Resend,
        Some("drop") => OnDoubt::Drop,
        Some(other) => {
            let what = format!("{other:?} is neither \"resend\" nor \"drop\"");
            problems.push(Problem::new(place.key("on_doubt"), what).write("on_doubt = \"resend\""));
            OnDoubt::Resend
        }
    };
    let at_once = raw.pace.at_once.unwrap_or(16);
    if !(1..=1024).contains(&at_once) {
        problems.push(Problem::new(place.key("pace.at_once"), "must be from 1 to 1024"));
    }
    let mut rate = |key: &str, written: Option<&String>, usual: u32| {
        read(&place.key(key), written, per_second(usual), units::rate, problems)
    };
    let connection = rate("pace.connection", raw.pace.connection.as_ref(), usual.connection);
    let chat = rate("pace.chat", raw.pace.chat.as_ref(), usual.chat);
    Policy {
        connection,
        chat,
        at_once,
        on_doubt,
        backoff: Duration::from_secs(1),
        longest_backoff: Duration::from_secs(300),
        give_up: read(&place.key("give_up"), raw.give_up.as_ref(), GIVE_UP, units::duration, problems),
        waiting_chat: 100,
        waiting: 100_000,
    }
}

fn max_age(place: &Place<'_>, raw: &RawConnection, problems: &mut Vec<Problem>) -> Option<Duration> {
    let text = raw.max_age.as_ref()?;
    Some(read(&place.key("max_age"), Some(text), Duration::ZERO, units::duration, problems))
}

fn per_second(count: u32) -> Rate {
    Rate::per_second(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
}
