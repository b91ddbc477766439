//! Items that go without having been out, and the wait for those that are.

use std::hash::Hash;

use super::{Lanes, State};

/// An item that is out, by its group, its lane and a number that no other item has.
pub(crate) type OutThere<G, K> = (G, K, u64);

impl<G: Clone + Eq + Hash, K: Clone + Eq + Hash, T> Lanes<G, K, T> {
    /// The items that are out in lanes that `wanted` says.
    pub(crate) fn out_there(&self, mut wanted: impl FnMut(&K) -> bool) -> Vec<OutThere<G, K>> {
        let mut out = Vec::new();
        for (name, group) in &self.groups {
            for (lane_name, lane) in group.lanes.iter().filter(|(lane_name, _)| wanted(lane_name)) {
                if matches!(lane.state, State::Running | State::Over) {
                    out.push((name.clone(), lane_name.clone(), lane.out));
                }
            }
        }
        out
    }

    /// True while an item is out that was. One that goes again is another.
    pub(crate) fn is_out(&self, (group, lane, number): &OutThere<G, K>) -> bool {
        let lane = self.groups.get(group).and_then(|group| group.lanes.get(lane));
        lane.is_some_and(|lane| matches!(lane.state, State::Running | State::Over) && lane.out == *number)
    }

    /// Looks at all items that wait, in no order.
    pub(crate) fn waiting_there(&self) -> impl Iterator<Item = &T> {
        self.groups.values().flat_map(|group| group.lanes.values()).flat_map(|lane| &lane.queue)
    }

    /// Takes away items that wait, wherever they are, and gives them. What is out stays out. Looks at all that wait.
    pub(crate) fn drop_waiting(&mut self, mut doomed: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut dropped = Vec::new();
        let Self { groups, asleep, waiting, .. } = self;
        for group in groups.values_mut() {
            let before = dropped.len();
            for lane in group.lanes.values_mut() {
                // Most lanes lose nothing, and are left as they are.
                if lane.queue.iter().any(&mut doomed) {
                    for item in std::mem::take(&mut lane.queue) {
                        if doomed(&item) { dropped.push(item) } else { lane.queue.push_back(item) }
                    }
                }
            }
            if dropped.len() == before {
                continue;
            }
            group.waiting -= dropped.len() - before;
            *waiting -= dropped.len() - before;
            group.lanes.retain(|_, lane| {
                let stays = !lane.queue.is_empty() || matches!(lane.state, State::Running | State::Over);
                if let (State::Asleep(at, nap), false) = (lane.state, stays) {
                    asleep.remove(&(at, nap));
                }
                stays
            });
            group.ready.retain(|lane| group.lanes.contains_key(lane));
            group.alone.retain(|lane| group.lanes.contains_key(lane));
        }
        dropped
    }
}
