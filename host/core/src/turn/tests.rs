//! What a turn may do, without a host around it.

use std::collections::BTreeMap;

use super::*;
use crate::event::{Content, Message, Sender, Timer};
use crate::platform::Platform;
use crate::testing::TestPlatform;
use crate::timers::Missed;
use crate::values::Stamp;

/// Stored values that nobody else writes.
struct Stored(BTreeMap<String, Vec<u8>>);

impl ValueView for Stored {
    fn get(&self, key: &ValueKey, reads: &mut Reads) -> Result<Option<Vec<u8>>, StoreError> {
        reads.note(key, Stamp::default());
        Ok(self.0.get(&*key.key).cloned())
    }

    fn keys(
        &self,
        _bot: &BotName,
        _bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
        _reads: &mut Reads,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.0.keys().filter(|key| after.is_none_or(|after| key.as_str() > after)).take(limit).cloned().collect())
    }

    fn usage(&self, _bot: &BotName, _bucket: &Bucket) -> Result<Usage, StoreError> {
        let (keys, bytes) =
            (self.0.len() as u64, self.0.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum());
        Ok(Usage { bucket_keys: keys, bucket_bytes: bytes, bot_keys: keys, bot_bytes: bytes, timers: 0 })
    }

    fn has_timer(&self, _key: &TimerKey) -> Result<bool, StoreError> {
        Ok(false)
    }
}

fn turn_with(stored: &[&str], sender: Option<&str>, limits: Limits) -> Turn {
    let message = Message {
        id: "1".to_owned(),
        platform: "test".to_owned(),
        chat: Chat::new("shop", "a"),
        private: true,
        sender: Sender { id: sender.map(Into::into), ..Sender::default() },
        sent_at: Millis(0),
        edited: false,
        content: Content::Text("hi".to_owned()),
        reply_to: None,
        annotations: Vec::new(),
    };
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let actor = Actor::new("bot".into(), [("shop".into(), platform)].into(), limits, Arc::default());
    let stored = Stored(stored.iter().map(|key| ((*key).to_owned(), b"old".to_vec())).collect());
    let event = Arc::new(Event::Message(message));
    Turn::new(InboxSeq(7), event, Chat::new("shop", "a"), Millis(1000), Arc::new(actor), Arc::new(stored))
}

fn turn(stored: &[&str]) -> Turn {
    turn_with(stored, Some("sara"), Limits::default())
}

#[test]
fn a_turn_sees_its_own_writes() {
    let mut turn = turn(&["k"]);
    let bucket = turn.bucket("chat").unwrap();
    assert_eq!(turn.get(&bucket, "k").unwrap().as_deref(), Some(&b"old"[..]));
    turn.set(&bucket, "k", b"new".to_vec()).unwrap();
    assert_eq!(turn.get(&bucket, "k").unwrap().as_deref(), Some(&b"new"[..]));
    turn.delete(&bucket, "k").unwrap();
    assert_eq!(turn.get(&bucket, "k").unwrap(), None);
    let (_, effects) = turn.into_effects();
    assert_eq!(effects.values.len(), 1, "only the last write of a key counts");
    assert_eq!(effects.values[0].1, None);
}

#[test]
fn the_user_bucket_is_missing_where_the_platform_hides_the_sender() {
    let turn = turn_with(&[], None, Limits::default());
    assert!(turn.bucket("user").is_none());
    assert!(turn.bucket("bot").is_some() && turn.bucket("chat").is_some());
    assert!(turn.bucket("everything").is_none());
}

#[test]
fn keys_come_in_order_in_pages_with_the_turns_own_writes() {
    let mut turn = turn(&["a", "c", "e", "g", "i"]);
    let bucket = turn.bucket("bot").unwrap();
    turn.set(&bucket, "b", Vec::new()).unwrap();
    turn.delete(&bucket, "c").unwrap();
    turn.set(&bucket, "z", Vec::new()).unwrap();
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = turn.keys(&bucket, after.as_deref(), 2).unwrap();
        assert!(page.keys.len() <= 2);
        all.extend(page.keys);
        after = all.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(all.join(""), "abegiz");
}

