//! Turns end: the mark of the event, the values, the timers and the sends go together.

use hodhod_core::ids::OutboxSeq;
use hodhod_core::store::Mark;

use crate::encode::{Effects, EndedTurn, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

pub(crate) struct Commit(pub(crate) Vec<EndedTurn>);

impl Work for Commit {
    type Output = Vec<Vec<OutboxSeq>>;
    const OPERATION: &'static str = "commit turns";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|turn| commit(tables, turn)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

/// Ends one turn. If its event is gone, another end of it was committed before, and nothing of
/// this one is applied.
fn commit(tables: &mut Tables<'_>, turn: &EndedTurn) -> rusqlite::Result<Vec<OutboxSeq>> {
    if !mark(tables, turn)? {
        tracing::error!(seq = %turn.seq, "a turn ended whose event is gone; its effects are dropped");
        return Ok(Vec::new());
    }
    // An event that is not done has no effects; what another end carries by mistake is left out.
    if turn.mark != Mark::Done {
        return Ok(Vec::new());
    }
    apply(tables, &turn.effects)
}

/// Does what a turn wants done. Gives the outbox rows of its sends.
pub(crate) fn apply(tables: &mut Tables<'_>, effects: &Effects) -> rusqlite::Result<Vec<OutboxSeq>> {
    for (key, value) in &effects.values {
        let (keys, bytes) = tables.values.set(key, value.as_deref())?;
        tables.usage.value(&key.bot, &key.bucket, keys, bytes);
    }
    for (key, standing) in &effects.timers {
        let more = tables.timers.set(key, standing.as_ref())?;
        tables.usage.timer(&key.bot, more);
    }
    let mut rows = Vec::with_capacity(effects.sends.len());
    for send in &effects.sends {
        let seq = tables.tally.now.outbox_seq();
        tables.outbox.insert(seq, send)?;
        tables.tally.now.totals.waiting_sends += 1;
        rows.push(seq);
    }
    Ok(rows)
}

/// Marks the event. False if it is gone.
fn mark(tables: &mut Tables<'_>, turn: &EndedTurn) -> rusqlite::Result<bool> {
    let totals = &mut tables.tally.now.totals;
    match &turn.mark {
        Mark::Retry { attempts, not_before } => return tables.inbox.retry(turn.seq, *attempts, *not_before),
        Mark::Done => {
            if !tables.inbox.delete(turn.seq)? {
                return Ok(false);
            }
            totals.handled += 1;
        }
        Mark::Dead { attempts, reason } => {
            if !tables.dead.bury(turn.seq, *attempts, turn.at, reason)? {
                return Ok(false);
            }
            tables.inbox.delete(turn.seq)?;
            totals.dead += 1;
            totals.dead_letters += 1;
        }
    }
    totals.waiting_events = totals.waiting_events.saturating_sub(1);
    Ok(true)
}
