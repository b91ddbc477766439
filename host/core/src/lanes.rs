//! Lanes: who goes next.
//!
//! A lane is a first-in-first-out queue of one chat within a group, which is a bot. At most one item
//! of a lane is out at a time, and it stays at the head until its end is told, so order holds across
//! retries. Groups take turns, and within a group its lanes take turns, so neither a chat that floods
//! nor a bot with many chats slows another down. A waiting item is one entry of a queue; an empty
//! lane is gone, so memory follows what waits.
//!
//! An item that is out runs, and may then be over but not yet known to be done: it keeps its lane,
//! and no longer counts among those of its group that run.
//!
//! This is a plain data structure: no locks, no tasks, no clock. Every operation is O(log n) or
//! better, whatever waits.

mod gone;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::time::Millis;

/// Fair queues of `T`, in lanes named `K`, in groups named `G`.
#[derive(Debug)]
pub struct Lanes<G, K, T> {
    groups: HashMap<G, Group<K, T>>,
    /// Groups that may have something ready, in the order in which they are asked.
    ring: VecDeque<G>,
    /// Lanes that wait for a point in time. The number keeps keys apart.
    asleep: BTreeMap<(Millis, u64), (G, K)>,
    naps: u64,
    /// Items taken so far.
    taken: u64,
    waiting: usize,
}

#[derive(Debug)]
struct Group<K, T> {
    lanes: HashMap<K, Lane<T>>,
    /// Lanes with an item that may go now, in the order in which they are asked.
    ready: VecDeque<K>,
    /// Lanes whose item has to be the only one of the group that runs.
    alone: VecDeque<K>,
    running: usize,
    /// Those that run, and those that are over.
    out: usize,
    runs_alone: bool,
    limit: usize,
    waiting: usize,
    in_ring: bool,
}

#[derive(Debug)]
struct Lane<T> {
    queue: VecDeque<T>,
    state: State,
    /// Tells its item that is out from all that were out before.
    out: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In `ready` or `alone`.
    Ready,
    /// Its first item is out, and runs.
    Running,
    /// Its first item is out, and no longer runs.
    Over,
    /// In `asleep`, under this key.
    Asleep(Millis, u64),
}

/// An item that is out, with what is needed to tell its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out<G, K, T> {
    /// Its group.
    pub group: G,
    /// Its lane.
    pub lane: K,
    /// The item.
    pub item: T,
}

/// What happens to an item whose try has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<T> {
    /// It is done; the next of its lane may go.
    Done,
    /// It goes again, first in its lane, not before the given time.
    At(Millis, T),
    /// It goes again as soon as nothing else of its group runs, and alone.
    Alone(T),
}

impl<G, K, T> Default for Lanes<G, K, T> {
    fn default() -> Self {
        Self { groups: HashMap::new(), ring: VecDeque::new(), asleep: BTreeMap::new(), naps: 0, taken: 0, waiting: 0 }
    }
}

impl<G: Clone + Eq + Hash, K: Clone + Eq + Hash, T> Lanes<G, K, T> {
    /// Makes a group known, or changes how many of its items may run at once. With 0 its items wait.
    pub fn set_limit(&mut self, group: &G, limit: usize) {
        let entry = self.groups.entry(group.clone()).or_insert_with(|| Group {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            alone: VecDeque::new(),
            running: 0,
            out: 0,
            runs_alone: false,
            limit,
            waiting: 0,
            in_ring: false,
        });
        entry.limit = limit;
        self.offer(group);
    }

    /// Changes how many items of each group may run at once.
    pub fn set_limits(&mut self, limit: usize) {
        let groups: Vec<G> = self.groups.keys().cloned().collect();
        groups.iter().for_each(|group| self.set_limit(group, limit));
    }

    /// True if the group is known.
    pub fn knows(&self, group: &G) -> bool {
        self.groups.contains_key(group)
    }

    /// Puts an item at the end of its lane, not before `not_before` if the lane is empty. False if
    /// the group is not known; nothing is kept then.
    #[must_use]
    pub fn push(&mut self, group: &G, lane: &K, item: T, not_before: Millis) -> bool {
        let Some(entry) = self.groups.get_mut(group) else { return false };
        self.waiting += 1;
        entry.waiting += 1;
        if let Some(lane) = entry.lanes.get_mut(lane) {
            lane.queue.push_back(item);
            return true;
        }
        let state = if not_before > Millis(0) {
            self.naps += 1;
            self.asleep.insert((not_before, self.naps), (group.clone(), lane.clone()));
            State::Asleep(not_before, self.naps)
        } else {
            entry.ready.push_back(lane.clone());
            State::Ready
        };
        entry.lanes.insert(lane.clone(), Lane { queue: VecDeque::from([item]), state, out: 0 });
        self.offer(group);
        true
    }

    /// Takes the next item that may go, or `None` if nothing may.
    pub fn take(&mut self, now: Millis) -> Option<Out<G, K, T>> {
        self.wake(now);
        while let Some(name) = self.ring.pop_front() {
            let Some(group) = self.groups.get_mut(&name) else { continue };
            group.in_ring = false;
            let Some(lane_name) = group.next() else { continue };
            let number = self.taken + 1;
            let taken = group.lanes.get_mut(&lane_name).and_then(|lane| {
                (lane.state, lane.out) = (State::Running, number);
                lane.queue.pop_front()
            });
            let Some(item) = taken else { continue };
            self.taken = number;
            group.running += 1;
            group.out += 1;
            group.waiting -= 1;
            self.waiting -= 1;
            self.offer(&name);
            return Some(Out { group: name, lane: lane_name, item });
        }
        None
    }

