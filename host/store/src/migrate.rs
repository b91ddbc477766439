//! A build takes over the values of a bot: what it made of them, and that they are its own now, go together.

use hodhod_core::ids::{BotName, InboxSeq, OutboxSeq};
use hodhod_core::store::{Build, Migration};
use hodhod_core::time::Millis;

use crate::commit::apply;
use crate::encode::{Effects, Weighs, Weight};
use crate::job::{Progress, Work};
use crate::tables::Tables;

/// What a build made of the values, with its sends written out.
pub(crate) struct Migrated {
    bot: BotName,
    build: Build,
    at: Millis,
    effects: Effects,
}

impl Migrated {
    pub(crate) fn new(migration: Migration) -> serde_json::Result<Self> {
        let Migration { bot, build, at, values, sends, timers } = migration;
        Ok(Self { bot, build, at, effects: Effects::new(values, sends, timers)? })
    }
}

impl Weighs for Migrated {
    fn weight(&self) -> Weight {
        self.effects.weight()
    }
}

pub(crate) struct Migrate(pub(crate) Vec<Migrated>);

impl Work for Migrate {
    type Output = Vec<Vec<OutboxSeq>>;
    const OPERATION: &'static str = "migrate the values of bots";

    fn weight(&self) -> Weight {
        self.0.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>> {
        self.0.iter().map(|one| migrate(tables, one)).collect::<Result<_, _>>().map(Progress::Done)
    }
}

fn migrate(tables: &mut Tables<'_>, one: &Migrated) -> rusqlite::Result<Vec<OutboxSeq>> {
    tables.builds.set(&one.bot, &one.build, one.at)?;
    apply(tables, &one.effects)
}

/// Takes a number of the inbox for a turn that handles no event.
pub(crate) struct Reserve;

impl Work for Reserve {
    type Output = InboxSeq;
    const OPERATION: &'static str = "take a number for a turn";

    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<InboxSeq>> {
        Ok(Progress::Done(tables.tally.now.inbox_seq()))
    }
}
