//! Bots that are held back. There are as many rows as bots that the operator configured, at most.

use hodhod_core::health::{By, Held, State};
use hodhod_core::ids::BotName;
use hodhod_core::time::Millis;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Statement};

use super::{number, stored, text};

pub(crate) struct States<'c> {
    set: Statement<'c>,
    clear: Statement<'c>,
}

impl<'c> States<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            set: connection.prepare(
                "INSERT OR REPLACE INTO bot_state (bot, state, held_by, since, reason, digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            clear: connection.prepare("DELETE FROM bot_state WHERE bot = ?1")?,
        })
    }

    pub(crate) fn set(&mut self, bot: &BotName, held: Option<&Held>) -> rusqlite::Result<()> {
        let Some(held) = held else { return self.clear.execute([bot.as_str()]).map(drop) };
        let since = stored(held.since.0);
        let row = (bot.as_str(), held.state.as_str(), held.by.as_str(), since, &held.reason, &held.digest);
        self.set.execute(row).map(drop)
    }
}

/// All of them, by name.
pub(crate) fn states(connection: &Connection) -> rusqlite::Result<Vec<(BotName, Held)>> {
    let mut statement =
        connection.prepare_cached("SELECT bot, state, held_by, since, reason, digest FROM bot_state ORDER BY bot")?;
    statement.query_map([], held)?.collect()
}

fn held(row: &Row<'_>) -> rusqlite::Result<(BotName, Held)> {
    let held = Held {
        state: word(row, 1, State::ALL.map(|state| (state.as_str(), state)))?,
        by: word(row, 2, [By::Bot, By::Operator].map(|by| (by.as_str(), by)))?,
        since: Millis(number(row, 3)?),
        reason: text(row, 4)?.to_owned(),
        digest: text(row, 5)?.to_owned(),
    };
    Ok((text(row, 0)?.into(), held))
}

/// What a column with one of a few words means.
fn word<T: Copy, const N: usize>(row: &Row<'_>, column: usize, known: [(&str, T); N]) -> rusqlite::Result<T> {
    let written = text(row, column)?;
    let meant = known.iter().find(|(word, _)| *word == written).map(|(_, meant)| *meant);
    meant.ok_or_else(|| {
        let error = format!("there is no state {written:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
