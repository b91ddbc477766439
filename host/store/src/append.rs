//! Arrivals become inbox rows, unless they were seen before.

use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Appended, Route};

use crate::encode::{NewArrival, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::{Stillborn, Tables};

pub(crate) struct Append(pub(crate) Vec<NewArrival>);

impl Work for Append {
    type Output = Vec<Appended>;
    const OPERATION: &'static str = "append events";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Vec<Appended>>> {
        self.0.iter().map(|arrival| append(tables, arrival)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

/// Stores one arrival for each of its bots.
pub(crate) fn append(tables: &mut Tables<'_>, arrival: &NewArrival) -> rusqlite::Result<Appended> {
    if !tables.seen.insert(&arrival.hash, arrival.received, arrival.within)? {
        tables.tally.now.totals.duplicates += 1;
        return Ok(Appended::Duplicate);
    }
    tables.tally.now.totals.arrivals += 1;
    let rows = arrival.routes.iter().map(|route| deliver(tables, arrival, route));
    rows.collect::<Result<_, _>>().map(Appended::Stored)
}

/// Stores an arrival for one bot: in the inbox, or with the dead where the bot has no room.
pub(crate) fn deliver(
    tables: &mut Tables<'_>,
    arrival: &NewArrival,
    route: &Route,
) -> rusqlite::Result<Option<InboxSeq>> {
    let numbers = &mut tables.tally.now;
    let seq = numbers.inbox_seq();
    match &route.overflow {
        None => {
            numbers.totals.waiting_events += 1;
            let asked = arrival.asked.then_some((&arrival.hash, arrival.received));
            tables.inbox.insert(seq, &route.bot, &arrival.chat, &arrival.body, asked)?;
            Ok(Some(seq))
        }
        Some(reason) => {
            numbers.totals.dead += 1;
            numbers.totals.dead_letters += 1;
            tables.dead.insert(&Stillborn {
                seq,
                bot: &route.bot,
                chat: &arrival.chat,
                died: arrival.received,
                reason,
                event: &arrival.body,
            })?;
            Ok(None)
        }
    }
}