#[test]
fn increments_add_up_and_refuse_what_is_no_number() {
    let mut turn = turn(&["word"]);
    let bucket = turn.bucket("bot").unwrap();
    assert_eq!(turn.increment(&bucket, "n", 2), Ok(2));
    assert_eq!(turn.increment(&bucket, "n", 40), Ok(42));
    assert!(matches!(turn.increment(&bucket, "n", u64::MAX), Err(Refusal::Invalid(_))));
    assert!(matches!(turn.increment(&bucket, "word", 1), Err(Refusal::Invalid(_))));
}

/// A turn with its own bucket open.
fn limited(limits: Limits) -> (Turn, BucketHandle) {
    let turn = turn_with(&[], Some("sara"), limits);
    let bucket = turn.bucket("bot").unwrap();
    (turn, bucket)
}

#[test]
fn limit_sends_is_a_value_to_the_bot() {
    let (mut turn, _) = limited(Limits { sends: 2, ..Limits::default() });
    let chat = Chat::new("shop", "a");
    turn.send(chat.clone(), Outgoing::text("1")).unwrap();
    let second = turn.send(chat.clone(), Outgoing::text("2")).unwrap();
    assert_eq!(second.to_string(), "7.1");
    let refused = turn.send(chat, Outgoing::text("3")).unwrap_err();
    assert_eq!(refused, Refusal::Quota("sends: 2 messages in one turn".to_owned()));
}

#[test]
fn limit_writes_counts_values_and_not_how_often_they_are_written() {
    let (mut turn, bucket) = limited(Limits { writes: 2, ..Limits::default() });
    turn.set(&bucket, "a", vec![]).unwrap();
    turn.set(&bucket, "b", vec![]).unwrap();
    turn.set(&bucket, "a", vec![1]).unwrap();
    let refused = turn.set(&bucket, "c", vec![]).unwrap_err();
    assert_eq!(refused, Refusal::Quota("writes: 2 values in one turn".to_owned()));
    assert!(turn.delete(&bucket, "c").is_err(), "deleting is writing");
}

#[test]
fn limit_value_is_told_with_its_number() {
    let (mut turn, bucket) = limited(Limits { value: 10, ..Limits::default() });
    turn.set(&bucket, "k", vec![0; 10]).unwrap();
    assert_eq!(turn.set(&bucket, "k", vec![0; 11]), Err(Refusal::TooLarge(10)));
}

#[test]
fn limit_key_is_told_with_its_number() {
    let (mut turn, bucket) = limited(Limits { key: 4, ..Limits::default() });
    turn.set(&bucket, "four", vec![]).unwrap();
    assert_eq!(turn.set(&bucket, "longer", vec![]), Err(Refusal::TooLarge(4)));
    assert_eq!(turn.get(&bucket, "longer"), Err(Refusal::TooLarge(4)));
    assert!(matches!(turn.set(&bucket, "", vec![]), Err(Refusal::Invalid(_))));
}

#[test]
fn limit_buffer_is_for_messages_and_values_together() {
    let (mut turn, bucket) = limited(Limits { buffer: 1000, ..Limits::default() });
    let chat = Chat::new("shop", "a");
    assert!(matches!(turn.send(chat.clone(), Outgoing::text("x".repeat(1000))), Err(Refusal::Quota(_))));
    turn.send(chat, Outgoing::text("x".repeat(400))).unwrap();
    assert!(matches!(turn.set(&bucket, "k", vec![0; 600]), Err(Refusal::Quota(_))));
}

#[test]
fn limit_reads_counts_values_and_not_how_often_they_are_read() {
    let mut turn = turn_with(&[], None, Limits { reads: 3, ..Limits::default() });
    let bucket = turn.bucket("bot").unwrap();
    for _ in 0..100 {
        turn.get(&bucket, "a").unwrap();
    }
    turn.get(&bucket, "b").unwrap();
    turn.get(&bucket, "c").unwrap();
    assert!(matches!(turn.get(&bucket, "d"), Err(Refusal::Quota(_))));
    turn.get(&bucket, "a").unwrap();
}

