use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

type Bots = Lanes<&'static str, u32, u32>;

fn lanes(groups: &[(&'static str, usize)]) -> Bots {
    let mut lanes = Lanes::default();
    for (name, limit) in groups {
        lanes.set_limit(name, *limit);
    }
    lanes
}

fn push(lanes: &mut Bots, group: &'static str, lane: u32, item: u32) {
    assert!(lanes.push(&group, &lane, item, Millis(0)));
}

fn take(lanes: &mut Bots) -> Option<(&'static str, u32, u32)> {
    lanes.take(Millis(0)).map(|out| (out.group, out.lane, out.item))
}

#[test]
fn a_lane_gives_its_items_in_order_one_at_a_time() {
    let mut lanes = lanes(&[("a", 10)]);
    push(&mut lanes, "a", 1, 10);
    push(&mut lanes, "a", 1, 11);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
    assert_eq!(take(&mut lanes), None);
    lanes.finish(&"a", &1, Next::Done);
    assert_eq!(take(&mut lanes), Some(("a", 1, 11)));
    lanes.finish(&"a", &1, Next::Done);
    assert_eq!(lanes.lanes_in(&"a"), 0, "an empty lane is gone");
}

#[test]
fn a_flooding_chat_lets_every_other_chat_in_between() {
    let mut lanes = lanes(&[("a", 1)]);
    for item in 0..100 {
        push(&mut lanes, "a", 1, item);
    }
    push(&mut lanes, "a", 2, 1000);
    assert_eq!(take(&mut lanes), Some(("a", 1, 0)));
    lanes.finish(&"a", &1, Next::Done);
    assert_eq!(take(&mut lanes), Some(("a", 2, 1000)));
}

#[test]
fn a_bot_with_many_chats_lets_every_other_bot_in_between() {
    let mut lanes = lanes(&[("a", 100), ("b", 100)]);
    for lane in 0..50 {
        push(&mut lanes, "a", lane, lane);
    }
    push(&mut lanes, "b", 7, 70);
    let first_two = [take(&mut lanes).unwrap().0, take(&mut lanes).unwrap().0];
    assert_eq!(first_two, ["a", "b"]);
}

#[test]
fn a_retried_item_stays_first_in_its_lane_and_holds_nobody_else_up() {
    let mut lanes = lanes(&[("a", 10)]);
    push(&mut lanes, "a", 1, 10);
    push(&mut lanes, "a", 1, 11);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
    lanes.finish(&"a", &1, Next::At(Millis(500), 10));
    push(&mut lanes, "a", 2, 20);
    assert_eq!(take(&mut lanes), Some(("a", 2, 20)));
    assert_eq!(lanes.take(Millis(499)), None);
    assert_eq!(lanes.next_wake(), Some(Millis(500)));
    assert_eq!(lanes.take(Millis(500)).unwrap().item, 10);
}

#[test]
fn an_item_that_must_be_alone_waits_for_the_others_and_holds_them_back() {
    let mut lanes = lanes(&[("a", 10), ("b", 10)]);
    push(&mut lanes, "a", 1, 10);
    push(&mut lanes, "a", 2, 20);
    push(&mut lanes, "a", 3, 30);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
    assert_eq!(take(&mut lanes), Some(("a", 2, 20)));
    lanes.finish(&"a", &1, Next::Alone(10));
    assert_eq!(take(&mut lanes), None, "2 is still out");
    push(&mut lanes, "b", 9, 90);
    assert_eq!(take(&mut lanes), Some(("b", 9, 90)), "another bot does not care");
    lanes.finish(&"a", &2, Next::Done);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
    assert_eq!(take(&mut lanes), None, "nothing beside it");
    lanes.finish(&"a", &1, Next::Done);
    assert_eq!(take(&mut lanes), Some(("a", 3, 30)));
}

#[test]
fn an_item_that_is_over_keeps_its_lane_and_leaves_its_place_to_another() {
    let mut lanes = lanes(&[("a", 1)]);
    push(&mut lanes, "a", 1, 10);
    push(&mut lanes, "a", 1, 11);
    push(&mut lanes, "a", 2, 20);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
    assert_eq!(take(&mut lanes), None, "one at once");
    assert!(lanes.over(&"a", &1), "another waited for that");
    assert_eq!(take(&mut lanes), Some(("a", 2, 20)));
    assert!(!lanes.over(&"a", &2), "11 has to wait for 10");
    assert_eq!(take(&mut lanes), None);
    lanes.finish(&"a", &1, Next::At(Millis(0), 10));
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)), "first in its lane still");
}

