use std::num::NonZeroU32;

use futures::FutureExt;
use hodhod_core::testing::{MemoryVault, TestClock};
use proptest::prelude::*;

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn vault() -> MemoryVault {
    MemoryVault::new(Arc::new(TestClock::default()))
}

/// Over what an earlier one kept.
fn over(vault: &MemoryVault, minute: u32, day: u32) -> Pace {
    let limits = AppPace { minute: NonZeroU32::new(minute), day: NonZeroU32::new(day) };
    Pace::new(limits, Arc::new(vault.clone()))
}

fn pace(minute: u32, day: u32) -> Pace {
    over(&vault(), minute, day)
}

fn take(pace: &Pace, calls: u64, now: u64) -> Result<(), Held> {
    pace.take(calls, Millis(now)).now_or_never().unwrap()
}

fn used(pace: &Pace, now: u64) -> u64 {
    pace.recall(Millis(now)).now_or_never().unwrap().unwrap();
    pace.lock().day.as_ref().unwrap().used
}

#[test]
fn a_day_goes_on_after_a_restart() {
    let vault = vault();
    let first = over(&vault, 0, 3);
    // The vault has the clock of the host, and this test its own: records of it do not end.
    let began = 10 * DAY;
    assert_eq!([0, 1000].map(|later| take(&first, 1, began + later)), [Ok(()), Ok(())]);
    let second = over(&vault, 0, 3);
    assert_eq!(take(&second, 1, began + 2000), Ok(()));
    let third = over(&vault, 0, 3);
    let Err(Held::Wait(wait)) = take(&third, 1, began + 3000) else { panic!() };
    assert!(wait > Duration::from_secs(23 * 60 * 60) && wait <= Duration::from_secs(25 * 60 * 60), "{wait:?}");
    assert_eq!(used(&over(&vault, 0, 9), began + 4000), 3, "the limit is the operator's, and may be another");
    assert_eq!(used(&over(&vault, 0, 3), began + DAY + DAY / 24), 0, "it is another day");
}

#[test]
fn what_is_kept_is_known_before_anything_is_sent() {
    let vault = vault();
    take(&over(&vault, 0, 10), 6, 10 * DAY).unwrap();
    let pace = over(&vault, 0, 10);
    assert_eq!(used(&pace, 10 * DAY), 6);
    assert_eq!(pace.trouble(Millis(10 * DAY)).unwrap(), "60 % of the day's calls are used: 6 of 10");
}

#[test]
fn a_crash_forgets_the_calls_of_one_second_at_most_and_a_second_takes_one_write() {
    let (vault, now) = (vault(), 10 * DAY);
    let pace = over(&vault, 0, 1000);
    let kept = |at| used(&over(&vault, 0, 1000), at);
    for n in 0..10 {
        take(&pace, 1, now + n * 99).unwrap();
        assert_eq!(kept(now + n * 99), 1, "one write");
    }
    take(&pace, 1, now + 1000).unwrap();
    assert_eq!(kept(now + 1000), 11, "and with the next all of them");
}

#[test]
fn a_store_that_cannot_say_what_was_called_lets_nothing_go_out_and_is_asked_again() {
    let vault = vault();
    take(&over(&vault, 0, 1), 1, 10 * DAY).unwrap();
    let pace = over(&vault, 0, 1);
    vault.fail(true);
    assert!(matches!(take(&pace, 1, 10 * DAY), Err(Held::Unknown(_))));
    assert_eq!(take(&over(&vault, 5, 0), 1, 10 * DAY), Ok(()), "where no day is counted nobody asks");
    vault.fail(false);
    assert!(matches!(take(&pace, 1, 10 * DAY), Err(Held::Wait(_))));
}

#[test]
fn a_record_that_says_nonsense_holds_nothing_up_and_one_from_the_future_not_for_longer_than_a_day() {
    let keep = |value: &str| {
        let vault = vault();
        let record = Record { person: None, expires: None, value: value.to_owned().into() };
        let change = Change { kind: KIND, name: NAME.to_owned(), record: Some(record) };
        vault.change(vec![change]).now_or_never().unwrap().unwrap();
        vault
    };
    for nonsense in ["", "[", "{}", "[[1]]", "[[-1, 5]]", "[[\"a\", 5]]", "[]", "[[0, 0]]"] {
        assert_eq!(take(&over(&keep(nonsense), 0, 1), 1, 10 * DAY), Ok(()), "{nonsense}");
    }
    let most = u64::MAX;
    for future in [format!("[[{}, 1]]", 11 * DAY), format!("[[{most}, {most}], [{most}, {most}]]")] {
        let Err(Held::Wait(wait)) = take(&over(&keep(&future), 0, 1), 1, 10 * DAY) else { panic!("{future}") };
        assert!(wait <= Duration::from_secs(25 * 60 * 60), "{wait:?}");
        assert_eq!(
            used(&over(&keep(&future), 0, 1), 10 * DAY),
            if future.contains(&most.to_string()) { most } else { 1 }
        );
    }
}

