//! The model: maps in memory that follow the contract's words.

use std::collections::BTreeMap;

use hodhod_core::dead::Doomed;
use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{
    Appended, Arrival, Build, DoomedRecords, Erased, Mark, Migration, NameHash, QueuedSend, RecordChange, RecordsOf,
    Rows, SealedRecord, SendOutcome, Settled, Settlement, Totals, TurnCommit,
};
use hodhod_core::time::Millis;
use hodhod_core::values::{ValueKey, Write};

use super::KINDS;

pub(crate) const MOST_DEAD: usize = 4;
pub(crate) const MOST_RECORDS: usize = 5;

#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(super) seen: BTreeMap<String, Millis>,
    /// The time, for keys with a window: it goes on.
    now: u64,
    pub(super) next_inbox: u64,
    pub(super) next_outbox: u64,
    pub(super) inbox: BTreeMap<InboxSeq, Waiting>,
    pub(super) outbox: BTreeMap<OutboxSeq, Sent>,
    pub(super) values: BTreeMap<String, Vec<u8>>,
    pub(super) dead: Vec<Letter>,
    pub(super) builds: BTreeMap<String, Build>,
    /// In the order in which they were written.
    pub(super) records: Vec<(RecordsOf, SealedRecord)>,
    pub(super) totals: Totals,
}

#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) arrival: Arrival,
    pub(super) bot: String,
    pub(super) attempts: u32,
    pub(super) not_before: Millis,
}

#[derive(Clone)]
pub(super) struct Letter {
    pub(super) seq: InboxSeq,
    pub(super) arrival: Arrival,
    pub(super) bot: String,
    pub(super) died: Millis,
    pub(super) reason: String,
}

#[derive(Clone)]
pub(super) struct Sent {
    pub(super) send: QueuedSend,
    pub(super) attempts: u32,
    pub(super) not_before: Millis,
    pub(super) attempted: bool,
}

impl Model {
    pub(super) fn append(&mut self, arrival: &Arrival) -> Appended {
        let first = self.seen.get(&arrival.key);
        if first.is_some_and(|first| arrival.within.is_none_or(|within| arrival.received.since(*first) < within)) {
            self.totals.duplicates += 1;
            return Appended::Duplicate;
        }
        self.seen.insert(arrival.key.clone(), arrival.received);
        self.totals.arrivals += 1;
        let mut rows = Vec::new();
        for route in &arrival.routes {
            self.next_inbox += 1;
            let seq = InboxSeq(self.next_inbox);
            let bot = route.bot.to_string();
            rows.push(match &route.overflow {
                Some(reason) => {
                    self.bury(seq, bot, reason, arrival.clone(), arrival.received);
                    None
                }
                None => {
                    let waiting = Waiting { arrival: arrival.clone(), bot, attempts: 0, not_before: Millis(0) };
                    self.inbox.insert(seq, waiting);
                    Some(seq)
                }
            });
        }
        Appended::Stored(rows)
    }

    /// What has a window comes at the time that it is; the rest at any.
    pub(super) fn timed(&mut self, arrival: Arrival) -> Arrival {
        if arrival.within.is_none() {
            return arrival;
        }
        self.now += arrival.received.0 % 4;
        Arrival { received: Millis(self.now), ..arrival }
    }

    fn bury(&mut self, seq: InboxSeq, bot: String, reason: &str, arrival: Arrival, died: Millis) {
        self.dead.push(Letter { seq, arrival, bot: bot.clone(), died, reason: reason.into() });
        self.totals.dead += 1;
        if self.dead.iter().filter(|letter| letter.bot == bot).count() > MOST_DEAD {
            let oldest = self.dead.iter().position(|letter| letter.bot == bot).unwrap();
            self.dead.remove(oldest);
            self.totals.dead_dropped += 1;
        }
    }

    pub(super) fn retry_dead(&mut self, seq: InboxSeq) -> Option<InboxSeq> {
        self.next_inbox += 1;
        let at = self.dead.iter().position(|letter| letter.seq == seq)?;
        let Letter { arrival, bot, .. } = self.dead.remove(at);
        self.totals.dead_retried += 1;
        let again = InboxSeq(self.next_inbox);
        // Who waited for it was told that nothing comes.
        let arrival = Arrival { asked: false, ..arrival };
        self.inbox.insert(again, Waiting { arrival, bot, attempts: 0, not_before: Millis(0) });
        Some(again)
    }

    pub(super) fn drop_dead(&mut self, doomed: &Doomed) -> u64 {
        let before = self.dead.len();
        self.dead.retain(|letter| match doomed {
            Doomed::One(seq) => letter.seq != *seq,
            Doomed::Of(bot) => letter.bot != bot.as_str(),
            Doomed::Before(when) => letter.died >= *when,
        });
        let dropped = (before - self.dead.len()) as u64;
        self.totals.dead_dropped += dropped;
        dropped
    }

