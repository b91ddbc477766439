//! Events not handled yet.

use std::sync::Arc;

use hodhod_core::event::Event;
use hodhod_core::ids::{BotName, Chat, InboxSeq};
use hodhod_core::store::WaitingEvent;
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{limit, number, stored, text, unreadable};
use crate::hash::KeyHash;

pub(crate) struct Inbox<'c> {
    insert: Statement<'c>,
    insert_asked: Statement<'c>,
    retry: Statement<'c>,
    delete: Statement<'c>,
}

impl<'c> Inbox<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO inbox (seq, bot, connection, chat, attempts, not_before, event)
                 VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)",
            )?,
            insert_asked: connection.prepare(
                "INSERT INTO inbox (seq, bot, connection, chat, attempts, not_before, event, asked, asked_at)
                 VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7)",
            )?,
            retry: connection.prepare("UPDATE inbox SET attempts = ?2, not_before = ?3 WHERE seq = ?1")?,
            delete: connection.prepare("DELETE FROM inbox WHERE seq = ?1")?,
        })
    }

    /// `asked` is the key, and when it arrived, where somebody waits for what the bot answers.
    pub(crate) fn insert(
        &mut self,
        seq: InboxSeq,
        bot: &BotName,
        chat: &Chat,
        event: &[u8],
        asked: Option<(&KeyHash, Millis)>,
    ) -> rusqlite::Result<()> {
        let (seq, bot, connection, chat) = (stored(seq.0), bot.as_str(), chat.connection.as_str(), chat.id.as_str());
        match asked {
            None => self.insert.execute((seq, bot, connection, chat, event)),
            Some((key, at)) => self.insert_asked.execute((seq, bot, connection, chat, event, key, stored(at.0))),
        }
        .map(drop)
    }

    /// False if the row is gone.
    pub(crate) fn retry(&mut self, seq: InboxSeq, attempts: u32, not_before: Millis) -> rusqlite::Result<bool> {
        Ok(self.retry.execute((stored(seq.0), attempts, stored(not_before.0)))? == 1)
    }

    /// False if the row was gone.
    pub(crate) fn delete(&mut self, seq: InboxSeq) -> rusqlite::Result<bool> {
        Ok(self.delete.execute([stored(seq.0)])? == 1)
    }
}

pub(crate) fn waiting(connection: &Connection, after: InboxSeq, most: usize) -> rusqlite::Result<Vec<WaitingEvent>> {
    connection
        .prepare_cached(
            "SELECT seq, bot, connection, chat, attempts, not_before FROM inbox WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map((stored(after.0), limit(most)), |row| {
            Ok(WaitingEvent {
                seq: InboxSeq(number(row, 0)?),
                bot: text(row, 1)?.into(),
                chat: Chat::new(text(row, 2)?, text(row, 3)?),
                attempts: row.get(4)?,
                not_before: Millis(number(row, 5)?),
            })
        })?
        .collect()
}

/// The waiting rows of what was asked for under a key, each with when it arrived.
pub(crate) fn asked(connection: &Connection, key: &KeyHash) -> rusqlite::Result<Vec<(InboxSeq, Millis)>> {
    connection
        .prepare_cached("SELECT seq, asked_at FROM inbox WHERE asked = ?1 ORDER BY seq")?
        .query_map([key], |row| Ok((InboxSeq(number(row, 0)?), Millis(number(row, 1)?))))?
        .collect()
}

pub(crate) fn event(connection: &Connection, seq: InboxSeq) -> rusqlite::Result<Option<Arc<Event>>> {
    connection
        .prepare_cached("SELECT event FROM inbox WHERE seq = ?1")?
        .query_row([stored(seq.0)], |row| {
            serde_json::from_slice(row.get_ref(0)?.as_blob()?).map(Arc::new).map_err(unreadable)
        })
        .optional()
}
