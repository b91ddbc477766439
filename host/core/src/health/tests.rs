use proptest::prelude::*;

use super::*;
use crate::runtime::{Failure, Reason};

fn failed(reason: Reason) -> TurnResult {
    TurnResult::Failed(Failure { reason, detail: "oh".to_owned() })
}

fn health(failures: u32, rests: u32) -> Health {
    Health::new(&Limits { failures, rests, ..Limits::default() })
}

/// Tells the end of a turn that began just now.
fn end(health: &mut Health, result: &TurnResult, now: Millis) -> bool {
    health.ended(result, health.phase(), now)
}

/// Lets the rest pass and gives its length.
fn rest(health: &mut Health, now: &mut Millis) -> Duration {
    let until = health.rests_until().expect("it rests");
    let length = until.since(*now);
    assert!(!health.probe(until - Duration::from_millis(1)), "not before its end");
    *now = until;
    assert!(health.probe(until));
    length
}

#[test]
fn limit_failures_in_a_row_degrade_and_one_good_end_starts_the_count_anew() {
    for reason in
        [Reason::Cpu, Reason::Wall, Reason::Memory, Reason::Stack, Reason::Panic, Reason::Quota, Reason::Denied]
    {
        let mut health = health(3, 8);
        for good in [TurnResult::Done, TurnResult::Retry(Duration::ZERO), TurnResult::Reject("no".to_owned())] {
            assert!(!end(&mut health, &failed(reason), Millis(1)));
            assert!(!end(&mut health, &failed(reason), Millis(1)));
            assert!(!end(&mut health, &good, Millis(1)), "what the bot ended itself is a good end");
        }
        assert!(!end(&mut health, &failed(reason), Millis(1)));
        assert!(!end(&mut health, &failed(Reason::Host), Millis(1)), "says nothing");
        assert!(!end(&mut health, &failed(Reason::Killed), Millis(1)), "says nothing");
        assert!(!end(&mut health, &failed(reason), Millis(1)));
        assert_eq!((health.state(), health.turns()), (State::Active, 64));
        assert!(end(&mut health, &failed(reason), Millis(1)));
        assert_eq!((health.state(), health.turns()), (State::Degraded, 0));
        let told = health.report().reason.unwrap();
        assert_eq!(told, format!("3 failures in a row, last by {reason}: oh"));
    }
}

#[test]
fn limit_rests_in_a_row_end_in_quarantine_each_twice_as_long_up_to_five_minutes() {
    let (mut health, mut now) = (health(1, 12), Millis(1));
    end(&mut health, &failed(Reason::Panic), now);
    for number in 0..12 {
        assert_eq!((health.state(), health.turns()), (State::Degraded, 0), "rest {number}");
        let whole = Duration::from_secs(1 << number).min(Duration::from_secs(300));
        let length = rest(&mut health, &mut now);
        assert!(length <= whole && length * 2 + Duration::from_millis(1) >= whole, "rest {number}: {length:?}");
        assert_eq!((health.state(), health.turns()), (State::Degraded, 1), "one turn at a time");
        assert!(!end(&mut health, &failed(Reason::Host), now), "of which nothing can be learnt");
        assert_eq!(health.turns(), 1);
        assert!(end(&mut health, &failed(Reason::Cpu), now));
    }
    assert_eq!((health.state(), health.turns(), health.rests_until()), (State::Quarantined, 0, None));
    assert_eq!(health.report().reason.unwrap(), "still failing after 12 rests in a row, last by cpu: oh");
    assert!(!health.probe(Millis(u64::MAX)), "time does not end it");
    assert!(health.order(Order::Release, now).unwrap());
    assert_eq!((health.state(), health.turns()), (State::Active, 64));
}

#[test]
fn a_probe_that_ends_well_ends_the_rests_and_their_count() {
    let (mut health, mut now) = (health(1, 2), Millis(1));
    for _ in 0..5 {
        end(&mut health, &failed(Reason::Panic), now);
        assert!(rest(&mut health, &mut now) <= Duration::from_secs(1), "the first of its row");
        assert!(end(&mut health, &TurnResult::Retry(Duration::ZERO), now));
        assert_eq!((health.state(), health.report().rests), (State::Active, 0));
    }
}

#[test]
fn a_turn_that_began_before_a_change_says_nothing_about_what_comes_after_it() {
    let (mut health, mut now) = (health(1, 1), Millis(1));
    let active = health.phase();
    end(&mut health, &failed(Reason::Panic), now);
    let resting = health.phase();
    rest(&mut health, &mut now);
    for old in [active, resting] {
        assert!(!health.ended(&TurnResult::Done, old, now), "it is no probe");
        assert!(!health.ended(&failed(Reason::Panic), old, now));
    }
    assert_eq!((health.state(), health.turns()), (State::Degraded, 1));
}

#[test]
fn a_new_generation_starts_afresh_and_what_the_operator_wants_stays() {
    let quarantined = |by: By| {
        let mut health = health(1, 1);
        match by {
            By::Operator => assert!(health.order(Order::Quarantine, Millis(1)).unwrap()),
            By::Bot => {
                let mut now = Millis(1);
                end(&mut health, &failed(Reason::Panic), now);
                rest(&mut health, &mut now);
                end(&mut health, &failed(Reason::Panic), now);
            }
        }
        assert_eq!((health.state(), health.report().by), (State::Quarantined, by));
        health
    };
    for (by, after) in [(By::Bot, State::Active), (By::Operator, State::Quarantined)] {
        let mut renewed = quarantined(by);
        renewed.renew(Millis(2));
        assert_eq!(renewed.state(), after, "in this run");
        let held = quarantined(by).held("old").unwrap();
        let mut restored = health(1, 1);
        assert_eq!(restored.restore(held.clone(), "new"), by == By::Operator);
        assert_eq!(restored.state(), after, "with another plugin after a restart");
        let mut restored = health(1, 1);
        assert!(restored.restore(held.clone(), "old"));
        assert_eq!(restored.held("old"), Some(held), "with the same plugin after a restart");
    }
}

