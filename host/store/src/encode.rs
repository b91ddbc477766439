//! What callers hand over, in the form in which it is stored. Callers encode, because there is one
//! writer and many of them.

use std::time::Duration;

use hodhod_core::ids::{BotName, Chat, InboxSeq, OutboxSeq, SendId};
use hodhod_core::store::{Arrival, Mark, QueuedSend, Route, SendOutcome, Settlement, TurnCommit};
use hodhod_core::time::Millis;
use hodhod_core::timers::TimerWrite;
use hodhod_core::values::{ValueKey, Write};

use crate::hash::{KeyHash, key_hash};

/// Bytes a row takes in memory besides its body, roughly; for the queue's bound.
const ROW: usize = 256;

/// An arrival with its key hashed and its body written out.
pub(crate) struct NewArrival {
    pub(crate) hash: KeyHash,
    pub(crate) within: Option<Duration>,
    pub(crate) asked: bool,
    pub(crate) received: Millis,
    pub(crate) chat: Chat,
    pub(crate) routes: Vec<Route>,
    pub(crate) body: Vec<u8>,
}

impl NewArrival {
    pub(crate) fn new(arrival: Arrival) -> serde_json::Result<Self> {
        Ok(Self {
            hash: key_hash(&arrival.chat.connection, &arrival.key),
            within: arrival.within,
            asked: arrival.asked,
            received: arrival.received,
            body: serde_json::to_vec(&*arrival.event)?,
            chat: arrival.chat,
            routes: arrival.routes,
        })
    }
}

/// A send with its message written out.
pub(crate) struct NewSend {
    pub(crate) id: SendId,
    pub(crate) bot: BotName,
    pub(crate) chat: Chat,
    pub(crate) queued: Millis,
    pub(crate) body: Vec<u8>,
}

impl NewSend {
    fn new(send: QueuedSend) -> serde_json::Result<Self> {
        let body = serde_json::to_vec(&*send.message)?;
        Ok(Self { id: send.id, bot: send.bot, chat: send.chat, queued: send.queued, body })
    }
}

/// What a turn wants done, with its sends written out.
pub(crate) struct Effects {
    pub(crate) values: Vec<(ValueKey, Write)>,
    pub(crate) sends: Vec<NewSend>,
    pub(crate) timers: Vec<TimerWrite>,
}

impl Effects {
    pub(crate) fn new(
        values: Vec<(ValueKey, Write)>,
        sends: Vec<QueuedSend>,
        timers: Vec<TimerWrite>,
    ) -> serde_json::Result<Self> {
        Ok(Self { values, sends: sends.into_iter().map(NewSend::new).collect::<Result<_, _>>()?, timers })
    }
}

/// The end of a turn with its sends written out.
pub(crate) struct EndedTurn {
    pub(crate) seq: InboxSeq,
    pub(crate) mark: Mark,
    pub(crate) at: Millis,
    pub(crate) effects: Effects,
}

impl EndedTurn {
    pub(crate) fn new(turn: TurnCommit) -> serde_json::Result<Self> {
        let TurnCommit { seq, mark, at, values, sends, timers } = turn;
        Ok(Self { seq, mark, at, effects: Effects::new(values, sends, timers)? })
    }
}

/// The end of a try with its report written out.
pub(crate) struct EndedSend {
    pub(crate) seq: OutboxSeq,
    pub(crate) outcome: SendOutcome,
    pub(crate) report: Option<NewArrival>,
}

impl EndedSend {
    pub(crate) fn new(settlement: Settlement) -> serde_json::Result<Self> {
        let report = settlement.report.map(NewArrival::new).transpose()?;
        Ok(Self { seq: settlement.seq, outcome: settlement.outcome, report })
    }
}

/// How much a job asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Rows it writes or deletes.
    pub(crate) rows: usize,
    /// Bytes it holds in memory.
    pub(crate) bytes: usize,
}

impl Weight {
    fn row(body: usize) -> Self {
        Self { rows: 1, bytes: ROW + body }
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), |sum, one| Self { rows: sum.rows + one.rows, bytes: sum.bytes + one.bytes })
    }
}

/// Something with a weight.
pub(crate) trait Weighs {
    fn weight(&self) -> Weight;
}

impl<T: Weighs> Weighs for Vec<T> {
    fn weight(&self) -> Weight {
        self.iter().map(Weighs::weight).sum()
    }
}

impl Weighs for NewArrival {
    fn weight(&self) -> Weight {
        Weight { rows: 1 + self.routes.len(), bytes: ROW + self.body.len() + ROW * self.routes.len() }
    }
}

impl Weighs for EndedTurn {
    fn weight(&self) -> Weight {
        self.effects.weight()
    }
}

impl Weighs for Effects {
    fn weight(&self) -> Weight {
        let values = self
            .values
            .iter()
            .map(|(key, value)| Weight::row(key.key.len() + value.as_ref().map_or(0, |value| value.len())));
        let sends = self.sends.iter().map(|send| Weight::row(send.body.len()));
        let timers = self.timers.iter().map(|(key, standing)| {
            Weight::row(key.id.len() + standing.as_ref().map_or(0, |standing| standing.payload.len()))
        });
        values.chain(timers).chain(sends).chain([Weight::row(0)]).sum()
    }
}

impl Weighs for OutboxSeq {
    fn weight(&self) -> Weight {
        Weight { rows: 1, bytes: size_of::<Self>() }
    }
}

impl Weighs for EndedSend {
    fn weight(&self) -> Weight {
        [Weight::row(0)].into_iter().chain(self.report.as_ref().map(Weighs::weight)).sum()
    }
}