    /// Tells that the item of a lane no longer runs; its lane waits until [`finish`](Self::finish)
    /// tells what becomes of it. True if another of the group had to wait for that and may go now.
    pub fn over(&mut self, group: &G, lane: &K) -> bool {
        let Some(entry) = self.groups.get_mut(group) else { return false };
        let Some(queue) = entry.lanes.get_mut(lane).filter(|lane| lane.state == State::Running) else { return false };
        queue.state = State::Over;
        let could = entry.may_go();
        entry.running -= 1;
        entry.runs_alone = false;
        let can = entry.may_go();
        self.offer(group);
        can && !could
    }

    /// Tells the end of a try. The lane's next item may go after it.
    pub fn finish(&mut self, group: &G, lane: &K, next: Next<T>) {
        let Some(entry) = self.groups.get_mut(group) else { return };
        let Some(queue) = entry.lanes.get_mut(lane) else { return };
        match queue.state {
            State::Running => {
                entry.running -= 1;
                entry.runs_alone = false;
            }
            State::Over => {}
            State::Ready | State::Asleep(..) => return,
        }
        entry.out -= 1;
        let (item, at) = match next {
            Next::Done => (None, None),
            Next::At(at, item) => (Some(item), Some(at)),
            Next::Alone(item) => (Some(item), None),
        };
        let alone = item.is_some() && at.is_none();
        if let Some(item) = item {
            queue.queue.push_front(item);
            entry.waiting += 1;
            self.waiting += 1;
        }
        if queue.queue.is_empty() {
            entry.lanes.remove(lane);
        } else if let Some(at) = at.filter(|at| *at > Millis(0)) {
            self.naps += 1;
            queue.state = State::Asleep(at, self.naps);
            self.asleep.insert((at, self.naps), (group.clone(), lane.clone()));
        } else {
            queue.state = State::Ready;
            if alone { &mut entry.alone } else { &mut entry.ready }.push_back(lane.clone());
        }
        self.offer(group);
    }

    /// When the next sleeping lane wakes, if nothing else happens.
    pub fn next_wake(&self) -> Option<Millis> {
        self.asleep.keys().next().map(|(at, _)| *at)
    }

    /// True if [`take`](Self::take) would give an item without waiting for time to pass.
    pub fn has_ready(&self) -> bool {
        self.ring.iter().any(|name| self.groups.get(name).is_some_and(Group::may_go))
    }

    /// Items waiting, not counting those that are out.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Items of one group waiting, not counting those that are out.
    pub fn waiting_in(&self, group: &G) -> usize {
        self.groups.get(group).map_or(0, |group| group.waiting)
    }

    /// Items of one group that run.
    pub fn running_in(&self, group: &G) -> usize {
        self.groups.get(group).map_or(0, |group| group.running)
    }

    /// Items of one group that are out: those that run, and those that are over and whose end is not told.
    pub fn out_in(&self, group: &G) -> usize {
        self.groups.get(group).map_or(0, |group| group.out)
    }

    /// Items of one lane waiting, not counting one that is out.
    pub fn waiting_in_lane(&self, group: &G, lane: &K) -> usize {
        self.groups.get(group).and_then(|group| group.lanes.get(lane)).map_or(0, |lane| lane.queue.len())
    }

    /// Lanes of one group that have something waiting or out.
    pub fn lanes_in(&self, group: &G) -> usize {
        self.groups.get(group).map_or(0, |group| group.lanes.len())
    }

    fn wake(&mut self, now: Millis) {
        let mut woken = HashSet::new();
        while let Some(first) = self.asleep.first_entry().filter(|first| first.key().0 <= now) {
            let (at, nap) = *first.key();
            let (name, lane_name) = first.remove();
            let Some(group) = self.groups.get_mut(&name) else { continue };
            let Some(lane) = group.lanes.get_mut(&lane_name) else { continue };
            if lane.state == State::Asleep(at, nap) {
                lane.state = State::Ready;
                group.ready.push_back(lane_name);
                woken.insert(name);
            }
        }
        for name in woken {
            self.offer(&name);
        }
    }

    /// Puts a group into the ring if it may have something that can go and is not in it.
    fn offer(&mut self, name: &G) {
        if let Some(group) = self.groups.get_mut(name)
            && !group.in_ring
            && group.may_go()
        {
            group.in_ring = true;
            self.ring.push_back(name.clone());
        }
    }
}

impl<K: Clone + Eq + Hash, T> Group<K, T> {
    fn may_go(&self) -> bool {
        if self.runs_alone || self.running >= self.limit {
            return false;
        }
        // One that has to be alone holds back the others, or it would never find the group empty.
        if self.alone.is_empty() { !self.ready.is_empty() } else { self.running == 0 }
    }

    fn next(&mut self) -> Option<K> {
        if !self.may_go() {
            return None;
        }
        if let Some(lane) = self.alone.pop_front() {
            self.runs_alone = true;
            return Some(lane);
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests;
