//! Old keys of arrivals are forgotten, a step in each transaction.

use hodhod_core::time::Millis;

use crate::encode::Weight;
use crate::hash::KeyHash;
use crate::job::{Progress, Work};
use crate::tables::{Step, Tables};

pub(crate) struct Forget {
    before: Millis,
    /// Keys up to this one have been looked at.
    done: Option<KeyHash>,
    /// What `done` becomes if this step is committed.
    reached: Option<KeyHash>,
}

impl Forget {
    pub(crate) fn new(before: Millis) -> Self {
        Self { before, done: None, reached: None }
    }
}

impl Work for Forget {
    type Output = ();
    const OPERATION: &'static str = "forget keys";

    /// It brings nothing into memory, and its step is small beside a group.
    fn weight(&self) -> Weight {
        Weight::default()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
        Ok(match tables.seen.forget(self.before, self.done)? {
            Step::To(key) => {
                self.reached = Some(key);
                Progress::More
            }
            Step::End => Progress::Done(()),
        })
    }

    fn committed(&mut self) {
        self.done = self.reached;
    }
}
