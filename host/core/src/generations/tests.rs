use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::runtime::{Ended, Failure, Limits, Reason};
use crate::turn::Turn;

/// A plugin that is only told from others.
struct Named(&'static str);

impl Plugin for Named {
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended> {
        let nothing = std::time::Duration::ZERO;
        let ended = Ended { turn, result: TurnResult::Done, time: nothing, cpu: nothing, memory: 0 };
        async { ended }.boxed()
    }

    fn digest(&self) -> &str {
        self.0
    }
}

fn generations() -> Generations {
    Generations::new(Arc::new(Named("one")), actor())
}

fn actor() -> Arc<Actor> {
    Arc::new(Actor::new("bot".into(), [].into(), Limits::default(), Arc::default()))
}

fn trap() -> TurnResult {
    TurnResult::Failed(Failure { reason: Reason::Panic, detail: "unreachable".to_owned() })
}

fn serves(generations: &Generations) -> (u64, String) {
    let current = generations.current();
    (current.number, current.plugin.digest().to_owned())
}

#[test]
fn a_generation_that_keeps_failing_on_probation_gives_way_to_the_one_before() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    let two = generations.current();
    let end = |result| generations.judge(&two, &result, Millis(2));
    assert_eq!([end(trap()), end(TurnResult::Done), end(trap())], [None, None, None]);
    let reason = end(trap()).unwrap();
    assert!(reason.contains("3 of its first 100 turns failed"), "{reason}");
    assert_eq!(serves(&generations), (3, "one".to_owned()));
    assert_eq!(end(trap()), None, "turns of it that are still under way change nothing any more");
    let trouble = generations.trouble().unwrap();
    assert_eq!((trouble.step, trouble.digest.as_str(), trouble.generation), (Step::RolledBack, "two", 3));
}

#[test]
fn the_first_generation_gives_way_to_what_served_in_an_earlier_run() {
    let generations = generations();
    let one = generations.current();
    let end = || generations.judge(&one, &trap(), Millis(2));
    generations.set_before(Arc::new(Named("earlier")));
    assert_eq!([end(), end()], [None, None]);
    assert!(end().is_some());
    assert_eq!(serves(&generations), (2, "earlier".to_owned()));
    assert!(generations.has_refused("one"));
}

#[test]
fn a_generation_that_has_proven_itself_stays_whatever_it_does() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    let two = generations.current();
    for _ in 0..PROBATION {
        assert_eq!(generations.judge(&two, &TurnResult::Done, Millis(2)), None);
    }
    for _ in 0..10 {
        assert_eq!(generations.judge(&two, &trap(), Millis(3)), None);
    }
    assert_eq!(serves(&generations), (2, "two".to_owned()));
}

#[test]
fn what_the_host_failed_at_is_not_held_against_a_generation() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    let two = generations.current();
    for reason in [Reason::Host, Reason::Killed] {
        for _ in 0..10 {
            let result = TurnResult::Failed(Failure { reason, detail: String::new() });
            assert_eq!(generations.judge(&two, &result, Millis(2)), None);
        }
    }
    assert_eq!(serves(&generations), (2, "two".to_owned()));
}

#[test]
fn the_first_generation_stays_for_want_of_another() {
    let generations = generations();
    let one = generations.current();
    for _ in 0..10 {
        assert_eq!(generations.judge(&one, &trap(), Millis(1)), None);
    }
    assert_eq!(generations.roll_back("the operator wants it".to_owned(), Millis(2)), None);
    assert_eq!(serves(&generations), (1, "one".to_owned()));
}

#[test]
fn a_generation_that_has_not_proven_itself_is_no_good_to_go_back_to() {
    let generations = generations();
    generations.replace(Arc::new(Named("bad")), Millis(1));
    generations.replace(Arc::new(Named("worse")), Millis(2));
    let worse = generations.current();
    let ends: Vec<_> = (0..3).map(|_| generations.judge(&worse, &trap(), Millis(3)).is_some()).collect();
    assert_eq!(ends, [false, false, true]);
    assert_eq!(serves(&generations), (4, "one".to_owned()));
}

