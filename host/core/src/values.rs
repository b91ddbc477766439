//! Stored values, and why two turns never interleave on them.
//!
//! Turns of one bot run side by side in different chats and may read and write the same value, so
//! each turn is checked before it may commit: if a value that it read has been written since by
//! another turn, it is run again and nobody saw the first attempt. A turn that passes becomes
//! visible to later turns at once, before it is on disk; that is safe because commits reach the
//! disk in the order in which they passed, so a crash that loses one loses all that read it.
//!
//! [`Recent`] holds what passed and may still matter: values not yet on disk, and of values written
//! while a turn that might have read them is still running, when they were written.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::ids::{BotName, Chat, ConnectionName, SenderId};

/// One of a bot's three kinds of key-value store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// One for the bot.
    Bot,
    /// One for each chat.
    Chat(Chat),
    /// One for each person on a connection, in whatever chat they write.
    User(ConnectionName, SenderId),
}

impl Bucket {
    /// The bucket's name in the contract.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Chat(_) => "chat",
            Self::User(..) => "user",
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// The full name of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueKey {
    /// Whose value it is.
    pub bot: BotName,
    /// In which bucket.
    pub bucket: Bucket,
    /// The bot's own name for it.
    pub key: Arc<str>,
}

/// A point in the order in which turns passed their check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// Most values that are forgotten at once, as others wait meanwhile: more than one turn writes.
const PRUNED: usize = 1024;

/// What a turn has read, and when it first did. All of it is its bot's.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    buckets: BTreeMap<Bucket, ReadBucket>,
}

#[derive(Clone, Debug)]
struct ReadBucket {
    values: BTreeMap<Arc<str>, Stamp>,
    listed: Option<Stamp>,
    /// The first look at anything of it.
    first: Stamp,
}

impl Reads {
    /// True if nothing was read.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many different values were read.
    pub fn len(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.values.len()).sum()
    }

    /// True if this value was read.
    pub fn has(&self, key: &ValueKey) -> bool {
        self.buckets.get(&key.bucket).is_some_and(|bucket| bucket.values.contains_key(&key.key))
    }

    /// Notes that a value was read as of `at`.
    pub fn note(&mut self, key: &ValueKey, at: Stamp) {
        self.of(&key.bucket, at).values.entry(key.key.clone()).or_insert(at);
    }

    /// Notes that the keys of a bucket were listed as of `at`.
    pub fn note_listing(&mut self, bucket: &Bucket, at: Stamp) {
        self.of(bucket, at).listed.get_or_insert(at);
    }

    fn of(&mut self, bucket: &Bucket, at: Stamp) -> &mut ReadBucket {
        let none = || ReadBucket { values: BTreeMap::new(), listed: None, first: at };
        self.buckets.entry(bucket.clone()).or_insert_with(none)
    }
}

/// A value as a turn wrote it: `None` deletes. Shared, because it is held for other turns until the
/// disk has it.
pub type Write = Option<Arc<[u8]>>;

/// The values of turns of one bot that passed and may still matter to others.
#[derive(Debug, Default)]
pub struct Recent {
    stamp: Stamp,
    buckets: HashMap<Bucket, RecentBucket>,
    /// Turns under way, by the stamp at which they began.
    running: BTreeMap<Stamp, usize>,
    /// Values on disk, in the order of their stamps; they go when no turn began before them.
    durable: VecDeque<(Stamp, ValueKey)>,
}

#[derive(Debug, Default)]
struct RecentBucket {
    values: BTreeMap<Arc<str>, Entry>,
    /// The newest write of any value, held or not.
    newest: Stamp,
}

#[derive(Debug)]
struct Entry {
    /// Absent once it is on disk, where it is read from; the stamp still matters.
    value: Option<Write>,
    stamp: Stamp,
}

impl Recent {
    /// Notes that a turn begins. Every `begin` is answered by one [`end`](Self::end).
    pub fn begin(&mut self) -> Stamp {
        *self.running.entry(self.stamp).or_default() += 1;
        self.stamp
    }

    /// Notes that the turn which began at `began` is over, however it ended.
    pub fn end(&mut self, began: Stamp) {
        if let Some(turns) = self.running.get_mut(&began) {
            *turns -= 1;
            if *turns == 0 {
                self.running.remove(&began);
            }
        }
        self.prune();
    }

    /// The value that a turn sees which reads now, where a recent turn decided it; otherwise the
    /// caller asks the store. The read is as of the stamp, and to be [noted](Reads::note) either way.
    pub fn read(&self, key: &ValueKey) -> (Stamp, Option<Write>) {
        let value = self.buckets.get(&key.bucket).and_then(|bucket| bucket.values.get(&key.key)?.value.clone());
        (self.stamp, value)
    }

    /// The recent values of one bucket: keys, and whether each exists. The listing is as of the stamp,
    /// and to be [noted](Reads::note_listing).
    pub fn list(&self, bucket: &Bucket) -> (Stamp, BTreeMap<Arc<str>, bool>) {
        let values = self.buckets.get(bucket).into_iter().flat_map(|held| &held.values);
        let keys = values.filter_map(|(key, entry)| Some((key.clone(), entry.value.as_ref()?.is_some())));
        (self.stamp, keys.collect())
    }

