//! Rows of the vault are written, taken and dropped.

use hodhod_core::store::{DoomedRecords, NameHash, RecordChange, RecordsOf, SealedRecord};
use hodhod_core::time::Millis;

use crate::encode::{Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

/// Most rows that one transaction drops: what is dropped is overwritten.
const STEP: usize = 256;

impl Weighs for RecordChange {
    fn weight(&self) -> Weight {
        Weight { rows: 2, bytes: size_of::<Self>() + self.record.as_ref().map_or(0, |record| record.sealed.len()) }
    }
}

pub(crate) struct Change(pub(crate) Vec<RecordChange>);

impl Work for Change {
    type Output = ();
    const OPERATION: &'static str = "change records of the vault";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
        for RecordChange { of, name, record } in &self.0 {
            match record {
                Some(row) => tables.vault.put(of, row)?,
                None => drop(tables.vault.delete(of, name)?),
            }
        }
        Ok(Progress::Done(()))
    }
}

pub(crate) struct Take {
    pub(crate) of: RecordsOf,
    pub(crate) name: NameHash,
    pub(crate) now: Millis,
}

impl Work for Take {
    type Output = Option<SealedRecord>;
    const OPERATION: &'static str = "take a record of the vault";

    fn weight(&self) -> Weight {
        Weight { rows: 1, bytes: 0 }
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        tables.vault.take(&self.of, &self.name, self.now).map(Progress::Done)
    }
}

pub(crate) struct Discard {
    doomed: DoomedRecords,
    /// Dropped by steps that are committed, and by the one that is not.
    dropped: u64,
    dropping: u64,
}

impl Discard {
    pub(crate) fn new(doomed: DoomedRecords) -> Self {
        Self { doomed, dropped: 0, dropping: 0 }
    }
}

impl Work for Discard {
    type Output = u64;
    const OPERATION: &'static str = "drop records of the vault";

    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<u64>> {
        self.dropping = tables.vault.drop_some(&self.doomed, STEP)?;
        // Fewer than were asked for are all that there are.
        let more = self.dropping == STEP as u64;
        Ok(if more { Progress::More } else { Progress::Done(self.dropped + self.dropping) })
    }

    fn committed(&mut self) {
        self.dropped += self.dropping;
    }
}
