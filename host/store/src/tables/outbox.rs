//! Sends not delivered yet.

use std::sync::Arc;

use hodhod_core::ids::{Chat, InboxSeq, OutboxSeq, SendId};
use hodhod_core::outbox::{ListedSend, SendsOf};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::store::{QueuedSend, WaitingSend};
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{limit, number, stored, text, unreadable};
use crate::encode::NewSend;

pub(crate) struct Outbox<'c> {
    insert: Statement<'c>,
    attempt: Statement<'c>,
    again: Statement<'c>,
    delete: Statement<'c>,
}

impl<'c> Outbox<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO outbox (seq, turn, place, bot, connection, chat, attempts, not_before, attempted, queued, message)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, ?7, ?8)",
            )?,
            attempt: connection.prepare("UPDATE outbox SET attempted = 1 WHERE seq = ?1")?,
            again: connection
                .prepare("UPDATE outbox SET attempts = ?2, not_before = ?3, attempted = 0 WHERE seq = ?1")?,
            delete: connection.prepare("DELETE FROM outbox WHERE seq = ?1")?,
        })
    }

    pub(crate) fn insert(&mut self, seq: OutboxSeq, send: &NewSend) -> rusqlite::Result<()> {
        self.insert
            .execute((
                stored(seq.0),
                stored(send.id.turn.0),
                send.id.index,
                send.bot.as_str(),
                send.chat.connection.as_str(),
                send.chat.id.as_str(),
                stored(send.queued.0),
                send.body.as_slice(),
            ))
            .map(drop)
    }

    /// Marks a send as being tried. False if the row is gone.
    pub(crate) fn attempt(&mut self, seq: OutboxSeq) -> rusqlite::Result<bool> {
        Ok(self.attempt.execute([stored(seq.0)])? == 1)
    }

    /// False if the row is gone.
    pub(crate) fn again(&mut self, seq: OutboxSeq, attempts: u32, not_before: Millis) -> rusqlite::Result<bool> {
        Ok(self.again.execute((stored(seq.0), attempts, stored(not_before.0)))? == 1)
    }

    /// False if the row was gone.
    pub(crate) fn delete(&mut self, seq: OutboxSeq) -> rusqlite::Result<bool> {
        Ok(self.delete.execute([stored(seq.0)])? == 1)
    }
}

pub(crate) fn waiting(connection: &Connection, after: OutboxSeq, most: usize) -> rusqlite::Result<Vec<WaitingSend>> {
    connection
        .prepare_cached(
            "SELECT seq, bot, connection, chat, attempts, not_before, attempted, turn FROM outbox
             WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map((stored(after.0), limit(most)), |row| {
            Ok(WaitingSend {
                seq: OutboxSeq(number(row, 0)?),
                bot: text(row, 1)?.into(),
                chat: Chat::new(text(row, 2)?, text(row, 3)?),
                attempts: row.get(4)?,
                not_before: Millis(number(row, 5)?),
                attempted: row.get(6)?,
                turn: InboxSeq(number(row, 7)?),
            })
        })?
        .collect()
}

pub(crate) fn send(connection: &Connection, seq: OutboxSeq) -> rusqlite::Result<Option<QueuedSend>> {
    connection
        .prepare_cached("SELECT turn, place, bot, connection, chat, queued, message FROM outbox WHERE seq = ?1")?
        .query_row([stored(seq.0)], |row| {
            Ok(QueuedSend {
                id: SendId { turn: InboxSeq(number(row, 0)?), index: row.get(1)? },
                bot: text(row, 2)?.into(),
                chat: Chat::new(text(row, 3)?, text(row, 4)?),
                queued: Millis(number(row, 5)?),
                message: serde_json::from_slice(row.get_ref(6)?.as_blob()?).map(Arc::new).map_err(unreadable)?,
            })
        })
        .optional()
}

/// As an operator sees them.
pub(crate) fn list(
    connection: &Connection,
    of: &SendsOf,
    after: OutboxSeq,
    most: usize,
) -> rusqlite::Result<Vec<ListedSend>> {
    let (scope, chat) = (of.connection.as_ref().map(|name| name.as_str()), of.chat.as_ref().map(|chat| chat.as_str()));
    connection
        .prepare_cached(
            "SELECT seq, bot, connection, chat, queued, attempts, not_before, attempted, message FROM outbox
             WHERE seq > ?1 AND (?2 IS NULL OR connection = ?2) AND (?3 IS NULL OR chat = ?3) ORDER BY seq LIMIT ?4",
        )?
        .query_map((stored(after.0), scope, chat, limit(most)), |row| {
            let message: Option<Outgoing> = serde_json::from_slice(row.get_ref(8)?.as_blob()?).ok();
            Ok(ListedSend {
                seq: OutboxSeq(number(row, 0)?),
                bot: text(row, 1)?.into(),
                chat: Chat::new(text(row, 2)?, text(row, 3)?),
                queued: Millis(number(row, 4)?),
                attempts: row.get(5)?,
                not_before: Millis(number(row, 6)?),
                attempted: row.get(7)?,
                kind: message.map_or("unreadable", |message| message.kind()).into(),
            })
        })?
        .collect()
}
