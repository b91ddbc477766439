//! Dead letters: at most so many per bot, the oldest go first.

use std::collections::HashMap;

use hodhod_core::dead::DeadLetter;
use hodhod_core::ids::{BotName, Chat, InboxSeq};
use hodhod_core::store::Totals;
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{limit, number, stored, text};

pub(crate) struct Dead<'c> {
    insert: Statement<'c>,
    bury: Statement<'c>,
    drop_oldest: Statement<'c>,
    count: Statement<'c>,
    most: u64,
    /// Rows per bot. The names are the operator's, so it stays small.
    counts: HashMap<BotName, u64>,
    /// Bots that got a dead letter in this transaction, some of them twice.
    grown: Vec<BotName>,
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
            drop_oldest: connection
                .prepare("DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE bot = ?1 ORDER BY id LIMIT ?2)")?,
            most,
            counts: counts(&mut count)?,
            count,
            grown: Vec::new(),
        })
    }

    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        if self.grown.is_empty() {
            return Ok(());
        }
        self.counts = counts(&mut self.count)?;
        self.grown.clear();
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

    fn grow(&mut self, bot: BotName) {
        *self.counts.entry(bot.clone()).or_default() += 1;
        self.grown.push(bot);
    }

    pub(super) fn saved(&mut self) {
        self.grown.clear();
    }

    /// Drops what is too much for the bots that got dead letters.
    pub(super) fn trim(&mut self, totals: &mut Totals) -> rusqlite::Result<()> {
        for bot in &self.grown {
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

pub(crate) fn newest(connection: &Connection, most: usize) -> rusqlite::Result<Vec<DeadLetter>> {
    connection
        .prepare_cached(
            "SELECT seq, bot, connection, chat, attempts, died, reason FROM dead ORDER BY id DESC LIMIT ?1",
        )?
        .query_map([limit(most)], |row| {
            Ok(DeadLetter {
                seq: InboxSeq(number(row, 0)?),
                bot: text(row, 1)?.into(),
                chat: Chat::new(text(row, 2)?, text(row, 3)?),
                attempts: row.get(4)?,
                died: Millis(number(row, 5)?),
                reason: row.get(6)?,
            })
        })?
        .collect()
}
