//! Rows of a person go, those of one call together; then the log that may still hold them.

use hodhod_core::dead::Doomed;
use hodhod_core::store::{Erased, Rows};

use crate::encode::Weight;
use crate::job::{Progress, Work};
use crate::tables::Tables;
use crate::write_back::WriteBack;

pub(crate) struct Erase(pub(crate) Rows);

impl Work for Erase {
    type Output = Erased;
    const OPERATION: &'static str = "erase a person";

    fn weight(&self) -> Weight {
        let Rows { values, timers, letters, events, sends, records } = &self.0;
        let names = values.iter().map(|key| key.key.len()).chain(timers.iter().map(|key| key.id.len()));
        let rows = values.len() + timers.len() + letters.len() + events.len() + sends.len() + records.len();
        Weight { rows, bytes: size_of::<Rows>() + rows * size_of::<u64>() + names.sum::<usize>() }
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Erased>> {
        let mut erased = Erased::default();
        for key in &self.0.values {
            let (keys, bytes) = tables.values.set(key, None)?;
            tables.usage.value(&key.bot, &key.bucket, keys, bytes);
            erased.values += keys.unsigned_abs();
        }
        for key in &self.0.timers {
            let timers = tables.timers.set(key, None)?;
            tables.usage.timer(&key.bot, timers);
            erased.timers += timers.unsigned_abs();
        }
        for seq in &self.0.letters {
            erased.letters += tables.dead.drop_some(&Doomed::One(*seq), u64::MAX, 1, u64::MAX)?.dropped;
        }
        for seq in &self.0.events {
            erased.events += u64::from(tables.inbox.delete(*seq)?);
        }
        for seq in &self.0.sends {
            erased.sends += u64::from(tables.outbox.delete(*seq)?);
        }
        for place in &self.0.records {
            erased.records += u64::from(tables.vault.delete_at(*place)?);
        }
        let totals = &mut tables.tally.now.totals;
        totals.dead_dropped += erased.letters;
        totals.dead_letters = totals.dead_letters.saturating_sub(erased.letters);
        totals.waiting_events = totals.waiting_events.saturating_sub(erased.events);
        totals.waiting_sends = totals.waiting_sends.saturating_sub(erased.sends);
        Ok(Progress::Done(erased))
    }
}

/// Writes the log back and cuts it off.
pub(crate) struct ClearLog;

impl Work for ClearLog {
    type Output = bool;
    const OPERATION: &'static str = "clear the log";

    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, _tables: &mut Tables<'_>) -> rusqlite::Result<Progress<bool>> {
        Ok(Progress::Done(false))
    }

    fn afterwards(&mut self, is_clear: &mut bool, log: &WriteBack<'_>) {
        match log.all_at_once() {
            Ok(done) => *is_clear = done,
            // It is written back at the next chance, as any log is.
            Err(error) => tracing::warn!(%error, "the log of the database could not be written back"),
        }
    }
}
