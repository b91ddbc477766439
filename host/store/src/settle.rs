//! Sends are tried, and what becomes of a try is recorded.

use hodhod_core::ids::OutboxSeq;
use hodhod_core::store::{Appended, SendOutcome, Settled};

use crate::append::append;
use crate::encode::{EndedSend, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

pub(crate) struct Attempt(pub(crate) Vec<OutboxSeq>);

impl Work for Attempt {
    type Output = Vec<bool>;
    const OPERATION: &'static str = "record tries to send";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|seq| tables.outbox.attempt(*seq)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

pub(crate) struct Settle(pub(crate) Vec<EndedSend>);

impl Work for Settle {
    type Output = Vec<Settled>;
    const OPERATION: &'static str = "settle sends";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|ended| settle(tables, ended)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

/// Settles one send. If its row is gone it was settled before: nothing is counted or reported.
fn settle(tables: &mut Tables<'_>, ended: &EndedSend) -> rusqlite::Result<Settled> {
    if !record(tables, ended)? {
        return Ok(Settled::Gone);
    }
    let Some(report) = &ended.report else { return Ok(Settled::Stood(None)) };
    Ok(Settled::Stood(match append(tables, report)? {
        Appended::Stored(rows) => rows.into_iter().flatten().next(),
        Appended::Duplicate => None,
    }))
}

/// Records what became of a send. False if its row is gone.
fn record(tables: &mut Tables<'_>, ended: &EndedSend) -> rusqlite::Result<bool> {
    let totals = &mut tables.tally.now.totals;
    if let SendOutcome::Again { attempts, not_before, in_doubt } = ended.outcome {
        let stood = tables.outbox.again(ended.seq, attempts, not_before)?;
        totals.in_doubt_resent += u64::from(stood && in_doubt);
        return Ok(stood);
    }
    if !tables.outbox.delete(ended.seq)? {
        return Ok(false);
    }
    totals.waiting_sends = totals.waiting_sends.saturating_sub(1);
    match ended.outcome {
        SendOutcome::Delivered => totals.delivered += 1,
        SendOutcome::Failed => totals.failed += 1,
        SendOutcome::DroppedInDoubt => totals.in_doubt_dropped += 1,
        SendOutcome::Again { .. } => {}
    }
    Ok(true)
}
