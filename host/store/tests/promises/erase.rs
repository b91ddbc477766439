//! What is erased is gone as a whole, for good, and everything that is counted is right afterwards.

use hodhod_core::ids::Chat;
use hodhod_core::store::{Erased, Mark, Rows, Store, TurnCommit, Upkeep};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Missed, Standing, TimerKey};
use hodhod_core::values::{Bucket, ValueKey};

use crate::kit::{Kit, arrival, chat, dead, done, event, overflow, send};

const SECRET: &str = "what only this person wrote";

fn value(bot: &str, bucket: Bucket, key: &str) -> ValueKey {
    ValueKey { bot: bot.into(), bucket, key: key.into() }
}

fn timer(bot: &str, id: &str) -> TimerKey {
    TimerKey { bot: bot.into(), chat: Some(chat()), id: id.into() }
}

fn standing() -> Option<Standing> {
    Some(Standing { due: Millis(9_000_000), payload: SECRET.into(), missed: Missed::Fire })
}

/// How often the secret is in the files of the folder.
fn found(kit: &Kit) -> usize {
    let files = std::fs::read_dir(kit.folder()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(SECRET.len()).filter(|window| *window == SECRET.as_bytes()).count()).sum()
}

#[tokio::test]
async fn rows_go_together_and_counters_and_quotas_follow() {
    let mut kit = Kit::new();
    let user = Bucket::User("connection".into(), "person".into());
    let [mine, other] = ["mine", "other"].map(|key| value("bot", user.clone(), key));
    let letter = kit.one("a letter").await;
    let values = [&mine, &other].map(|key| (key.clone(), Some(SECRET.as_bytes().into()))).into();
    let seq = kit.one("a turn").await;
    let turn = TurnCommit {
        values,
        sends: vec![send(seq, 0, SECRET), send(seq, 1, "stays")],
        timers: vec![(timer("bot", "mine"), standing()), (timer("bot", "other"), standing())],
        ..done(seq)
    };
    let sends = kit.commit(vec![dead(letter, "trapped"), turn]).await.unwrap().concat();
    let (waiting, stays) = (kit.one("waits").await, kit.one("stays").await);

    let erasure = Rows {
        values: vec![mine.clone(), value("bot", user.clone(), "never was")],
        timers: vec![timer("bot", "mine"), timer("nobody", "mine")],
        letters: vec![letter],
        events: vec![waiting, letter],
        sends: vec![sends[0]],
        records: vec![77],
    };
    let erased = Erased { values: 1, timers: 1, letters: 1, events: 1, sends: 1, records: 0 };
    assert_eq!(kit.erase(erasure.clone()).await.unwrap(), erased);
    assert_eq!(kit.erase(erasure).await.unwrap(), Erased::default(), "it is gone");
    kit.reopen().await;
    assert_eq!((kit.value(&mine).unwrap(), kit.value(&other).unwrap().is_some()), (None, true));
    assert_eq!(kit.event_rows().await, [stays]);
    assert_eq!(kit.outbox().await.into_iter().map(|send| send.seq).collect::<Vec<_>>(), [sends[1]]);
    let usage = kit.usage(&"bot".into(), &user).unwrap();
    assert_eq!((usage.bucket_keys, usage.bucket_bytes, usage.timers), (1, ("other".len() + SECRET.len()) as u64, 1));
    let totals = kit.counted().await;
    assert_eq!((totals.waiting_events, totals.waiting_sends, totals.dead_letters), (1, 1, 0));
    assert_eq!((totals.dead, totals.dead_dropped), (1, 1));
}