    /// True if nothing that was read has been written since.
    pub fn is_current(&self, reads: &Reads) -> bool {
        reads.buckets.iter().all(|(bucket, read)| {
            // Others wait for this, so no value is looked at where the bucket tells enough.
            let Some(held) = self.buckets.get(bucket).filter(|held| held.newest > read.first) else { return true };
            let is_old = |key, at| held.values.get(key).is_some_and(|entry| entry.stamp > at);
            read.listed.is_none_or(|at| held.newest <= at) && !read.values.iter().any(|(key, at)| is_old(key, *at))
        })
    }

    /// Makes the writes of a turn that passed visible to others. The stamp is for
    /// [`on_disk`](Self::on_disk).
    pub fn write(&mut self, writes: &[(ValueKey, Write)]) -> Stamp {
        if writes.is_empty() {
            return self.stamp;
        }
        self.stamp.0 += 1;
        for (key, value) in writes {
            let entry = Entry { value: Some(value.clone()), stamp: self.stamp };
            let bucket = self.buckets.entry(key.bucket.clone()).or_default();
            bucket.values.insert(key.key.clone(), entry);
            bucket.newest = self.stamp;
        }
        self.stamp
    }

    /// Notes that the writes made under `stamp` are on disk. Called in the order of the stamps.
    pub fn on_disk(&mut self, stamp: Stamp, writes: impl IntoIterator<Item = ValueKey>) {
        for key in writes {
            let bucket = self.buckets.get_mut(&key.bucket);
            if let Some(entry) = bucket.and_then(|held| held.values.get_mut(&key.key))
                && entry.stamp == stamp
            {
                entry.value = None;
            }
            self.durable.push_back((stamp, key));
        }
        self.prune();
    }

    /// How many values are held, for tests and status.
    pub fn len(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.values.len()).sum()
    }

    /// True if no value is held.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn prune(&mut self) {
        let oldest = self.running.keys().next().copied();
        for _ in 0..PRUNED {
            if self.durable.front().is_none_or(|(stamp, _)| oldest.is_some_and(|oldest| oldest < *stamp)) {
                break;
            }
            let Some((stamp, key)) = self.durable.pop_front() else { break };
            let Some(held) = self.buckets.get_mut(&key.bucket) else { continue };
            // A newer write of the same key has a later stamp and stays.
            if held.values.get(&key.key).is_some_and(|entry| entry.stamp == stamp) {
                held.values.remove(&key.key);
                if held.values.is_empty() {
                    self.buckets.remove(&key.bucket);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ValueKey {
        ValueKey { bot: "b".into(), bucket: Bucket::Bot, key: name.into() }
    }

    fn read(recent: &Recent, name: &str, reads: &mut Reads) -> Option<Write> {
        let (at, value) = recent.read(&key(name));
        reads.note(&key(name), at);
        value
    }

    fn put(name: &str, value: &str) -> Vec<(ValueKey, Write)> {
        vec![(key(name), Some(value.as_bytes().into()))]
    }

    #[test]
    fn a_turn_that_read_what_another_wrote_since_does_not_pass() {
        let mut recent = Recent::default();
        let (first, second) = (recent.begin(), recent.begin());
        let (mut first_reads, mut second_reads) = (Reads::default(), Reads::default());
        assert!(read(&recent, "n", &mut first_reads).is_none());
        assert!(read(&recent, "n", &mut second_reads).is_none());

        assert!(recent.is_current(&first_reads));
        recent.write(&put("n", "1"));
        recent.end(first);
        assert!(!recent.is_current(&second_reads));

        recent.end(second);
        let again = recent.begin();
        let mut reads = Reads::default();
        assert_eq!(read(&recent, "n", &mut reads).unwrap().as_deref(), Some(&b"1"[..]));
        assert!(recent.is_current(&reads));
        recent.end(again);
    }

    #[test]
    fn a_write_that_reaches_the_disk_still_stops_a_turn_that_began_before_it() {
        let mut recent = Recent::default();
        let slow = recent.begin();
        let mut reads = Reads::default();
        assert!(read(&recent, "n", &mut reads).is_none());

        let writes = put("n", "1");
        let stamp = recent.write(&writes);
        recent.on_disk(stamp, writes.into_iter().map(|(key, _)| key));
        assert!(!recent.is_current(&reads));
        recent.end(slow);
        assert!(recent.is_empty(), "nothing is held once no turn can have missed it");
    }

    #[test]
    fn a_listing_does_not_pass_after_a_write_to_its_bucket() {
        let mut recent = Recent::default();
        let _began = recent.begin();
        let mut reads = Reads::default();
        let (at, keys) = recent.list(&Bucket::Bot);
        assert!(keys.is_empty());
        reads.note_listing(&Bucket::Bot, at);
        recent.write(&put("new", "1"));
        assert!(!recent.is_current(&reads));
    }

    #[test]
    fn an_older_write_on_disk_does_not_hide_a_newer_one() {
        let mut recent = Recent::default();
        let first = recent.write(&put("n", "1"));
        recent.write(&put("n", "2"));
        recent.on_disk(first, [key("n")]);
        let mut reads = Reads::default();
        assert_eq!(read(&recent, "n", &mut reads).unwrap().as_deref(), Some(&b"2"[..]));
    }
}