#[test]
fn a_chat_that_cannot_be_is_refused() {
    let mut turn = turn(&[]);
    for id in ["", "a b", "a\nb", "a\u{202e}b", "a\u{2028}b", "\u{1b}[31m", &"x".repeat(513)] {
        assert!(matches!(turn.send(Chat::new("shop", id), Outgoing::text("hi")), Err(Refusal::Invalid(_))), "{id:?}");
    }
    assert!(turn.send(Chat::new("shop", "نام‌من"), Outgoing::text("hi")).is_ok());
}

#[test]
fn a_text_weighs_what_it_takes_on_disk() {
    let weight = |text: &str| Outgoing::text(text).weight();
    assert_eq!(weight(&"\u{1}".repeat(100)) - weight(""), 600);
    assert_eq!(weight("سلام \"\\") - weight(""), serde_json::to_string("سلام \"\\").unwrap().len() - 2);
}

#[test]
fn a_place_that_cannot_be_is_refused() {
    let mut turn = turn(&[]);
    let mut send = |latitude, longitude| {
        let place = crate::event::Location { latitude, longitude };
        turn.send(Chat::new("shop", "a"), Outgoing { body: Body::Location(place), ..Outgoing::text("") })
    };
    for (latitude, longitude) in [(f64::NAN, 0.0), (0.0, f64::INFINITY), (91.0, 0.0), (0.0, -180.1)] {
        assert!(matches!(send(latitude, longitude), Err(Refusal::Invalid(_))), "{latitude} {longitude}");
    }
    assert!(send(35.7, 51.4).is_ok());
}

#[test]
fn what_weighs_nothing_as_text_weighs_as_memory() {
    let mut turn = turn(&[]);
    let message = Outgoing { annotations: vec![(String::new(), String::new()); 50_000], ..Outgoing::text("x") };
    assert!(matches!(turn.send(Chat::new("shop", "a"), message), Err(Refusal::Quota(_))));
}

#[test]
fn limit_buffer_counts_one_value_as_often_as_it_is_overwritten() {
    let limits = Limits { buffer: 100, ..Limits::default() };
    let mut turn = turn_with(&[], None, limits);
    let bucket = turn.bucket("bot").unwrap();
    let refused = (0..100).find_map(|_| turn.set(&bucket, "k", vec![0; 9]).err());
    assert!(matches!(refused, Some(Refusal::Quota(_))));
}

#[test]
fn a_chat_of_another_connection_is_denied() {
    let mut turn = turn(&[]);
    let refused = turn.send(Chat::new("bank", "a"), Outgoing::text("x")).unwrap_err();
    assert_eq!(refused, Refusal::Denied("the bot does not serve the connection \"bank\"".to_owned()));
    for id in ["", "line\nbreak", "\u{1b}[2J", &"x".repeat(600)] {
        assert!(matches!(turn.send(Chat::new("shop", id), Outgoing::text("x")), Err(Refusal::Invalid(_))), "{id:?}");
    }
}

#[test]
fn a_timer_that_is_overdue_from_the_start_goes_before_no_other() {
    let mut turn = turn_with(&[], None, Limits::default());
    let timer = |due| Timer { id: "t".to_owned(), chat: None, due: Millis(due), payload: String::new() };
    turn.set_timer(timer(0), Missed::Fire).unwrap();
    let began = turn.began();
    let (_, effects) = turn.into_effects();
    let due: Vec<_> = effects.timers.iter().map(|(_, standing)| standing.as_ref().unwrap().due).collect();
    assert!(began > Millis(0));
    assert_eq!(due, [began]);
}

#[test]
fn a_rehearsal_reaches_nobody_and_uses_up_nothing() {
    let actor = turn(&[]).actor().clone();
    let mut rehearsal = Turn::rehearsal(&actor, Millis(1));
    let sent = rehearsal.send(Chat::new("shop", "a"), Outgoing::text("hello"));
    assert!(matches!(sent, Err(Refusal::Denied(_))), "{sent:?}");
    let bucket = rehearsal.bucket("bot").unwrap();
    rehearsal.set(&bucket, "k", b"v".to_vec()).unwrap();
    assert_eq!(
        actor.quotas.room(1, &actor.limits),
        crate::quota::Room::Perhaps,
        "nothing was learnt of what the bot has stored"
    );
}