/// The turn was under way when its event was erased.
#[tokio::test]
async fn a_turn_whose_event_is_erased_puts_nothing_back() {
    let kit = Kit::new();
    let seq = kit.one("a").await;
    kit.erase(Rows { events: vec![seq], ..Rows::default() }).await.unwrap();
    let key = value("bot", Bucket::Chat(chat()), "k");
    let turn = TurnCommit {
        values: vec![(key.clone(), Some(SECRET.as_bytes().into()))],
        sends: vec![send(seq, 0, SECRET)],
        timers: vec![(timer("bot", "t"), standing())],
        ..done(seq)
    };
    assert!(kit.commit(vec![turn]).await.unwrap().concat().is_empty());
    let again = Mark::Retry { attempts: 1, not_before: Millis(0) };
    kit.commit(vec![TurnCommit::without_effects(seq, again, Millis(0)), dead(seq, "trapped")]).await.unwrap();
    assert_eq!((kit.value(&key).unwrap(), kit.outbox().await.len(), kit.counted().await.dead), (None, 0, 0));
    assert!(!kit.has_timer(&timer("bot", "t")).unwrap());
}

#[tokio::test]
async fn no_file_holds_what_was_erased_once_the_log_is_clear_though_the_store_goes_on() {
    let kit = Kit::new();
    let seq = kit.one("a turn").await;
    let bucket = Bucket::Chat(chat());
    let values: Vec<_> = (0..50)
        .map(|n| (value("bot", bucket.clone(), &n.to_string()), Some(SECRET.repeat(n * 7).into_bytes().into())))
        .collect();
    let sends = vec![send(seq, 0, SECRET)];
    let timers = vec![(timer("bot", "t"), standing())];
    kit.commit(vec![TurnCommit { values: values.clone(), sends, timers, ..done(seq) }]).await.unwrap();
    let event = hodhod_core::store::Arrival { event: event(SECRET), ..arrival("secret") };
    let letter = hodhod_core::store::Arrival { routes: vec![overflow(SECRET)], ..arrival("letter") };
    kit.append(vec![event, letter]).await.unwrap();
    // In the database as well as in the log.
    assert!(kit.clear_log().await.unwrap());
    kit.one("more").await;
    assert!(found(&kit) > 50);

    let letters = kit.list_dead(None, None, 9).await.unwrap().into_iter().map(|letter| letter.seq).collect();
    let erasure = Rows {
        values: values.into_iter().map(|(key, _)| key).collect(),
        timers: vec![timer("bot", "t")],
        letters,
        events: kit.event_rows().await,
        sends: kit.outbox().await.into_iter().map(|send| send.seq).collect(),
        records: Vec::new(),
    };
    kit.erase(erasure).await.unwrap();
    // Somebody who reads an older moment needs the log, and nobody waits for him.
    let reader = kit.sqlite();
    reader.execute_batch("BEGIN; SELECT count(*) FROM inbox").unwrap();
    kit.one("written meanwhile").await;
    assert!(!kit.clear_log().await.unwrap());
    reader.execute_batch("COMMIT").unwrap();
    assert!(kit.clear_log().await.unwrap());
    assert_eq!(found(&kit), 0);
    kit.one("it goes on").await;
}

#[tokio::test]
async fn who_stores_something_and_for_which_chat_is_found_without_their_names() {
    let kit = Kit::new();
    let seq = kit.one("a").await;
    let other = Chat::new("connection", "other");
    let values = vec![
        (value("b", Bucket::Bot, "k"), Some([1].into())),
        (value("ü", Bucket::Chat(other.clone()), "k"), Some([1].into())),
    ];
    let elsewhere = TimerKey { chat: Some(other), ..timer("a", "1") };
    let of_no_chat = TimerKey { chat: None, ..timer("a", "1") };
    let names = [timer("a", "1"), timer("a", "2"), timer("a", "3"), timer("b", "1"), elsewhere, of_no_chat];
    let timers = names.map(|key| (key, standing())).into();
    kit.commit(vec![TurnCommit { values, timers, ..done(seq) }]).await.unwrap();
    let bots: Vec<_> = kit.bots_that_store().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(bots, ["a", "b", "ü"]);
    let page = async |after: Option<&str>| {
        let page = kit.timers_of("a".into(), chat(), after.map(Into::into), 2).await.unwrap();
        page.into_iter().map(|(key, standing)| (key.id, standing.payload)).collect::<Vec<_>>()
    };
    let told = |id: &str| (id.to_owned(), SECRET.to_owned());
    assert_eq!((page(None).await, page(Some("2")).await), (vec![told("1"), told("2")], vec![told("3")]));
    assert_eq!(page(Some("3")).await, []);
}