#[test]
fn each_order_does_one_thing_and_tells_which_was_meant() {
    use Order::{Kill, Pause, Quarantine, Release, Resume};
    use State::{Active, Degraded, Paused, Quarantined};
    let table = [
        (Active, Pause, Ok((true, Paused))),
        (Active, Resume, Ok((false, Active))),
        (Active, Kill, Ok((true, Paused))),
        (Active, Quarantine, Ok((true, Quarantined))),
        (Active, Release, Ok((false, Active))),
        (Degraded, Pause, Ok((true, Paused))),
        (Degraded, Resume, Ok((false, Degraded))),
        (Degraded, Kill, Ok((true, Paused))),
        (Degraded, Quarantine, Ok((true, Quarantined))),
        (Degraded, Release, Ok((true, Active))),
        (Paused, Pause, Ok((false, Paused))),
        (Paused, Resume, Ok((true, Active))),
        (Paused, Kill, Ok((false, Paused))),
        (Paused, Quarantine, Ok((true, Quarantined))),
        (Paused, Release, Err(Refused::Paused)),
        (Quarantined, Pause, Ok((false, Quarantined))),
        (Quarantined, Resume, Err(Refused::Quarantined)),
        (Quarantined, Kill, Ok((false, Quarantined))),
        (Quarantined, Quarantine, Ok((false, Quarantined))),
        (Quarantined, Release, Ok((true, Active))),
    ];
    for (from, order, expected) in table {
        let mut health = health(1, 1);
        match from {
            Active => {}
            Degraded => assert!(end(&mut health, &failed(Reason::Panic), Millis(1))),
            Paused => assert!(health.order(Pause, Millis(1)).unwrap()),
            Quarantined => assert!(health.order(Quarantine, Millis(1)).unwrap()),
        }
        let told = health.order(order, Millis(2)).map(|changed| (changed, health.state()));
        assert_eq!(told, expected, "{order:?} from {from}");
        if told.is_err() {
            assert_eq!(health.state(), from);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A turn ends: 0 well, 1 badly, 2 by the host's fault. The second is how many changes ago it began.
    End(u8, u64),
    Pass(u32),
    Order(usize),
    Renew,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![1 => Just(0u8), 4 => Just(1u8), 1 => Just(2u8)], prop_oneof![4 => Just(0u64), 1 => 1..3u64])
            .prop_map(|(end, ago)| Step::End(end, ago)),
        4 => (1..400_000u32).prop_map(Step::Pass),
        1 => (0..Order::ALL.len()).prop_map(Step::Order),
        1 => Just(Step::Renew),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Against the words of the head of the file, counted by hand.
    #[test]
    fn whatever_happens_the_counts_decide_and_nobody_else(
        failures in 1..4u32, rests in 1..4u32, steps in prop::collection::vec(step(), 1..200),
    ) {
        let (mut health, mut now) = (health(failures, rests), Millis(1000));
        let (mut in_a_row, mut rested) = (0, 0);
        for step in steps {
            let (was, phase, turns) = (health.state(), health.phase(), health.turns());
            match step {
                Step::End(kind, ago) => {
                    let result = [TurnResult::Done, failed(Reason::Wall), failed(Reason::Host)][usize::from(kind)].clone();
                    let changed = health.ended(&result, phase.wrapping_sub(ago), now);
                    prop_assert_eq!(changed, health.phase() != phase);
                    if ago > 0 || kind == 2 || turns == 0 {
                        prop_assert_eq!((changed, health.state()), (false, was));
                    } else if kind == 0 {
                        prop_assert_eq!(health.state(), State::Active);
                        (in_a_row, rested) = (0, 0);
                    } else {
                        in_a_row += 1;
                        let expected = match was {
                            State::Active if in_a_row < failures => State::Active,
                            _ if rested < rests => State::Degraded,
                            _ => State::Quarantined,
                        };
                        prop_assert_eq!(health.state(), expected);
                        if expected == State::Quarantined {
                            (in_a_row, rested) = (0, 0);
                        }
                        if expected == State::Degraded {
                            rested += 1;
                            let wait = health.rests_until().unwrap().since(now);
                            prop_assert!((Duration::from_millis(499)..=Duration::from_secs(300)).contains(&wait));
                        }
                    }
                }
                Step::Pass(ms) => {
                    now = now + Duration::from_millis(u64::from(ms));
                    let due = health.rests_until().is_some_and(|until| until <= now);
                    prop_assert_eq!(health.probe(now), due);
                    prop_assert_eq!(health.state(), was);
                }
                Step::Order(which) => {
                    let changed = health.order(Order::ALL[which], now);
                    prop_assert_eq!(changed == Ok(true), health.phase() != phase);
                    if changed == Ok(true) { (in_a_row, rested) = (0, 0); }
                }
                Step::Renew => {
                    health.renew(now);
                    in_a_row = 0;
                    if health.state() != was { rested = 0; }
                }
            }
            let report = health.report();
            prop_assert_eq!(report.rests, rested);
            prop_assert!(report.rests <= rests);
            prop_assert_eq!(report.next_probe.is_some(), report.state == State::Degraded && health.turns() == 0);
            let most = match report.state { State::Active => 64, State::Degraded => 1, _ => 0 };
            prop_assert!(health.turns() <= most);
        }
    }
}
