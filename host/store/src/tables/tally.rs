//! The next sequence numbers and the counters: one row, in memory while a transaction is open and
//! written once at its end.

use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::Totals;
use rusqlite::{Connection, Row, Statement};

use super::{number, stored};

const READ: &str = "SELECT next_inbox, next_outbox, arrivals, duplicates, handled, dead, dead_dropped, delivered,
    failed, in_doubt_resent, in_doubt_dropped, waiting_events, waiting_sends, dead_letters, dead_retried FROM tally WHERE id = 1";

pub(crate) struct Tally<'c> {
    read: Statement<'c>,
    write: Statement<'c>,
    /// As the open transaction would commit it.
    pub(crate) now: Numbers,
    saved: Numbers,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    next_inbox: u64,
    next_outbox: u64,
    pub(crate) totals: Totals,
}

impl Numbers {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            next_inbox: number(row, 0)?,
            next_outbox: number(row, 1)?,
            totals: Totals {
                arrivals: number(row, 2)?,
                duplicates: number(row, 3)?,
                handled: number(row, 4)?,
                dead: number(row, 5)?,
                dead_dropped: number(row, 6)?,
                delivered: number(row, 7)?,
                failed: number(row, 8)?,
                in_doubt_resent: number(row, 9)?,
                in_doubt_dropped: number(row, 10)?,
                waiting_events: number(row, 11)?,
                waiting_sends: number(row, 12)?,
                dead_letters: number(row, 13)?,
                dead_retried: number(row, 14)?,
            },
        })
    }

    /// A number for an inbox row. Used again only if the transaction is rolled back, when nobody
    /// has learnt it.
    pub(crate) fn inbox_seq(&mut self) -> InboxSeq {
        self.next_inbox += 1;
        InboxSeq(self.next_inbox - 1)
    }

    /// A number for an outbox row, likewise.
    pub(crate) fn outbox_seq(&mut self) -> OutboxSeq {
        self.next_outbox += 1;
        OutboxSeq(self.next_outbox - 1)
    }
}

impl<'c> Tally<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mut tally = Self {
            read: connection.prepare(READ)?,
            write: connection.prepare(
                "UPDATE tally SET next_inbox = ?1, next_outbox = ?2, arrivals = ?3, duplicates = ?4, handled = ?5,
                 dead = ?6, dead_dropped = ?7, delivered = ?8, failed = ?9, in_doubt_resent = ?10,
                 in_doubt_dropped = ?11, waiting_events = ?12, waiting_sends = ?13, dead_letters = ?14, dead_retried = ?15
                 WHERE id = 1",
            )?,
            now: Numbers::default(),
            saved: Numbers::default(),
        };
        tally.load()?;
        Ok(tally)
    }

    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        self.saved = self.read.query_row([], Numbers::read)?;
        self.now = self.saved;
        Ok(())
    }

    pub(super) fn save(&mut self) -> rusqlite::Result<()> {
        if self.now == self.saved {
            return Ok(());
        }
        let Numbers { next_inbox, next_outbox, totals } = self.now;
        self.write.execute([
            stored(next_inbox),
            stored(next_outbox),
            stored(totals.arrivals),
            stored(totals.duplicates),
            stored(totals.handled),
            stored(totals.dead),
            stored(totals.dead_dropped),
            stored(totals.delivered),
            stored(totals.failed),
            stored(totals.in_doubt_resent),
            stored(totals.in_doubt_dropped),
            stored(totals.waiting_events),
            stored(totals.waiting_sends),
            stored(totals.dead_letters),
            stored(totals.dead_retried),
        ])?;
        Ok(())
    }

    pub(super) fn saved(&mut self) {
        self.saved = self.now;
    }
}

pub(crate) fn totals(connection: &Connection) -> rusqlite::Result<Totals> {
    connection.prepare_cached(READ)?.query_row([], |row| Numbers::read(row).map(|numbers| numbers.totals))
}
