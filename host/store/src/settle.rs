//! Sends are tried, and what becomes of a try is recorded.

use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{Appended, SendOutcome};

use crate::append::append;
use crate::encode::{Settled, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

pub(crate) struct Attempt(pub(crate) Vec<OutboxSeq>);

impl Work for Attempt {
    type Output = ();
    const OPERATION: &'static str = "record tries to send";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
        self.0.iter().try_for_each(|seq| tables.outbox.attempt(*seq)).map(Progress::Done)
    }
}

pub(crate) struct Settle(pub(crate) Vec<Settled>);

impl Work for Settle {
    type Output = Vec<Option<InboxSeq>>;
    const OPERATION: &'static str = "settle sends";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|settled| settle(tables, settled)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

/// Settles one send. If its row is gone it was settled before: nothing is counted or reported.
fn settle(tables: &mut Tables<'_>, settled: &Settled) -> rusqlite::Result<Option<InboxSeq>> {
    if !record(tables, settled)? {
        return Ok(None);
    }
    let Some(report) = &settled.report else { return Ok(None) };
    Ok(match append(tables, report)? {
        Appended::Stored(rows) => rows.into_iter().flatten().next(),
        Appended::Duplicate => None,
    })
}

/// Records what became of a send. False if its row is gone.
fn record(tables: &mut Tables<'_>, settled: &Settled) -> rusqlite::Result<bool> {
    let totals = &mut tables.tally.now.totals;
    if let SendOutcome::Again { attempts, not_before, in_doubt } = settled.outcome {
        let stood = tables.outbox.again(settled.seq, attempts, not_before)?;
        totals.in_doubt_resent += u64::from(stood && in_doubt);
        return Ok(stood);
    }
    if !tables.outbox.delete(settled.seq)? {
        return Ok(false);
    }
    totals.waiting_sends = totals.waiting_sends.saturating_sub(1);
    match settled.outcome {
        SendOutcome::Delivered => totals.delivered += 1,
        SendOutcome::Failed => totals.failed += 1,
        SendOutcome::DroppedInDoubt => totals.in_doubt_dropped += 1,
        SendOutcome::Again { .. } => {}
    }
    Ok(true)
}
