//! Timers that stand.

use hodhod_core::ids::{BotName, Chat};
use hodhod_core::time::Millis;
use hodhod_core::timers::{ListedTimer, Missed, Standing, TimerKey, TimerPlace};
use rusqlite::{Connection, Params, Statement};

use super::{limit, number, stored, text};

/// A timer's chat as columns.
fn columns(key: &TimerKey) -> (&str, &str) {
    key.chat.as_ref().map_or(("", ""), |chat| (chat.connection.as_str(), chat.id.as_str()))
}

/// A timer as the parameters of a statement.
fn row<'t>(key: &'t TimerKey, standing: &'t Standing) -> impl Params + 't {
    let (scope, chat) = columns(key);
    let (due, skip) = (stored(standing.due.0), standing.missed == Missed::Skip);
    (key.bot.as_str(), scope, chat, &key.id, due, skip, &standing.payload)
}

pub(crate) struct Timers<'c> {
    insert: Statement<'c>,
    update: Statement<'c>,
    delete: Statement<'c>,
    fire: Statement<'c>,
    skip: Statement<'c>,
}

impl<'c> Timers<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO timer (bot, connection, chat, id, due, skip, payload)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            )?,
            update: connection.prepare(
                "UPDATE timer SET due = ?5, skip = ?6, payload = ?7
                 WHERE bot = ?1 AND connection = ?2 AND chat = ?3 AND id = ?4",
            )?,
            delete: connection
                .prepare("DELETE FROM timer WHERE bot = ?1 AND connection = ?2 AND chat = ?3 AND id = ?4")?,
            fire: connection.prepare(
                "DELETE FROM timer WHERE bot = ?1 AND connection = ?2 AND chat = ?3 AND id = ?4
                 AND due = ?5 AND skip = ?6 AND payload = ?7",
            )?,
            skip: connection.prepare("DELETE FROM timer WHERE skip = 1 AND due < ?1 RETURNING bot")?,
        })
    }

    /// Sets a timer; `None` cancels it. Gives how many more there are.
    pub(crate) fn set(&mut self, key: &TimerKey, standing: Option<&Standing>) -> rusqlite::Result<i64> {
        let (scope, chat) = columns(key);
        let Some(standing) = standing else {
            return Ok(if self.delete.execute((key.bot.as_str(), scope, chat, &key.id))? == 1 { -1 } else { 0 });
        };
        if self.insert.execute(row(key, standing))? == 1 {
            return Ok(1);
        }
        self.update.execute(row(key, standing))?;
        Ok(0)
    }

    /// Takes a timer that fires. False if it does not stand so any more.
    pub(crate) fn fire(&mut self, key: &TimerKey, standing: &Standing) -> rusqlite::Result<bool> {
        Ok(self.fire.execute(row(key, standing))? == 1)
    }

    /// Drops what was missed and does not fire late; gives the bots, once for each.
    pub(crate) fn skip(&mut self, now: Millis) -> rusqlite::Result<Vec<BotName>> {
        self.skip.query_map([stored(now.0)], |row| text(row, 0).map(BotName::from))?.collect()
    }
}

/// Bots as a list that a statement takes as one parameter.
fn names(bots: &[BotName]) -> String {
    let names: Vec<_> = bots.iter().map(BotName::as_str).collect();
    serde_json::Value::from(names).to_string()
}

/// What is due at `now`, the longest due first.
pub(crate) fn due(
    connection: &Connection,
    bots: &[BotName],
    now: Millis,
    most: usize,
) -> rusqlite::Result<Vec<(TimerKey, Standing)>> {
    connection
        .prepare_cached(
            "SELECT bot, connection, chat, id, due, skip, payload FROM timer
             WHERE due <= ?1 AND bot IN (SELECT value FROM json_each(?2)) ORDER BY due LIMIT ?3",
        )?
        .query_map((stored(now.0), names(bots), limit(most)), |row| {
            let (scope, id) = (text(row, 1)?, text(row, 2)?);
            let chat = (!scope.is_empty()).then(|| Chat::new(scope, id));
            let key = TimerKey { bot: text(row, 0)?.into(), chat, id: row.get(3)? };
            let missed = if row.get(5)? { Missed::Skip } else { Missed::Fire };
            Ok((key, Standing { due: Millis(number(row, 4)?), payload: row.get(6)?, missed }))
        })?
        .collect()
}

