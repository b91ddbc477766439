//! Timers fire: the row of each goes, and its event arrives.

use hodhod_core::ids::{BotName, InboxSeq};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Firing, Standing, TimerKey};

use crate::append::deliver;
use crate::encode::{NewArrival, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

/// A timer that fires, with its event written out.
pub(crate) struct Fired {
    key: TimerKey,
    standing: Standing,
    arrival: NewArrival,
}

impl Fired {
    pub(crate) fn new(firing: Firing) -> serde_json::Result<Self> {
        Ok(Self { key: firing.key, standing: firing.standing, arrival: NewArrival::new(firing.arrival)? })
    }
}

impl Weighs for Fired {
    fn weight(&self) -> Weight {
        self.arrival.weight()
    }
}

pub(crate) struct Fire(pub(crate) Vec<Fired>);

impl Work for Fire {
    type Output = Vec<Option<InboxSeq>>;
    const OPERATION: &'static str = "fire timers";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|fired| fire(tables, fired)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

fn fire(tables: &mut Tables<'_>, fired: &Fired) -> rusqlite::Result<Option<InboxSeq>> {
    if !tables.timers.fire(&fired.key, &fired.standing)? {
        return Ok(None);
    }
    tables.usage.timer(&fired.key.bot, -1);
    tables.tally.now.totals.arrivals += 1;
    // A timer is for one bot.
    match fired.arrival.routes.first() {
        Some(route) => deliver(tables, &fired.arrival, route),
        None => Ok(None),
    }
}

/// Drops timers that were missed and do not fire late.
pub(crate) struct Skip(pub(crate) Millis);

impl Work for Skip {
    type Output = u64;
    const OPERATION: &'static str = "skip timers";

    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<u64>> {
        let bots: Vec<BotName> = tables.timers.skip(self.0)?;
        for bot in &bots {
            tables.usage.timer(bot, -1);
        }
        Ok(Progress::Done(bots.len() as u64))
    }
}
