//! Dead letters: at most so many per bot, the oldest go first.

use std::collections::HashMap;
use std::sync::Arc;

use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::event::Event;
use hodhod_core::ids::{BotName, Chat, InboxSeq};
use hodhod_core::store::{Totals, WaitingEvent};
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::{limit, number, stored, text, unreadable};

pub(crate) struct Dead<'c> {
    insert: Statement<'c>,
    bury: Statement<'c>,
    revive: Statement<'c>,
    delete: Statement<'c>,
    drop_oldest: Statement<'c>,
    newest: Statement<'c>,
    list_one: Statement<'c>,
    list_bot: Statement<'c>,
    list_old: Statement<'c>,
    count: Statement<'c>,
    most: u64,
    /// Rows per bot. The names are the operator's, so it stays small.
    counts: HashMap<BotName, u64>,
    /// Bots that got or lost a dead letter in this transaction, some of them twice.
    changed: Vec<BotName>,
}

/// What one transaction dropped.
pub(crate) struct Dropped {
    pub(crate) dropped: u64,
    /// True where there may be more to drop.
    pub(crate) more: bool,
}

/// An event that never got into the inbox.
pub(crate) struct Stillborn<'a> {
    pub(crate) seq: InboxSeq,
    pub(crate) bot: &'a BotName,
    pub(crate) chat: &'a Chat,
    pub(crate) died: Millis,
    pub(crate) reason: &'a str,
    pub(crate) event: &'a [u8],
}

impl<'c> Dead<'c> {
    pub(super) fn new(connection: &'c Connection, most: u64) -> rusqlite::Result<Self> {
        let mut count = connection.prepare("SELECT bot, count(*) FROM dead GROUP BY bot")?;
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO dead (seq, bot, connection, chat, attempts, died, reason, event)
                 VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)",
            )?,
            bury: connection.prepare(
                "INSERT INTO dead (seq, bot, connection, chat, attempts, died, reason, event)
                 SELECT seq, bot, connection, chat, ?2, ?3, ?4, event FROM inbox WHERE seq = ?1
                 RETURNING bot",
            )?,
            revive: connection.prepare(
                "INSERT INTO inbox (seq, bot, connection, chat, attempts, not_before, event)
                 SELECT ?2, bot, connection, chat, 0, 0, event FROM dead WHERE seq = ?1
                 RETURNING bot, connection, chat",
            )?,
            delete: connection.prepare("DELETE FROM dead WHERE id = ?1")?,
            newest: connection.prepare("SELECT coalesce(max(id), 0) FROM dead")?,
            list_one: connection
                .prepare("SELECT id, bot, length(event) FROM dead WHERE seq = ?1 AND id <= ?2 LIMIT ?3")?,
            list_bot: connection
                .prepare("SELECT id, bot, length(event) FROM dead WHERE bot = ?1 AND id <= ?2 ORDER BY id LIMIT ?3")?,
            list_old: connection
                .prepare("SELECT id, bot, length(event) FROM dead WHERE died < ?1 AND id <= ?2 LIMIT ?3")?,
            drop_oldest: connection
                .prepare("DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE bot = ?1 ORDER BY id LIMIT ?2)")?,
            most,
            counts: counts(&mut count)?,
            count,
            changed: Vec::new(),
        })
    }

    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        self.counts = counts(&mut self.count)?;
        self.changed.clear();
        Ok(())
    }

    pub(crate) fn insert(&mut self, event: &Stillborn<'_>) -> rusqlite::Result<()> {
        self.insert.execute((
            stored(event.seq.0),
            event.bot.as_str(),
            event.chat.connection.as_str(),
            event.chat.id.as_str(),
            stored(event.died.0),
            event.reason,
            event.event,
        ))?;
        self.grow(event.bot.clone());
        Ok(())
    }

    /// Copies an inbox row here. False if there is none.
    pub(crate) fn bury(&mut self, seq: InboxSeq, attempts: u32, died: Millis, reason: &str) -> rusqlite::Result<bool> {
        let bot: Option<BotName> = self
            .bury
            .query_row((stored(seq.0), attempts, stored(died.0), reason), |row| text(row, 0).map(BotName::from))
            .optional()?;
        let stood = bot.is_some();
        if let Some(bot) = bot {
            self.grow(bot);
        }
        Ok(stood)
    }

    /// Moves a letter into the inbox, as the row `seq`. `None` if there is none.
    pub(crate) fn revive(&mut self, letter: InboxSeq, seq: InboxSeq) -> rusqlite::Result<Option<WaitingEvent>> {
        let row = self
            .revive
            .query_row((stored(letter.0), stored(seq.0)), |row| {
                let (bot, chat) = (text(row, 0)?.into(), Chat::new(text(row, 1)?, text(row, 2)?));
                Ok(WaitingEvent { seq, bot, chat, attempts: 0, not_before: Millis(0) })
            })
            .optional()?;
        if row.is_some() {
            self.drop_some(&Doomed::One(letter), u64::MAX, 1, u64::MAX)?;
        }
        Ok(row)
    }

    /// The place of the newest letter.
    pub(crate) fn newest(&mut self) -> rusqlite::Result<u64> {
        self.newest.query_row([], |row| number(row, 0))
    }

    /// Drops letters up to a place, at most `most` and, unless one has more, `bytes` of events.
    pub(crate) fn drop_some(
        &mut self,
        doomed: &Doomed,
        newest: u64,
        most: usize,
        bytes: u64,
    ) -> rusqlite::Result<Dropped> {
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, BotName::from(text(row, 1)?), number(row, 2)?));
        let (newest, most) = (stored(newest), limit(most));
        let found: rusqlite::Result<Vec<_>> = match doomed {
            Doomed::One(seq) => self.list_one.query_map((stored(seq.0), newest, most), row)?.collect(),
            Doomed::Of(bot) => self.list_bot.query_map((bot.as_str(), newest, most), row)?.collect(),
            Doomed::Before(when) => self.list_old.query_map((stored(when.0), newest, most), row)?.collect(),
        };
        let found = found?;
        // Fewer than were asked for are all that there are.
        let mut more = limit(found.len()) == most;
        let (mut dropped, mut size) = (0, 0_u64);
        for (id, bot, length) in found {
            size = size.saturating_add(length);
            if dropped > 0 && size > bytes {
                more = true;
                break;
            }
            self.delete.execute([id])?;
            dropped += 1;
            if let Some(count) = self.counts.get_mut(&bot) {
                *count = count.saturating_sub(1);
            }
            self.changed.push(bot);
        }
        Ok(Dropped { dropped, more })
    }

    fn grow(&mut self, bot: BotName) {
        *self.counts.entry(bot.clone()).or_default() += 1;
        self.changed.push(bot);
    }

    pub(super) fn saved(&mut self) {
        self.changed.clear();
    }

    /// Drops what is too much for the bots that got dead letters.
    pub(super) fn trim(&mut self, totals: &mut Totals) -> rusqlite::Result<()> {
        for bot in &self.changed {
            let Some(count) = self.counts.get_mut(bot) else { continue };
            let excess = count.saturating_sub(self.most);
            if excess == 0 {
                continue;
            }
            let dropped = self.drop_oldest.execute((bot.as_str(), stored(excess)))?;
            let dropped = u64::try_from(dropped).unwrap_or(u64::MAX);
            *count -= dropped.min(*count);
            totals.dead_dropped += dropped;
            totals.dead_letters = totals.dead_letters.saturating_sub(dropped);
        }
        Ok(())
    }
}

