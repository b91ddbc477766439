//! A person wants to be forgotten, and says so on their platform.

use super::*;
use crate::people::Moment;
use crate::platform::Intake;
use crate::store::Upkeep;
use crate::time::{Clock, Millis};

/// Asks for it, as a platform does, and does not wait.
pub(super) async fn forget(rig: &Rig, person: &str, time: Millis) -> JoinHandle<Result<(), StoreError>> {
    forget_until(rig, person, moment(rig, time).await)
}

async fn moment(rig: &Rig, time: Millis) -> Moment {
    Moment { row: rig.host.inbox().of(CONNECTION.into()).reserve().await.unwrap(), time }
}

fn forget_until(rig: &Rig, person: &str, until: Moment) -> JoinHandle<Result<(), StoreError>> {
    let (intake, person) = (rig.host.inbox().of(CONNECTION.into()), SenderId::from(person));
    spawn_local(async move { intake.forget(&person, until).await })
}

async fn forgotten(rig: &Rig, person: &str, until: Moment) -> Result<(), StoreError> {
    let mut forgetting = forget_until(rig, person, until);
    rig.until(|| forgetting.is_finished()).await;
    (&mut forgetting).await.unwrap()
}

async fn start(
    store: &MemoryStore,
    clock: &TestClock,
    bot: impl for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, TurnResult> + Send + Sync + 'static,
) -> Rig {
    let rig = Rig::start(store, clock, fast(), Limits::default(), bot).await;
    rig.platform.set_private_chats();
    rig
}

/// What tells bots that somebody is gone.
fn farewell(person: &str) -> Incoming {
    Incoming::new(format!("gone:{person}"), Event::Other("shop.revoked".into(), format!("{{\"user\":\"{person}\"}}")))
}

#[test]
fn who_wants_to_be_forgotten_is_as_if_the_operator_had_had_them_erased() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let platform = Arc::new(TestPlatform::default());
        platform.set_private_chats();
        let rig = full(&store, &clock, platform).await;
        assert!(!export(&rig, &sara()).await.is_empty());
        let omid = Person::known_as(CONNECTION.into(), "omid".into());
        let others = export(&rig, &omid).await;
        forgotten(&rig, "sara", moment(&rig, clock.now()).await).await.unwrap();
        assert_eq!(export(&rig, &sara()).await, []);
        assert_eq!(export(&rig, &omid).await, others);
        assert_eq!(rig.platform.forgotten(), [SenderId::from("sara")]);

        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.host.resume_sends(&CONNECTION.into()).await.unwrap();
        rig.until(|| rig.sent_to("omid") == ["later", "waits"]).await;
        assert!(rig.sent_to("sara").is_empty());
        rig.stop().await;
    });
}

#[test]
fn a_wish_is_granted_where_nobody_waits_for_it_and_once_however_often_it_is_made() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = start(&store, &clock, keeping).await;
        rig.arrive(vec![text("sara", "1", "old")]).await;
        rig.settle().await;
        let since = moment(&rig, clock.now()).await;
        let forgetting = forget_until(&rig, "sara", since);
        yield_now().await;
        forgetting.abort();
        rig.settle().await;
        assert_eq!(export(&rig, &sara()).await, []);

        rig.arrive(vec![text("sara", "2", "new")]).await;
        rig.settle().await;
        forgotten(&rig, "sara", since).await.unwrap();
        assert_eq!(store.values().len(), 2, "it was granted before: {:?}", store.values());
        clock.advance(Duration::from_millis(1));
        forgotten(&rig, "sara", moment(&rig, clock.now()).await).await.unwrap();
        assert!(store.values().is_empty(), "this is another one: {:?}", store.values());
        rig.stop().await;
    });
}

#[test]
fn what_a_person_writes_after_the_wish_is_handled_when_it_is_granted() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let rig = start(&store, &clock, gated(&go_on)).await;
        rig.arrive(vec![text("sara", "1", "slow"), text("sara", "2", "waits")]).await;
        rig.settle().await;
        let forgetting = forget(&rig, "sara", clock.now()).await;
        rig.settle().await;
        assert!(!forgetting.is_finished(), "it waits for the turn");
        rig.arrive(vec![text("sara", "3", "new"), text("omid", "4", "beside")]).await;
        rig.until(|| rig.sent_to("omid") == ["beside"]).await;
        go_on.notify_one();
        rig.until(|| forgetting.is_finished()).await;
        forgetting.await.unwrap().unwrap();
        rig.until(|| rig.sent_to("sara").contains(&"new".to_owned())).await;
        let mut values: Vec<_> = store.values().into_keys().collect();
        values.sort();
        assert_eq!(values, ["chat/beside", "chat/new", "user/beside", "user/new"]);
        assert!(!rig.sent_to("sara").contains(&"waits".to_owned()));
        rig.stop().await;
    });
}

