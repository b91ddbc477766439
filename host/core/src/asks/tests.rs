use futures::FutureExt;

use super::*;
use crate::testing::TestClock;

const ROW: InboxSeq = InboxSeq(7);

const WINDOW: Duration = Duration::from_secs(3);

fn announce(asks: &Arc<Asks>) -> Asker {
    asks.announce(&"shop".into(), "key", Some(WINDOW), Millis(1000))
}

fn answer() -> Answer {
    Answer::Notice("yes".to_owned())
}

/// What was told by now; `None` where it is waited for.
fn told(asker: Asker) -> Option<Option<Answer>> {
    let clock = TestClock::default();
    asker.answer(&clock, clock.now() + Duration::from_secs(1)).now_or_never()
}

#[test]
fn who_asks_again_while_the_first_is_being_stored_waits_with_them() {
    let asks = Arc::<Asks>::default();
    let (mut first, mut second) = (announce(&asks), announce(&asks));
    // The store tells the second that it is a duplicate, before the first has seen its rows.
    second.stored([]);
    assert_eq!(asks.len(), 1);
    first.stored([ROW]);
    asks.of(ROW).unwrap().claim(answer()).unwrap().tell();
    assert_eq!([told(first), told(second)], [Some(Some(answer())), Some(Some(answer()))]);
    assert_eq!(asks.len(), 0);
}

#[test]
fn who_goes_while_it_is_being_stored_keeps_nobody_waiting() {
    let asks = Arc::<Asks>::default();
    let (first, mut second) = (announce(&asks), announce(&asks));
    second.stored([]);
    drop(first);
    assert_eq!((told(second), asks.len()), (Some(None), 0));
    drop(announce(&asks));
    assert_eq!(asks.len(), 0);
}

#[test]
fn a_claim_keeps_others_out_until_it_is_given_back() {
    let asks = Arc::<Asks>::default();
    let mut asker = announce(&asks);
    asker.stored([ROW]);
    let asked = asks.of(ROW).unwrap();
    let claim = asked.claim(answer()).unwrap();
    assert!(!asked.is_waited_for() && asked.claim(answer()).is_none());
    // Not even the end of every row ends what is claimed.
    asks.end(&[ROW]);
    assert!(!asker.leave(false), "who waits stays");
    drop(claim);
    assert_eq!((told(asker), asks.len()), (Some(None), 0));
    assert!(!asked.is_waited_for() && asked.claim(answer()).is_none());
}

#[test]
fn who_goes_all_the_same_is_not_told_and_nothing_is_kept() {
    let asks = Arc::<Asks>::default();
    let mut asker = announce(&asks);
    asker.stored([ROW]);
    let claim = asks.of(ROW).unwrap().claim(answer()).unwrap();
    drop(asker);
    assert!(asks.of(ROW).is_some(), "it is claimed");
    assert!(!claim.tell(), "nobody is there");
    assert!(asks.of(ROW).is_none() && asks.len() == 0);
}

#[test]
fn a_key_stands_for_another_event_behind_its_window_also_while_the_first_is_waited_for() {
    let asks = Arc::<Asks>::default();
    let at = |now| asks.announce(&"shop".into(), "key", Some(WINDOW), Millis(now));
    let (mut first, mut again, mut later) = (at(1000), at(3999), at(4000));
    first.stored([ROW]);
    again.stored([]);
    later.stored([InboxSeq(8)]);
    assert_eq!(asks.len(), 2);
    asks.of(ROW).unwrap().claim(answer()).unwrap().tell();
    assert_eq!([told(first), told(again)], [Some(Some(answer())), Some(Some(answer()))]);
    // The end of the first takes nothing from the second.
    let mut last = at(6999);
    last.stored([]);
    let other = Answer::Notice("another".to_owned());
    asks.of(InboxSeq(8)).unwrap().claim(other.clone()).unwrap().tell();
    assert_eq!([told(later), told(last)], [Some(Some(other.clone())), Some(Some(other))]);
    assert_eq!(asks.len(), 0);
}

#[test]
fn a_row_that_is_found_twice_is_waited_for_once_and_by_who_found_it_first() {
    let asks = Arc::<Asks>::default();
    let (mut first, mut second) = (announce(&asks), announce(&asks));
    let mut other = asks.announce(&"shop".into(), "key", Some(WINDOW), Millis(9000));
    second.stored([ROW]);
    assert!(first.has_rows());
    first.stored([ROW]);
    other.stored([ROW]);
    assert_eq!(told(other), Some(None));
    asks.end(&[ROW]);
    assert_eq!([told(first), told(second)], [Some(None), Some(None)]);
    assert_eq!(asks.len(), 0);
}

#[test]
fn a_key_that_is_asked_for_again_is_another_ask() {
    let asks = Arc::<Asks>::default();
    let mut first = announce(&asks);
    first.stored([ROW]);
    let asked = asks.of(ROW).unwrap();
    let mut late = announce(&asks);
    asked.claim(answer()).unwrap().tell();
    let mut second = announce(&asks);
    // Of the first one, which is over.
    late.stored([]);
    drop(first);
    asks.end(&[ROW]);
    assert!(!asked.is_waited_for(), "the second is not of this row");
    second.stored([]);
    assert_eq!([told(late), told(second)], [Some(Some(answer())), Some(None)]);
    assert_eq!(asks.len(), 0);
}
