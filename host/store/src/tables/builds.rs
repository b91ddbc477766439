//! The builds that the values of bots are of. There are as many rows as bots that were ever configured.

use hodhod_core::ids::BotName;
use hodhod_core::store::Build;
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{stored, text};

pub(crate) struct Builds<'c> {
    set: Statement<'c>,
}

impl<'c> Builds<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let set =
            connection.prepare("INSERT OR REPLACE INTO build (bot, digest, version, since) VALUES (?1, ?2, ?3, ?4)")?;
        Ok(Self { set })
    }

    pub(crate) fn set(&mut self, bot: &BotName, build: &Build, since: Millis) -> rusqlite::Result<()> {
        self.set.execute((bot.as_str(), &build.digest, &build.version, stored(since.0))).map(drop)
    }
}

pub(crate) fn build(connection: &Connection, bot: &BotName) -> rusqlite::Result<Option<Build>> {
    connection
        .prepare_cached("SELECT digest, version FROM build WHERE bot = ?1")?
        .query_row([bot.as_str()], |row| {
            Ok(Build { digest: text(row, 0)?.to_owned(), version: text(row, 1)?.to_owned() })
        })
        .optional()
}
