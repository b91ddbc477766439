//! Sends whose rows are gone.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::{Outbox, weight};
use crate::ids::OutboxSeq;

impl Outbox {
    /// Takes sends whose rows are gone out of their lanes. One that is under way ends by itself, and is not tried
    /// again; one that comes into its lane later is not tried at all, as its try cannot be recorded.
    pub(crate) fn drop_sends(&self, rows: &[OutboxSeq]) {
        if rows.is_empty() {
            return;
        }
        let rows: HashSet<_> = rows.iter().collect();
        let dropped = self.lanes().drop_waiting(|item| rows.contains(&item.seq));
        let bytes = dropped.iter().filter_map(|item| item.body.as_ref()).map(weight).sum();
        self.bodies.fetch_sub(bytes, Ordering::Relaxed);
    }
}
