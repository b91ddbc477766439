//! It is recorded that the sends of a connection wait.

use hodhod_core::ids::ConnectionName;
use hodhod_core::time::Millis;

use crate::encode::Weight;
use crate::job::{Progress, Work};
use crate::tables::Tables;

pub(crate) struct Pause {
    pub(crate) connection: ConnectionName,
    pub(crate) since: Option<Millis>,
}

impl Work for Pause {
    type Output = ();
    const OPERATION: &'static str = "record a pause of sends";

    fn weight(&self) -> Weight {
        Weight { rows: 1, bytes: 0 }
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
        tables.pauses.set(&self.connection, self.since).map(Progress::Done)
    }
}
