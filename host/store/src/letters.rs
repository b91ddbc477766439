//! Dead letters go back into the inbox, or for good.

use hodhod_core::dead::Doomed;
use hodhod_core::ids::InboxSeq;
use hodhod_core::store::WaitingEvent;

use crate::encode::Weight;
use crate::job::{Progress, Work};
use crate::tables::Tables;

/// Most letters, and bytes of them, that one transaction drops: what is dropped is overwritten.
const STEP: usize = 256;
const STEP_BYTES: u64 = 1 << 20;

pub(crate) struct Retry(pub(crate) InboxSeq);

impl Work for Retry {
    type Output = Option<WaitingEvent>;
    const OPERATION: &'static str = "retry a dead letter";

    fn weight(&self) -> Weight {
        Weight { rows: 2, bytes: 0 }
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        // Taken before it is known whether it is needed: a number is only ever skipped.
        let seq = tables.tally.now.inbox_seq();
        let row = tables.dead.revive(self.0, seq)?;
        if row.is_some() {
            let totals = &mut tables.tally.now.totals;
            totals.dead_retried += 1;
            totals.dead_letters = totals.dead_letters.saturating_sub(1);
            totals.waiting_events += 1;
        }
        Ok(Progress::Done(row))
    }
}

pub(crate) struct Discard {
    doomed: Doomed,
    /// The newest letter when the call began; what dies later stays.
    newest: Option<u64>,
    /// Dropped by steps that are committed, and by the one that is not.
    dropped: u64,
    dropping: u64,
}

impl Discard {
    pub(crate) fn new(doomed: Doomed) -> Self {
        Self { doomed, newest: None, dropped: 0, dropping: 0 }
    }
}

impl Work for Discard {
    type Output = u64;
    const OPERATION: &'static str = "drop dead letters";

    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<u64>> {
        let newest = match self.newest {
            Some(newest) => newest,
            None => *self.newest.insert(tables.dead.newest()?),
        };
        let step = tables.dead.drop_some(&self.doomed, newest, STEP, STEP_BYTES)?;
        self.dropping = step.dropped;
        let totals = &mut tables.tally.now.totals;
        totals.dead_dropped += step.dropped;
        totals.dead_letters = totals.dead_letters.saturating_sub(step.dropped);
        Ok(if step.more { Progress::More } else { Progress::Done(self.dropped + step.dropped) })
    }

    fn committed(&mut self) {
        self.dropped += self.dropping;
    }
}