/// True if the timer stands.
pub(crate) fn has(connection: &Connection, key: &TimerKey) -> rusqlite::Result<bool> {
    let (scope, chat) = columns(key);
    connection
        .prepare_cached("SELECT 1 FROM timer WHERE bot = ?1 AND connection = ?2 AND chat = ?3 AND id = ?4")?
        .exists((key.bot.as_str(), scope, chat, &key.id))
}

/// When the next timer is due.
pub(crate) fn next(connection: &Connection, bots: &[BotName]) -> rusqlite::Result<Option<Millis>> {
    connection.prepare_cached("SELECT min(due) FROM timer WHERE bot IN (SELECT value FROM json_each(?1))")?.query_row(
        [names(bots)],
        |row| {
            let due: Option<i64> = row.get(0)?;
            Ok(due.map(|due| Millis(u64::try_from(due).unwrap_or(0))))
        },
    )
}

/// Timers in the order in which they fire, after a place.
pub(crate) fn list(
    connection: &Connection,
    bot: Option<&BotName>,
    after: Option<&TimerPlace>,
    most: usize,
) -> rusqlite::Result<Vec<ListedTimer>> {
    // Before any other.
    let (mut due, mut key) = (-1, ("", "", "", ""));
    if let Some((after, name)) = after {
        let (scope, chat) = columns(name);
        (due, key) = (stored(after.0), (name.bot.as_str(), scope, chat, name.id.as_str()));
    }
    connection
        .prepare_cached(
            "SELECT bot, connection, chat, id, due, skip FROM timer
             WHERE due >= ?1 AND (due, bot, connection, chat, id) > (?1, ?2, ?3, ?4, ?5) AND (?6 IS NULL OR bot = ?6)
             ORDER BY due, bot, connection, chat, id LIMIT ?7",
        )?
        .query_map((due, key.0, key.1, key.2, key.3, bot.map(BotName::as_str), limit(most)), |row| {
            let (scope, id) = (text(row, 1)?, text(row, 2)?);
            let chat = (!scope.is_empty()).then(|| Chat::new(scope, id));
            let key = TimerKey { bot: text(row, 0)?.into(), chat, id: row.get(3)? };
            let missed = if row.get(5)? { Missed::Skip } else { Missed::Fire };
            Ok(ListedTimer { key, due: Millis(number(row, 4)?), missed })
        })?
        .collect()
}

/// Those of a bot for a chat, in the order of their ids, after one.
pub(crate) fn of_chat(
    connection: &Connection,
    bot: &BotName,
    chat: &Chat,
    after: Option<&str>,
    most: usize,
) -> rusqlite::Result<Vec<(TimerKey, Standing)>> {
    connection
        .prepare_cached(
            "SELECT id, due, skip, payload FROM timer
             WHERE bot = ?1 AND connection = ?2 AND chat = ?3 AND (?4 IS NULL OR id > ?4) ORDER BY id LIMIT ?5",
        )?
        .query_map((bot.as_str(), chat.connection.as_str(), chat.id.as_str(), after, limit(most)), |row| {
            let key = TimerKey { bot: bot.clone(), chat: Some(chat.clone()), id: row.get(0)? };
            let missed = if row.get(2)? { Missed::Skip } else { Missed::Fire };
            Ok((key, Standing { due: Millis(number(row, 1)?), payload: row.get(3)?, missed }))
        })?
        .collect()
}
