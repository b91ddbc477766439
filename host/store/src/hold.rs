//! The state of a bot is recorded.

use hodhod_core::health::Held;
use hodhod_core::ids::BotName;

use crate::encode::Weight;
use crate::job::{Progress, Work};
use crate::tables::Tables;

pub(crate) struct Hold {
    pub(crate) bot: BotName,
    pub(crate) held: Option<Held>,
}

impl Work for Hold {
    type Output = ();
    const OPERATION: &'static str = "record the state of a bot";

    fn weight(&self) -> Weight {
        Weight { rows: 1, bytes: self.held.as_ref().map_or(0, |held| held.reason.len()) }
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
        tables.states.set(&self.bot, self.held.as_ref()).map(Progress::Done)
    }
}