/// Its timer becomes an event with a new row, which did not come from outside.
#[test]
fn a_timer_that_fires_meanwhile_gets_past_nobody() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let (fired, gate) = (Arc::new(AtomicUsize::new(0)), gated(&go_on));
        let counter = fired.clone();
        let rig = start(&store, &clock, move |turn: &mut Turn| {
            if matches!(&**turn.event(), Event::Timer(_)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            gate(turn)
        })
        .await;
        rig.arrive(vec![text("sara", "1", "later"), text("omid", "2", "later")]).await;
        rig.settle().await;
        rig.arrive(vec![text("omid", "3", "slow")]).await;
        rig.settle().await;
        let wait = Duration::from_secs(60);
        // Not so long that the wait for the turn is over.
        clock.advance(wait - Duration::from_secs(1));
        let forgetting = forget(&rig, "sara", clock.now()).await;
        rig.settle().await;
        clock.advance(Duration::from_secs(1));
        rig.settle().await;
        assert_eq!(store.totals().await.unwrap().waiting_events, 3, "both have fired, and the slow one goes on");
        go_on.notify_one();
        rig.until(|| forgetting.is_finished() && fired.load(Ordering::Relaxed) == 1).await;
        forgetting.await.unwrap().unwrap();
        rig.settle().await;
        assert_eq!(fired.load(Ordering::Relaxed), 1, "omid's");
        assert_eq!(export(&rig, &sara()).await, []);
        rig.stop().await;
    });
}

#[test]
fn what_tells_bots_that_somebody_is_gone_outlives_them_and_waits_for_nothing() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let (told, gate) = (Arc::new(AtomicUsize::new(0)), gated(&go_on));
        let counter = told.clone();
        let rig = start(&store, &clock, move |turn: &mut Turn| {
            if matches!(&**turn.event(), Event::Other(..)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            gate(turn)
        })
        .await;
        // Erased while it waits, by the one and by the other.
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        rig.arrive(vec![text("sara", "1", "waits"), farewell("sara")]).await;
        assert_eq!(export(&rig, &sara()).await.len(), 2, "it is shown");
        assert_eq!(erased(&rig, sara()).await.events, 1);
        forgotten(&rig, "sara", moment(&rig, clock.now()).await).await.unwrap();
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.until(|| told.load(Ordering::Relaxed) == 1).await;
        rig.settle().await;
        assert_eq!(export(&rig, &sara()).await, []);

        // Handled while somebody is being erased.
        rig.arrive(vec![text("sara", "2", "slow")]).await;
        rig.settle().await;
        let forgetting = forget(&rig, "sara", clock.now() + Duration::from_millis(1)).await;
        rig.settle().await;
        rig.arrive(vec![Incoming { key: "again".into(), ..farewell("sara") }]).await;
        rig.until(|| told.load(Ordering::Relaxed) == 2).await;
        assert!(!forgetting.is_finished());
        go_on.notify_one();
        rig.until(|| forgetting.is_finished()).await;
        // What a bot could not do with it is not kept for it.
        assert!(store.totals().await.unwrap().waiting_events == 0);
        rig.stop().await;
    });
}

#[test]
fn a_new_consent_stays_where_the_wish_is_older() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = full(&store, &clock, Arc::default()).await;
        let vault = rig.host.vaults().of(CONNECTION.into());
        let since = moment(&rig, clock.now()).await;
        clock.advance(Duration::from_millis(1));
        let record = Record { person: Some("sara".into()), expires: None, value: "new".into() };
        vault.change(vec![Change { kind: "link", name: "c".into(), record: Some(record) }]).await.unwrap();
        forgotten(&rig, "sara", since).await.unwrap();
        assert!(vault.get("grant", "sara").await.unwrap().is_none());
        assert!(vault.get("link", "c").await.unwrap().is_some());
        rig.stop().await;
    });
}