#[test]
fn a_group_with_limit_zero_keeps_everything_and_gives_nothing() {
    let mut lanes = lanes(&[("a", 0)]);
    push(&mut lanes, "a", 1, 10);
    assert_eq!(take(&mut lanes), None);
    lanes.set_limit(&"a", 1);
    assert_eq!(take(&mut lanes), Some(("a", 1, 10)));
}

#[test]
fn what_was_out_is_not_what_is_out_now() {
    let mut lanes = lanes(&[("a", 10)]);
    push(&mut lanes, "a", 1, 10);
    push(&mut lanes, "a", 1, 11);
    push(&mut lanes, "a", 2, 20);
    assert!(lanes.out_there(|_| true).is_empty());
    assert_eq!((take(&mut lanes), take(&mut lanes)), (Some(("a", 1, 10)), Some(("a", 2, 20))));
    let out = lanes.out_there(|lane| *lane == 1);
    assert!(out.len() == 1 && lanes.is_out(&out[0]));
    lanes.over(&"a", &1);
    assert!(lanes.is_out(&out[0]), "its end is not told");
    lanes.finish(&"a", &1, Next::Done);
    assert!(!lanes.is_out(&out[0]));
    assert_eq!(take(&mut lanes), Some(("a", 1, 11)));
    assert!(!lanes.is_out(&out[0]), "the next of its lane is another");
}

#[test]
fn an_item_that_is_dropped_leaves_its_lane_to_the_next() {
    let mut lanes = lanes(&[("a", 10), ("b", 0)]);
    (0..4).for_each(|item| push(&mut lanes, "a", 1, item));
    push(&mut lanes, "a", 2, 20);
    push(&mut lanes, "b", 1, 0);
    assert_eq!(take(&mut lanes), Some(("a", 1, 0)));
    let mut dropped = lanes.drop_waiting(|item| *item < 3 || *item == 20);
    dropped.sort_unstable();
    assert_eq!(dropped, [0, 1, 2, 20], "that of another group too, and not the one that is out");
    assert_eq!((lanes.waiting(), lanes.waiting_in(&"b"), lanes.lanes_in(&"a")), (1, 0, 1));
    assert!(!lanes.has_ready());
    lanes.finish(&"a", &1, Next::At(Millis(500), 0));
    assert_eq!(lanes.drop_waiting(|item| *item == 0 || *item == 3).len(), 2);
    assert_eq!((lanes.next_wake(), lanes.lanes_in(&"a")), (None, 0), "nobody is woken for nothing");
}

#[test]
fn an_unknown_group_is_refused() {
    assert!(!lanes(&[]).push(&"nobody", &1, 1, Millis(0)));
}

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Arrive { group: usize, lane: u32 },
    Take,
    Over { which: usize },
    Finish { which: usize, how: u8, delay: u64 },
    Pass(u64),
    Limit { group: usize, limit: usize },
    Drop { of: u32 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, 0..5u32).prop_map(|(group, lane)| Step::Arrive { group, lane }),
        6 => Just(Step::Take),
        3 => any::<usize>().prop_map(|which| Step::Over { which }),
        5 => (any::<usize>(), 0..4u8, 0..50u64).prop_map(|(which, how, delay)| Step::Finish { which, how, delay }),
        2 => (0..60u64).prop_map(Step::Pass),
        1 => (0..3usize, 0..4usize).prop_map(|(group, limit)| Step::Limit { group, limit }),
        1 => (0..4u32).prop_map(|of| Step::Drop { of }),
        1 => Just(Step::Restart),
    ]
}

/// What an item that is out is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Beside,
    Alone,
    NoMore,
}