#[test]
fn a_platform_is_asked_in_the_name_of_the_bot_and_of_its_chat() {
    let turn = turn(&[]);
    let arguments = serde_json::json!({ "token": "a" });
    let (_, call) = turn.call(&"shop".into(), "divar.get-post", arguments.clone(), Millis(0)).unwrap();
    let (bot, chat, sender) = ("bot".into(), Chat::new("shop", "a"), turn.event().sender().cloned());
    let expected = crate::platform::Call { bot, chat, sender, name: "divar.get-post", arguments };
    assert_eq!(call, expected);
}

#[test]
fn a_platform_of_another_connection_is_not_asked_and_nothing_is_counted() {
    let turn = turn_with(&[], None, Limits { platform_minute: 1, ..Limits::default() });
    let ask = |connection: &str| turn.call(&connection.into(), "x", serde_json::Value::Null, Millis(0)).map(drop);
    for _ in 0..3 {
        assert!(matches!(ask("bank"), Err(Refusal::Denied(why)) if why.contains("bank")));
    }
    assert_eq!([ask("shop"), ask("shop")], [Ok(()), Err(Refusal::Wait(std::time::Duration::from_secs(60)))]);
    assert!(turn.serves(&"shop".into()).is_ok() && turn.serves(&"bank".into()).is_err());
}

#[test]
fn four_fifths_of_what_a_turn_may_use_are_told_of_while_it_may_use_more() {
    let limits = Limits { sends: 5, reads: 5, writes: 5, buffer: 10_000, ..Limits::default() };
    let (mut turn, bucket) = limited(limits);
    let chat = Chat::new("shop", "a");
    for key in ["a", "b", "c", "d"] {
        assert_eq!(turn.actor.quotas.warned(), Vec::<&str>::new(), "before {key}");
        turn.send(chat.clone(), Outgoing::text("1")).unwrap();
        turn.get(&bucket, key).unwrap();
        turn.set(&bucket, key, vec![]).unwrap();
    }
    assert_eq!(turn.actor.quotas.warned(), ["reads", "sends", "writes"]);
    turn.set(&bucket, "a", vec![0; 8000]).unwrap();
    assert_eq!(turn.actor.quotas.warned(), ["buffer", "reads", "sends", "writes"]);
}

#[test]
fn four_fifths_of_what_may_be_stored_are_told_of_while_there_is_room() {
    let timer = |id: &str| Timer { id: id.to_owned(), chat: None, due: Millis(0), payload: String::new() };
    let stored = ["1", "2", "3", "4", "5", "6"];
    for (limits, name) in [
        (Limits { bucket_keys: 10, ..Limits::default() }, "bucket_keys"),
        (Limits { bot_keys: 10, ..Limits::default() }, "bot_keys"),
        (Limits { bucket_bytes: 40, ..Limits::default() }, "bucket_bytes"),
        (Limits { bot_bytes: 40, ..Limits::default() }, "bot_bytes"),
    ] {
        let mut turn = turn_with(&stored, None, limits);
        let bucket = turn.bucket("bot").unwrap();
        turn.set(&bucket, "7", b"new".to_vec()).unwrap();
        assert_eq!(turn.actor.quotas.warned(), Vec::<&str>::new(), "{name}");
        turn.set(&bucket, "8", b"new".to_vec()).unwrap();
        assert_eq!(turn.actor.quotas.warned(), [name]);
        turn.set(&bucket, "9", b"new".to_vec()).unwrap();
        turn.set(&bucket, "10", vec![]).unwrap();
        assert!(turn.set(&bucket, "11", b"new".to_vec()).is_err(), "{name}");
    }
    let mut turn = turn_with(&[], None, Limits { timers: 5, ..Limits::default() });
    for id in ["1", "2", "3"] {
        turn.set_timer(timer(id), Missed::Fire).unwrap();
    }
    assert_eq!(turn.actor.quotas.warned(), Vec::<&str>::new());
    turn.set_timer(timer("4"), Missed::Fire).unwrap();
    assert_eq!(turn.actor.quotas.warned(), ["timers"]);
    turn.set_timer(timer("5"), Missed::Fire).unwrap();
    assert!(turn.set_timer(timer("6"), Missed::Fire).is_err());
}