#[test]
fn the_record_of_a_full_day_is_small() {
    let (vault, began) = (vault(), 10 * DAY);
    let pace = over(&vault, 0, 1_000_000_000);
    for minute in 0..24 * 60 {
        take(&pace, 100_000, began + minute * 60_000).unwrap();
    }
    let record = vault.get(KIND, NAME).now_or_never().unwrap().unwrap().unwrap();
    assert!(record.value.expose_secret().len() <= 4096, "{}", record.value.expose_secret().len());
    assert_eq!(used(&over(&vault, 0, 1), began + DAY), 144_000_000);
}

#[test]
fn without_a_number_nothing_is_limited() {
    let pace = pace(0, 0);
    assert!((0..10_000).all(|_| pace.count(1, Millis(1)).is_ok()));
    assert_eq!(pace.trouble(Millis(1)), None);
}

#[test]
fn at_the_limit_of_a_minute_the_wait_is_until_there_is_room_and_no_longer() {
    let pace = pace(3, 0);
    for second in [0, 10, 20] {
        assert_eq!(pace.count(1, Millis(second * 1000)), Ok(()));
    }
    let wait = pace.count(1, Millis(30_000)).unwrap_err();
    assert_eq!(wait, Duration::from_secs(31));
    assert_eq!(pace.count(1, Millis(60_999)), Err(Duration::from_millis(1)));
    assert_eq!(pace.count(1, Millis(61_000)), Ok(()));
    assert_eq!(pace.count(1, Millis(61_000)), Err(Duration::from_secs(10)));
}

#[test]
fn a_day_that_fills_up_is_told_at_each_mark_once_and_stops_sends_when_it_is_full() {
    let pace = pace(0, 100);
    let mut told = Vec::new();
    for n in 1..=100_u64 {
        let before = pace.lock().told;
        assert_eq!(pace.count(1, Millis(n * 1000)), Ok(()));
        if pace.lock().told > before {
            told.push(n);
        }
    }
    assert_eq!(told, [60, 80, 95]);
    assert_eq!(pace.trouble(Millis(100_000)).unwrap(), "the day's 100 calls are used up: sends wait");
    assert!(pace.count(1, Millis(101_000)).unwrap_err() > Duration::from_secs(23 * 60 * 60));
    let next = Millis(25 * 60 * 60 * 1000);
    assert_eq!(pace.trouble(next), None);
    assert_eq!(pace.count(1, next), Ok(()));
    assert_eq!(pace.lock().told, 0, "a new day is told again");
}

#[test]
fn the_share_of_a_day_is_shown() {
    let pace = pace(0, 10);
    for n in 0..7 {
        pace.count(1, Millis(n)).unwrap();
    }
    assert_eq!(pace.trouble(Millis(9)).unwrap(), "70 % of the day's calls are used: 7 of 10");
}

#[test]
fn what_takes_several_calls_waits_for_room_for_all_of_them() {
    let pace = pace(3, 0);
    assert_eq!(pace.count(2, Millis(0)), Ok(()));
    assert_eq!(pace.count(2, Millis(10_000)), Err(Duration::from_secs(51)));
    assert_eq!(pace.count(1, Millis(10_000)), Ok(()));
    assert_eq!(pace.count(3, Millis(20_000)), Err(Duration::from_secs(51)));
    assert_eq!(pace.count(9, Millis(71_000)), Ok(()), "more than the whole gets the whole");
    assert!(pace.count(1, Millis(71_000)).is_err());
}

proptest! {
    #[test]
    fn no_stretch_of_a_minute_gets_more_than_its_number(limit in 1_u32..20, gaps in prop::collection::vec(0_u64..9000, 1..200)) {
        let pace = pace(limit, 0);
        let mut now = 0;
        let mut sent: Vec<u64> = Vec::new();
        for gap in gaps {
            now += gap;
            if pace.count(1, Millis(now)).is_ok() {
                sent.push(now);
            }
            prop_assert!(pace.lock().minute.as_ref().unwrap().steps.len() <= 62);
        }
        for (place, first) in sent.iter().enumerate() {
            let within = sent[place..].iter().take_while(|at| **at < first + 60_000).count();
            prop_assert!(within <= usize::try_from(limit).unwrap());
        }
    }
}