    pub(super) fn commit(&mut self, turn: &TurnCommit) -> Vec<OutboxSeq> {
        let Some(waiting) = self.inbox.get_mut(&turn.seq) else { return Vec::new() };
        match &turn.mark {
            Mark::Retry { attempts, not_before } => {
                (waiting.attempts, waiting.not_before) = (*attempts, *not_before);
                return Vec::new();
            }
            Mark::Dead { reason, .. } => {
                let Waiting { arrival, bot, .. } = self.inbox.remove(&turn.seq).unwrap();
                self.bury(turn.seq, bot, reason, arrival, turn.at);
                return Vec::new();
            }
            Mark::Done => {}
        }
        self.inbox.remove(&turn.seq);
        self.totals.handled += 1;
        self.effects(&turn.values, &turn.sends)
    }

    pub(super) fn migrate(&mut self, migration: &Migration) -> Vec<OutboxSeq> {
        self.builds.insert(migration.bot.to_string(), migration.build.clone());
        self.effects(&migration.values, &migration.sends)
    }

    fn effects(&mut self, values: &[(ValueKey, Write)], sends: &[QueuedSend]) -> Vec<OutboxSeq> {
        for (key, value) in values {
            match value {
                Some(value) => self.values.insert(key.key.to_string(), value.to_vec()),
                None => self.values.remove(&*key.key),
            };
        }
        let mut rows = Vec::new();
        for send in sends {
            self.next_outbox += 1;
            let seq = OutboxSeq(self.next_outbox);
            let sent = Sent { send: send.clone(), attempts: 0, not_before: Millis(0), attempted: false };
            self.outbox.insert(seq, sent);
            rows.push(seq);
        }
        rows
    }

    pub(super) fn settle(&mut self, item: &Settlement) -> Settled {
        let Some(sent) = self.outbox.get_mut(&item.seq) else { return Settled::Gone };
        match item.outcome {
            SendOutcome::Again { attempts, not_before, in_doubt } => {
                (sent.attempts, sent.not_before, sent.attempted) = (attempts, not_before, false);
                self.totals.in_doubt_resent += u64::from(in_doubt);
            }
            SendOutcome::Delivered => self.totals.delivered += 1,
            SendOutcome::Failed => self.totals.failed += 1,
            SendOutcome::DroppedInDoubt => self.totals.in_doubt_dropped += 1,
        }
        if !matches!(item.outcome, SendOutcome::Again { .. }) {
            self.outbox.remove(&item.seq);
        }
        Settled::Stood(item.report.as_ref().and_then(|report| match self.append(report) {
            Appended::Stored(rows) => rows.into_iter().flatten().next(),
            Appended::Duplicate => None,
        }))
    }

    pub(super) fn change_records(&mut self, changes: &[RecordChange]) {
        for RecordChange { of, name, record } in changes {
            self.records.retain(|(its, row)| its != of || row.name != *name);
            self.records.extend(record.clone().map(|record| (of.clone(), record)));
        }
        for kind in KINDS {
            let alike = self.records.iter().filter(|(of, _)| of.kind == kind).count();
            for _ in MOST_RECORDS..alike {
                let oldest = self.records.iter().position(|(of, _)| of.kind == kind).unwrap();
                self.records.remove(oldest);
            }
        }
    }

    pub(super) fn take_record(&mut self, of: &RecordsOf, name: NameHash, now: Millis) -> Option<SealedRecord> {
        let at = self.records.iter().position(|(its, row)| its == of && row.name == name)?;
        let is_over = self.records[at].1.expires.is_some_and(|expires| expires <= now);
        (!is_over).then(|| self.records.remove(at).1)
    }

    pub(super) fn drop_records(&mut self, doomed: &DoomedRecords) -> u64 {
        let before = self.records.len();
        self.records.retain(|(of, row)| match doomed {
            DoomedRecords::Expired(now) => row.expires.is_none_or(|expires| expires > *now),
            DoomedRecords::OfOtherKeys(_, key) => of.key == *key,
        });
        (before - self.records.len()) as u64
    }

    pub(super) fn erase(&mut self, erasure: &Rows) -> Erased {
        let mut erased = Erased::default();
        for key in &erasure.values {
            erased.values += u64::from(self.values.remove(&*key.key).is_some());
        }
        for seq in &erasure.letters {
            erased.letters += self.drop_dead(&Doomed::One(*seq));
        }
        for seq in &erasure.events {
            erased.events += u64::from(self.inbox.remove(seq).is_some());
        }
        for seq in &erasure.sends {
            erased.sends += u64::from(self.outbox.remove(seq).is_some());
        }
        erased
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            waiting_events: self.inbox.len() as u64,
            waiting_sends: self.outbox.len() as u64,
            dead_letters: self.dead.len() as u64,
            ..self.totals
        }
    }
}