#[test]
fn what_was_refused_stays_so_until_another_serves() {
    let generations = generations();
    generations.reject("bad".to_owned(), "no handler".to_owned(), Millis(1));
    generations.reject(String::new(), "cannot be read".to_owned(), Millis(2));
    assert!(generations.has_refused("bad") && !generations.has_refused("two"));
    generations.is_as_served();
    assert!(generations.has_refused("bad") && generations.trouble().is_none());
    generations.replace(Arc::new(Named("two")), Millis(3));
    assert!(!generations.has_refused("bad"));
}

#[test]
fn going_back_twice_is_going_nowhere() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    assert_eq!(generations.roll_back("a".to_owned(), Millis(2)), Some(3));
    assert_eq!(serves(&generations), (3, "one".to_owned()));
    assert_eq!(generations.roll_back("b".to_owned(), Millis(3)), Some(4));
    assert_eq!(serves(&generations), (4, "two".to_owned()));
}

#[test]
fn what_became_of_each_file_is_told_and_not_without_end() {
    let generations = generations();
    generations.reject("bad".to_owned(), "no handler".to_owned(), Millis(1));
    assert_eq!(generations.trouble().unwrap().reason.as_deref(), Some("no handler"));
    generations.replace(Arc::new(Named("two")), Millis(2));
    assert_eq!(generations.trouble(), None, "what came before a good one is no trouble any more");
    for n in 0..100 {
        generations.reject(n.to_string(), "no handler".to_owned(), Millis(n));
    }
    let records = generations.records();
    assert_eq!((records.len(), records[0].digest.as_str(), records[31].digest.as_str()), (RECORDS, "68", "99"));
}

#[test]
fn nothing_goes_back_behind_a_change_of_what_the_bot_may_use() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    let number = generations.reconfigure(Arc::new(Named("two")), actor(), Millis(2));
    assert_eq!(serves(&generations), (3, "two".to_owned()));
    assert_eq!((number, generations.roll_back("unwell".to_owned(), Millis(3))), (3, None));
    let three = generations.current();
    (0..10).for_each(|_| assert_eq!(generations.judge(&three, &trap(), Millis(4)), None));
    assert_eq!(serves(&generations), (3, "two".to_owned()), "there is nothing to go back to");
    generations.replace(Arc::new(Named("four")), Millis(5));
    assert_eq!(generations.roll_back("unwell".to_owned(), Millis(6)), Some(5), "but to what came after it");
}

#[test]
fn another_actor_for_the_same_plugin_is_the_same_generation_on_the_same_probation() {
    let generations = generations();
    generations.replace(Arc::new(Named("two")), Millis(1));
    let before = generations.current();
    let end = |generation: &Generation| generations.judge(generation, &trap(), Millis(2)).is_some();
    assert_eq!([end(&before), end(&before)], [false, false]);
    let other = actor();
    generations.reconnect(other.clone());
    let after = generations.current();
    assert_eq!((after.number, Arc::ptr_eq(&after.actor, &other)), (2, true));
    assert!(end(&after), "the third failure, whoever it belongs to");
    assert_eq!(serves(&generations), (3, "one".to_owned()));
    assert!(Arc::ptr_eq(&generations.current().actor, &other), "what the bot may use does not go back");
}

#[test]
fn a_file_that_another_takes_the_place_of_is_noted_and_neither_trouble_nor_refused() {
    let generations = generations();
    generations.reject("bad".to_owned(), "no".to_owned(), Millis(1));
    generations.supersede("two".to_owned(), Millis(2));
    assert_eq!(generations.trouble().unwrap().digest, "bad");
    assert!(generations.has_refused("bad") && !generations.has_refused("two"));
    let steps: Vec<_> = generations.records().into_iter().map(|record| record.step).collect();
    assert_eq!(steps, [Step::Rejected, Step::Superseded]);
    assert_eq!(serves(&generations), (1, "one".to_owned()));
}
