//! The tables, one file each: the statements of the writer, prepared once, and the queries of the
//! readers.

mod builds;
mod dead;
mod inbox;
mod outbox;
mod pauses;
mod seen;
mod spare;
mod states;
mod tally;
mod timers;
mod usage;
mod values;
mod vault;

use rusqlite::types::Type;
use rusqlite::{Connection, Row};

pub(crate) use self::builds::{Builds, build};
pub(crate) use self::dead::{Dead, Stillborn, event as dead_event, list as list_dead, one as dead_letter};
pub(crate) use self::inbox::{Inbox, asked as asked_events, event, waiting as waiting_events};
pub(crate) use self::outbox::{Outbox, list as list_sends, send, waiting as waiting_sends};
pub(crate) use self::pauses::{Pauses, since as send_pause};
pub(crate) use self::seen::{Seen, Step};
pub(crate) use self::spare::{Spare, free_bytes};
pub(crate) use self::states::{States, states};
pub(crate) use self::tally::{Tally, totals};
pub(crate) use self::timers::{
    Timers, due as due_timers, has as has_timer, list as list_timers, next as next_timer, of_chat as timers_of,
};
pub(crate) use self::usage::{Usage, bots as bots_that_store, usage};
pub(crate) use self::values::{Values, keys, value};
pub(crate) use self::vault::{
    Vault, has_of_other_keys as has_records_of_other_keys, list as list_records, of_person as records_of_person,
    one as record,
};

/// How many rows there may be of what has an end.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Dead letters of a bot.
    pub(crate) dead_of_bot: u64,
    /// Records of a kind on a connection.
    pub(crate) records_of_kind: u64,
}

/// The tables as the writer has them. What they keep in memory is what the open transaction would
/// commit; after a rollback it is made to
/// match again.
pub(crate) struct Tables<'c> {
    pub(crate) inbox: Inbox<'c>,
    pub(crate) outbox: Outbox<'c>,
    pub(crate) values: Values<'c>,
    pub(crate) seen: Seen<'c>,
    pub(crate) dead: Dead<'c>,
    pub(crate) timers: Timers<'c>,
    pub(crate) usage: Usage<'c>,
    pub(crate) states: States<'c>,
    pub(crate) pauses: Pauses<'c>,
    pub(crate) builds: Builds<'c>,
    pub(crate) vault: Vault<'c>,
    pub(crate) tally: Tally<'c>,
    pub(crate) spare: Spare<'c>,
}

impl<'c> Tables<'c> {
    pub(crate) fn new(connection: &'c Connection, bounds: Bounds) -> rusqlite::Result<Self> {
        Ok(Self {
            inbox: Inbox::new(connection)?,
            outbox: Outbox::new(connection)?,
            values: Values::new(connection)?,
            seen: Seen::new(connection)?,
            dead: Dead::new(connection, bounds.dead_of_bot)?,
            timers: Timers::new(connection)?,
            usage: Usage::new(connection)?,
            states: States::new(connection)?,
            pauses: Pauses::new(connection)?,
            builds: Builds::new(connection)?,
            vault: Vault::new(connection, bounds.records_of_kind)?,
            tally: Tally::new(connection)?,
            spare: Spare::new(connection)?,
        })
    }

    /// Makes what is kept in memory match the tables again, after a rollback.
    pub(crate) fn load(&mut self) -> rusqlite::Result<()> {
        self.dead.load()?;
        self.seen.load()?;
        self.usage.load();
        self.vault.load()?;
        self.tally.load()
    }

    /// Writes what is due once per transaction.
    pub(crate) fn save(&mut self) -> rusqlite::Result<()> {
        self.dead.trim(&mut self.tally.now.totals)?;
        self.vault.trim()?;
        self.usage.save()?;
        self.tally.save()
    }

    /// The transaction is committed.
    pub(crate) fn saved(&mut self) {
        self.dead.saved();
        self.seen.saved();
        self.vault.saved();
        self.tally.saved();
    }
}

/// As SQLite stores it. Numbers beyond its range mean "never", and still do at its end.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A number that [`stored`] wrote.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(|number: i64| u64::try_from(number).unwrap_or(0))
}

/// A text, without a copy.
fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

/// True where a row is there and is not what this program writes.
pub(crate) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

/// A row whose JSON this program cannot read.
fn unreadable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}