#[test]
fn a_wish_that_cannot_be_granted_is_refused_and_may_be_made_again() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let rig = start(&store, &clock, gated(&go_on)).await;
        rig.arrive(vec![text("sara", "1", "slow")]).await;
        rig.settle().await;
        let since = moment(&rig, clock.now()).await;
        let forgetting = forget_until(&rig, "sara", since);
        rig.settle().await;
        clock.advance(Duration::from_secs(60));
        rig.until(|| forgetting.is_finished()).await;
        let busy = forgetting.await.unwrap().unwrap_err().to_string();
        assert!(busy.contains("nothing was erased"), "{busy}");
        go_on.notify_one();
        rig.settle().await;
        store.fail([Failpoint::Erase]);
        assert!(forgotten(&rig, "sara", since).await.is_err());
        assert!(!store.values().is_empty());
        forgotten(&rig, "sara", since).await.unwrap();
        assert!(store.values().is_empty());

        // Without its account nobody knows which chat is theirs.
        rig.host.remove_connection(&CONNECTION.into());
        let later = Moment { time: since.time + Duration::from_millis(1), ..since };
        let closed = forgotten(&rig, "sara", later).await.unwrap_err().to_string();
        assert!(closed.contains("closed"), "{closed}");
        rig.stop().await;
    });
}

#[test]
fn what_came_after_a_wish_stays_though_it_waits_when_the_wish_is_granted_after_a_restart() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = start(&store, &clock, gated(&Arc::new(Notify::new()))).await;
        rig.arrive(vec![text("sara", "1", "keeps")]).await;
        rig.until(|| rig.platform.tried().len() == 1).await;
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        rig.arrive(vec![text("sara", "2", "too late")]).await;
        let since = moment(&rig, clock.now()).await;
        store.fail([Failpoint::Erase]);
        assert!(forgotten(&rig, "sara", since).await.is_err());
        rig.arrive(vec![text("sara", "3", "new")]).await;
        rig.settle().await;
        rig.stop().await;

        let rig = start(&store, &clock, gated(&Arc::new(Notify::new()))).await;
        forgotten(&rig, "sara", since).await.unwrap();
        assert!(store.values().is_empty());
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.until(|| rig.sent_to("sara") == ["new"]).await;
        assert_eq!(store.values().len(), 2, "{:?}", store.values());
        rig.stop().await;
    });
}

#[test]
fn many_wishes_are_granted_after_one_wait_and_those_beyond_wait_their_turn() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let rig = start(&store, &clock, gated(&go_on)).await;
        let people: Vec<_> = (0..200).map(|n| format!("p{n}")).collect();
        rig.arrive(people.iter().map(|name| text(name, name, "keeps")).collect()).await;
        rig.until(|| rig.platform.tried().len() == 200).await;
        rig.arrive(vec![text("omid", "1", "slow")]).await;
        rig.settle().await;
        let since = moment(&rig, clock.now()).await;
        let asked: Vec<_> = people.iter().map(|name| forget_until(&rig, name, since)).collect();
        rig.settle().await;
        assert!(asked.iter().all(|one| !one.is_finished()));
        go_on.notify_one();
        rig.until(|| asked.iter().all(|one| one.is_finished())).await;
        for one in asked {
            one.await.unwrap().unwrap();
        }
        for name in people {
            assert_eq!(export(&rig, &Person::known_as(CONNECTION.into(), name.as_str().into())).await, []);
        }
        rig.stop().await;
    });
}

#[test]
fn a_dead_letter_of_what_came_after_the_wish_stays() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = start(&store, &clock, keeping).await;
        rig.arrive(vec![text("sara", "1", "reject")]).await;
        rig.settle().await;
        let since = moment(&rig, clock.now()).await;
        rig.arrive(vec![text("sara", "2", "reject"), text("omid", "3", "reject")]).await;
        rig.settle().await;
        let letters = async || store.list_dead(None, None, 9).await.unwrap().len();
        assert_eq!(letters().await, 3);
        forgotten(&rig, "sara", since).await.unwrap();
        assert_eq!(letters().await, 2);
        assert_eq!(export(&rig, &sara()).await.len(), 1, "it is shown all the same");
        rig.stop().await;
    });
}
