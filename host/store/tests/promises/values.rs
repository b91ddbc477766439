//! A value is found under its full name only.

use std::collections::HashSet;

use hodhod_core::ids::Chat;
use hodhod_core::store::{Store, TurnCommit};
use hodhod_core::values::{Bucket, ValueKey, Write};

use crate::kit::{Kit, done, key};

async fn put(kit: &Kit, values: Vec<(ValueKey, Write)>) {
    let seq = kit.one(&format!("{values:?}")).await;
    kit.commit(vec![TurnCommit { values, ..done(seq) }]).await.unwrap();
}

#[tokio::test]
async fn names_made_to_be_confused_have_values_of_their_own() {
    let texts = ["", "a", "b", "ab", "\0", "a\0", "\0b", "a\0b", "/", "a/b", "a\u{1f}b", "bot", "chat", "%", "۱"];
    let mut keys = HashSet::new();
    for first in texts {
        for second in texts {
            let named = |bucket| ValueKey { bot: "bot".into(), bucket, key: "k".into() };
            keys.insert(named(Bucket::Chat(Chat::new(first, second))));
            keys.insert(named(Bucket::User(first.into(), second.into())));
            keys.insert(ValueKey { bot: first.into(), bucket: Bucket::Bot, key: second.into() });
        }
    }
    let mut kit = Kit::new();
    let values = keys.iter().map(|key| (key.clone(), Some(format!("{key:?}").into_bytes().into()))).collect();
    put(&kit, values).await;
    kit.reopen().await;
    for key in &keys {
        assert_eq!(kit.value(key).unwrap().unwrap(), format!("{key:?}").into_bytes(), "{key:?}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM value"), keys.len() as u64);
}

#[tokio::test]
async fn keys_come_in_order_and_in_pages_and_from_one_bucket() {
    let kit = Kit::new();
    let other = ValueKey { bucket: Bucket::Chat(Chat::new("c", "x")), ..key("elsewhere") };
    let named = ["b", "", "a\0", "ی", "a", "~"].map(key);
    put(&kit, named.into_iter().chain([other]).map(|key| (key, Some([].into()))).collect()).await;
    let list = |after, limit| kit.keys(&"bot".into(), &Bucket::Bot, after, limit).unwrap();
    assert_eq!(list(None, 100), ["", "a", "a\0", "b", "~", "ی"]);
    assert_eq!(list(None, 2), ["", "a"]);
    assert_eq!(list(Some("a"), 2), ["a\0", "b"]);
    assert_eq!(list(Some(""), 1), ["a"]);
    assert!(list(Some("ی"), 1).is_empty());
    assert!(kit.keys(&"other".into(), &Bucket::Bot, None, 9).unwrap().is_empty());
}

#[tokio::test]
async fn a_value_is_any_bytes() {
    let kit = Kit::new();
    for bytes in [vec![], vec![0], (0..=255).collect(), vec![7; 1 << 20]] {
        put(&kit, vec![(key("k"), Some(bytes.as_slice().into()))]).await;
        assert_eq!(kit.value(&key("k")).unwrap().unwrap(), bytes);
    }
    put(&kit, vec![(key("k"), None)]).await;
    assert_eq!(kit.value(&key("k")).unwrap(), None);
}