const GROUPS: [&str; 3] = ["a", "b", "c"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The model is what the inbox table knows: per lane, the items that are not done, in order.
    /// A restart forgets all that is in memory and loads that table, as the host does.
    #[test]
    fn any_interleaving_keeps_order_loses_nothing_and_runs_one_item_a_lane(steps in prop::collection::vec(step(), 1..300)) {
        let mut lanes = lanes(&[("a", 2), ("b", 2), ("c", 2)]);
        let mut limits = BTreeMap::from([("a", 2), ("b", 2), ("c", 2)]);
        let mut table: BTreeMap<(&'static str, u32), VecDeque<u32>> = BTreeMap::new();
        let mut out: Vec<(Out<&'static str, u32, u32>, Runs)> = Vec::new();
        let mut alone: Vec<u32> = Vec::new();
        let mut now = Millis(1);
        let mut next_item = 0;

        for step in steps {
            match step {
                Step::Arrive { group, lane } => {
                    let group = GROUPS[group];
                    prop_assert!(lanes.push(&group, &lane, next_item, Millis(0)));
                    table.entry((group, lane)).or_default().push_back(next_item);
                    next_item += 1;
                }
                Step::Take => {
                    let ready = { lanes.wake(now); lanes.has_ready() };
                    let taken = lanes.take(now);
                    prop_assert_eq!(ready, taken.is_some());
                    if let Some(taken) = taken {
                        let queue = &table[&(taken.group, taken.lane)];
                        prop_assert_eq!(queue.front(), Some(&taken.item), "the oldest of the lane goes first");
                        prop_assert!(!out.iter().any(|(o, _)| (o.group, o.lane) == (taken.group, taken.lane)), "one item a lane");
                        let running = |(o, runs): &&(Out<_, _, _>, Runs)| o.group == taken.group && *runs != Runs::NoMore;
                        let beside = out.iter().filter(running).count();
                        prop_assert!(beside < limits[taken.group], "the limit holds");
                        let is_alone = alone.contains(&taken.item);
                        prop_assert!(!is_alone || beside == 0, "alone means alone");
                        prop_assert!(!out.iter().any(|(o, runs)| o.group == taken.group && *runs == Runs::Alone), "nobody joins one that is alone");
                        out.push((taken, if is_alone { Runs::Alone } else { Runs::Beside }));
                    }
                }
                Step::Over { which } => {
                    if out.is_empty() { continue; }
                    let which = which % out.len();
                    let (over, runs) = &mut out[which];
                    lanes.over(&over.group, &over.lane);
                    *runs = Runs::NoMore;
                }
                Step::Finish { which, how, delay } => {
                    if out.is_empty() { continue; }
                    let (done, _) = out.swap_remove(which % out.len());
                    alone.retain(|item| *item != done.item);
                    let next = match how {
                        0 => Next::At(now + std::time::Duration::from_millis(delay), done.item),
                        1 => { alone.push(done.item); Next::Alone(done.item) }
                        _ => {
                            table.get_mut(&(done.group, done.lane)).unwrap().pop_front();
                            Next::Done
                        }
                    };
                    lanes.finish(&done.group, &done.lane, next);
                }
                Step::Pass(ms) => now = Millis(now.0 + ms),
                Step::Limit { group, limit } => {
                    limits.insert(GROUPS[group], limit);
                    lanes.set_limit(&GROUPS[group], limit);
                }
                Step::Drop { of } => {
                    let there = |lanes: &Bots, (o, _): &(Out<_, _, _>, Runs)| {
                        lanes.out_there(|lane| *lane == o.lane).into_iter().find(|(group, _, _)| *group == o.group).unwrap()
                    };
                    let before: Vec<_> = out.iter().map(|out| there(&lanes, out)).collect();
                    let mut dropped = lanes.drop_waiting(|item| item % 4 == of);
                    prop_assert!(before.iter().all(|out| lanes.is_out(out)), "what is out stays out");
                    let mut expected = Vec::new();
                    for ((group, lane), queue) in &mut table {
                        let is_out = |item: &u32| out.iter().any(|(o, _)| (o.group, o.lane, o.item) == (*group, *lane, *item));
                        expected.extend(queue.iter().copied().filter(|item| item % 4 == of && !is_out(item)));
                        queue.retain(|item| item % 4 != of || is_out(item));
                    }
                    alone.retain(|item| !expected.contains(item));
                    dropped.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(dropped, expected);
                }
                Step::Restart => {
                    lanes = Lanes::default();
                    for (name, limit) in &limits { lanes.set_limit(name, *limit); }
                    let mut rows: Vec<_> = table.iter().flat_map(|((g, l), q)| q.iter().map(move |item| (*item, *g, *l))).collect();
                    rows.sort_unstable();
                    for (item, group, lane) in rows {
                        prop_assert!(lanes.push(&group, &lane, item, Millis(0)));
                    }
                    out.clear();
                    alone.clear();
                }
            }
            let waiting: usize = table.values().map(VecDeque::len).sum();
            prop_assert_eq!(lanes.waiting() + out.len(), waiting, "nothing is lost and nothing is doubled");
        }

        // Whatever happened, it drains: everything waiting comes out, in order.
        for group in GROUPS { lanes.set_limit(&group, 10); }
        for (done, _) in out.drain(..) {
            table.get_mut(&(done.group, done.lane)).unwrap().pop_front();
            lanes.finish(&done.group, &done.lane, Next::Done);
        }
        while let Some(taken) = lanes.take(Millis(u64::MAX)) {
            prop_assert_eq!(table.get_mut(&(taken.group, taken.lane)).unwrap().pop_front(), Some(taken.item));
            lanes.finish(&taken.group, &taken.lane, Next::Done);
        }
        prop_assert!(table.values().all(VecDeque::is_empty), "left behind: {:?}", table);
        prop_assert_eq!(lanes.waiting(), 0);
    }
}