fn counts(statement: &mut Statement<'_>) -> rusqlite::Result<HashMap<BotName, u64>> {
    statement.query_map([], |row| Ok((text(row, 0)?.into(), number(row, 1)?)))?.collect()
}

const COLUMNS: &str = "SELECT seq, bot, connection, chat, attempts, died, reason, id FROM dead";

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        seq: InboxSeq(number(row, 0)?),
        bot: text(row, 1)?.into(),
        chat: Chat::new(text(row, 2)?, text(row, 3)?),
        attempts: row.get(4)?,
        died: Millis(number(row, 5)?),
        reason: row.get(6)?,
        place: number(row, 7)?,
    })
}

/// The newest of a bot or of all, before a place.
pub(crate) fn list(
    connection: &Connection,
    bot: Option<&BotName>,
    before: Option<u64>,
    most: usize,
) -> rusqlite::Result<Vec<DeadLetter>> {
    let (before, most) = (stored(before.unwrap_or(u64::MAX)), limit(most));
    match bot {
        Some(bot) => connection
            .prepare_cached(&format!("{COLUMNS} WHERE bot = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"))?
            .query_map((bot.as_str(), before, most), letter)?
            .collect(),
        None => connection
            .prepare_cached(&format!("{COLUMNS} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"))?
            .query_map((before, most), letter)?
            .collect(),
    }
}

pub(crate) fn one(connection: &Connection, seq: InboxSeq) -> rusqlite::Result<Option<DeadLetter>> {
    connection.prepare_cached(&format!("{COLUMNS} WHERE seq = ?1"))?.query_row([stored(seq.0)], letter).optional()
}

pub(crate) fn event(connection: &Connection, seq: InboxSeq) -> rusqlite::Result<Option<Arc<Event>>> {
    connection
        .prepare_cached("SELECT event FROM dead WHERE seq = ?1")?
        .query_row([stored(seq.0)], |row| {
            serde_json::from_slice(row.get_ref(0)?.as_blob()?).map(Arc::new).map_err(unreadable)
        })
        .optional()
}
