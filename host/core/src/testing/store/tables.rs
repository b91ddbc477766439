//! The tables of the store in memory, and what each change does to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Failpoint;
use crate::dead::DeadLetter;
use crate::event::Event;
use crate::health::Held;
use crate::ids::{BotName, ConnectionName, InboxSeq, OutboxSeq};
use crate::store::{
    Appended, Arrival, Build, Mark, Migration, QueuedSend, RecordsOf, SealedRecord, SendOutcome, Settled, Settlement,
    Totals, TurnCommit, WaitingEvent, WaitingSend, is_again,
};
use crate::time::Millis;
use crate::timers::{Firing, Standing, TimerKey, TimerWrite};
use crate::values::{ValueKey, Write};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) next: u64,
    /// When it was first seen.
    pub(super) seen: HashMap<(String, String), Millis>,
    pub(super) inbox: BTreeMap<InboxSeq, (WaitingEvent, Arc<Event>)>,
    /// What somebody asked for: by row the key, and when it arrived.
    pub(super) asked: BTreeMap<InboxSeq, ((String, String), Millis)>,
    pub(super) outbox: BTreeMap<OutboxSeq, (WaitingSend, QueuedSend)>,
    pub(super) values: BTreeMap<ValueKey, Vec<u8>>,
    pub(super) timers: BTreeMap<TimerKey, Standing>,
    pub(super) dead: Vec<(DeadLetter, Arc<Event>)>,
    pub(super) bots: BTreeMap<BotName, Held>,
    pub(super) pauses: BTreeMap<ConnectionName, Millis>,
    pub(super) builds: BTreeMap<BotName, Build>,
    pub(super) records: BTreeMap<u64, (RecordsOf, SealedRecord)>,
    pub(super) totals: Totals,
    pub(super) failing: Vec<Failpoint>,
    /// Rows up to this number cannot be read any more.
    pub(super) spoilt: u64,
}

impl Tables {
    pub(super) fn seq(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn append(&mut self, arrival: Arrival) -> Appended {
        let (key, now) = ((arrival.chat.connection.to_string(), arrival.key.clone()), arrival.received);
        if self.seen.get(&key).is_some_and(|first| is_again(*first, now, arrival.within)) {
            self.totals.duplicates += 1;
            return Appended::Duplicate;
        }
        self.seen.insert(key.clone(), now);
        let asked = arrival.asked;
        let rows = self.deliver(arrival);
        if asked {
            self.asked.extend(rows.iter().flatten().map(|row| (*row, (key.clone(), now))));
        }
        Appended::Stored(rows)
    }

    pub(super) fn fire(&mut self, firing: Firing) -> Option<InboxSeq> {
        if self.timers.get(&firing.key) != Some(&firing.standing) {
            return None;
        }
        self.timers.remove(&firing.key);
        self.deliver(firing.arrival).into_iter().flatten().next()
    }

    pub(super) fn deliver(&mut self, arrival: Arrival) -> Vec<Option<InboxSeq>> {
        self.totals.arrivals += 1;
        let rows = arrival.routes.into_iter().map(|route| {
            let seq = InboxSeq(self.seq());
            if let Some(reason) = route.overflow {
                let row = WaitingEvent {
                    seq,
                    bot: route.bot,
                    chat: arrival.chat.clone(),
                    attempts: 0,
                    not_before: Millis(0),
                };
                self.bury(row, 0, arrival.received, reason, arrival.event.clone());
                return None;
            }
            let chat = arrival.chat.clone();
            let row = WaitingEvent { seq, bot: route.bot, chat, attempts: 0, not_before: Millis(0) };
            self.inbox.insert(seq, (row, arrival.event.clone()));
            Some(seq)
        });
        rows.collect()
    }

    pub(super) fn bury(&mut self, row: WaitingEvent, attempts: u32, died: Millis, reason: String, event: Arc<Event>) {
        self.totals.dead += 1;
        let WaitingEvent { seq, bot, chat, .. } = row;
        self.dead.push((DeadLetter { seq, bot, chat, attempts, died, reason, place: self.totals.dead }, event));
    }

    pub(super) fn commit(&mut self, turn: TurnCommit) -> Vec<OutboxSeq> {
        let Some((row, _)) = self.inbox.get_mut(&turn.seq) else { return Vec::new() };
        match turn.mark {
            Mark::Retry { attempts, not_before } => {
                row.attempts = attempts;
                row.not_before = not_before;
                return Vec::new();
            }
            Mark::Done => {
                self.totals.handled += 1;
                self.inbox.remove(&turn.seq);
            }
            Mark::Dead { attempts, reason } => {
                if let Some((row, event)) = self.inbox.remove(&turn.seq) {
                    self.bury(row, attempts, turn.at, reason, event);
                }
            }
        }
        self.effects(turn.values, turn.timers, turn.sends)
    }

    pub(super) fn migrate(&mut self, migration: Migration) -> Vec<OutboxSeq> {
        self.builds.insert(migration.bot, migration.build);
        self.effects(migration.values, migration.timers, migration.sends)
    }

    pub(super) fn effects(
        &mut self,
        values: Vec<(ValueKey, Write)>,
        timers: Vec<TimerWrite>,
        sends: Vec<QueuedSend>,
    ) -> Vec<OutboxSeq> {
        for (key, value) in values {
            match value {
                Some(value) => self.values.insert(key, value.to_vec()),
                None => self.values.remove(&key),
            };
        }
        for (key, standing) in timers {
            match standing {
                Some(standing) => self.timers.insert(key, standing),
                None => self.timers.remove(&key),
            };
        }
        let sends = sends.into_iter().map(|send| {
            let seq = OutboxSeq(self.seq());
            let (bot, chat) = (send.bot.clone(), send.chat.clone());
            let row = WaitingSend {
                seq,
                turn: send.id.turn,
                bot,
                chat,
                attempts: 0,
                not_before: Millis(0),
                attempted: false,
            };
            self.outbox.insert(seq, (row, send));
            seq
        });
        sends.collect()
    }

    pub(super) fn settle(&mut self, item: Settlement) -> Settled {
        let Some((row, _)) = self.outbox.get_mut(&item.seq) else { return Settled::Gone };
        match item.outcome {
            SendOutcome::Again { attempts, not_before, in_doubt } => {
                row.attempts = attempts;
                row.not_before = not_before;
                row.attempted = false;
                self.totals.in_doubt_resent += u64::from(in_doubt);
                return Settled::Stood(None);
            }
            SendOutcome::Delivered => self.totals.delivered += 1,
            SendOutcome::Failed => self.totals.failed += 1,
            SendOutcome::DroppedInDoubt => self.totals.in_doubt_dropped += 1,
        }
        self.outbox.remove(&item.seq);
        Settled::Stood(item.report.and_then(|report| match self.append(report) {
            Appended::Stored(rows) => rows.into_iter().flatten().next(),
            Appended::Duplicate => None,
        }))
    }
}
