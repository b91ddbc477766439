//! What a turn keeps and looks up: values, and whether there is room for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BucketHandle, KeyPage, Refusal, Turn, shorten};
use crate::quota::Usage;
use crate::values::{Bucket, Reads, ValueKey, Write};

impl Turn {
    /// The bucket that the contract calls `name`; `None` if there is no such bucket in this turn.
    pub fn bucket(&self, name: &str) -> Option<BucketHandle> {
        let bucket = match name {
            "bot" => Bucket::Bot,
            "chat" if !self.chat.id.as_str().is_empty() => Bucket::Chat(self.chat.clone()),
            "user" => Bucket::User(self.chat.connection.clone(), self.event.sender()?.clone()),
            _ => return None,
        };
        Some(BucketHandle(bucket))
    }

    /// A stored value, as this turn or an earlier one left it.
    ///
    /// # Errors
    /// For a key that cannot be, and when the store cannot be read.
    pub fn get(&mut self, bucket: &BucketHandle, key: &str) -> Result<Option<Vec<u8>>, Refusal> {
        self.check_key(key)?;
        let key: Arc<str> = key.into();
        if let Some(written) = self.writes.get(&(bucket.0.clone(), key.clone())) {
            return Ok(written.as_deref().map(<[u8]>::to_vec));
        }
        let key = ValueKey { bot: self.actor.bot.clone(), bucket: bucket.0.clone(), key };
        let most = self.actor.limits.reads;
        if self.reads.len() >= most && !self.reads.has(&key) {
            return Err(Refusal::Quota(format!("reads: {most} values in one turn")));
        }
        let value = self.view.get(&key, &mut self.reads)?;
        self.near("reads", self.reads.len(), most);
        Ok(value)
    }

    /// Stores a value.
    ///
    /// # Errors
    /// For a key or a value over its size, and when the turn has written enough.
    pub fn set(&mut self, bucket: &BucketHandle, key: &str, value: Vec<u8>) -> Result<(), Refusal> {
        if value.len() > self.actor.limits.value {
            return Err(Refusal::TooLarge(self.actor.limits.value as u64));
        }
        self.write(bucket, key, Some(value.into()))
    }

    /// Deletes a value; it need not exist.
    ///
    /// # Errors
    /// Like [`set`](Self::set).
    pub fn delete(&mut self, bucket: &BucketHandle, key: &str) -> Result<(), Refusal> {
        self.write(bucket, key, None)
    }

    /// Adds to a decimal number stored as text and returns the sum; a value that is not there counts as 0.
    ///
    /// # Errors
    /// Where the value is no such number, the sum would not fit, or like [`set`](Self::set).
    pub fn increment(&mut self, bucket: &BucketHandle, key: &str, delta: u64) -> Result<u64, Refusal> {
        let old = match self.get(bucket, key)? {
            None => 0,
            Some(bytes) => std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| Refusal::Invalid(format!("the value of {:?} is not a number", shorten(key))))?,
        };
        let sum = old.checked_add(delta).ok_or_else(|| Refusal::Invalid("the sum does not fit".to_owned()))?;
        self.set(bucket, key, sum.to_string().into_bytes())?;
        Ok(sum)
    }

    /// The keys of a bucket after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keys(&mut self, bucket: &BucketHandle, after: Option<&str>, limit: usize) -> Result<KeyPage, Refusal> {
        // Every key that this turn deleted may hide one, and one more tells whether there are more.
        let wanted = limit + 1;
        let own: Vec<(Arc<str>, bool)> = self
            .writes
            .iter()
            .filter(|((written, key), _)| *written == bucket.0 && after.is_none_or(|after| &**key > after))
            .map(|((_, key), value)| (key.clone(), value.is_some()))
            .collect();
        let ask = wanted + own.len();
        let stored = self.view.keys(&self.actor.bot, &bucket.0, after, ask, &mut self.reads)?;
        // Past the last stored key of a full page nothing is known, so own keys there must wait.
        let horizon = (stored.len() == ask).then(|| stored.last().cloned()).flatten();
        let mut all: BTreeMap<String, bool> = stored.into_iter().map(|key| (key, true)).collect();
        for (key, exists) in own {
            if horizon.as_deref().is_none_or(|horizon| &*key <= horizon) {
                all.insert(key.to_string(), exists);
            }
        }
        let mut keys: Vec<String> = all.into_iter().filter_map(|(key, exists)| exists.then_some(key)).collect();
        let more = keys.len() > limit || horizon.is_some();
        keys.truncate(limit);
        Ok(KeyPage { keys, more })
    }

    fn write(&mut self, bucket: &BucketHandle, key: &str, value: Write) -> Result<(), Refusal> {
        self.check_key(key)?;
        let place = (bucket.0.clone(), Arc::from(key));
        let limits = &self.actor.limits;
        if !self.writes.contains_key(&place) && self.writes.len() >= limits.writes {
            return Err(Refusal::Quota(format!("writes: {} values in one turn", limits.writes)));
        }
        let size = key.len() + value.as_ref().map_or(0, |value| value.len());
        self.reserve(size)?;
        if value.is_some() {
            let room = self.actor.quotas.room(size as u64, &self.actor.limits);
            if room.has_to_be_looked_at(&mut self.looked.0) {
                self.check_room(&place, size as u64)?;
            }
        }
        self.writes.insert(place, value);
        self.near("writes", self.writes.len(), self.actor.limits.writes);
        Ok(())
    }

    /// Looks whether a value of so many bytes, its key included, still fits into the bot's quotas.
    fn check_room(&mut self, place: &(Bucket, Arc<str>), size: u64) -> Result<(), Refusal> {
        let actor = self.actor.clone();
        let (limits, bot) = (&actor.limits, &actor.bot);
        let usage = self.view.usage(bot, &place.0)?;
        // What this turn has changed so far, in this bucket and in all: keys and bytes.
        let (mut bucket, mut all) = ((0_i64, 0_i64), (0_i64, 0_i64));
        let earlier: Vec<_> = self.writes.keys().filter(|earlier| *earlier != place).cloned().collect();
        for earlier in earlier {
            let after = self.writes.get(&earlier).and_then(|value| value.as_ref().map(|value| value.len()));
            let (keys, bytes) = self.change(&earlier, after.map(|after| after + earlier.1.len()))?;
            all = (all.0 + keys, all.1 + bytes);
            if earlier.0 == place.0 {
                bucket = (bucket.0 + keys, bucket.1 + bytes);
            }
        }
        let (keys, bytes) = self.change(place, Some(usize::try_from(size).unwrap_or(usize::MAX)))?;
        // What it gives back it may still keep, if it fails.
        let with = |stored: u64, added: i64| stored.saturating_add_signed(added.max(0));
        let after = Usage {
            bucket_keys: with(usage.bucket_keys, bucket.0 + keys),
            bucket_bytes: with(usage.bucket_bytes, bucket.1 + bytes),
            bot_keys: with(usage.bot_keys, all.0 + keys),
            bot_bytes: with(usage.bot_bytes, all.1 + bytes),
            ..usage
        };
        actor.quotas.learn_values(bot, after, limits, self.now);
        for (name, limit, stored, change, more) in [
            ("bucket_keys", limits.bucket_keys, usage.bucket_keys, bucket.0, keys),
            ("bucket_bytes", limits.bucket_bytes, usage.bucket_bytes, bucket.1, bytes),
            ("bot_keys", limits.bot_keys, usage.bot_keys, all.0, keys),
            ("bot_bytes", limits.bot_bytes, usage.bot_bytes, all.1, bytes),
        ] {
            // What makes it no worse is allowed, also beyond a quota that was lowered.
            if more > 0 && stored.saturating_add_signed(change).saturating_add_signed(more) > limit {
                return Err(Refusal::Quota(format!("{name}: {limit}")));
            }
        }
        Ok(())
    }

    /// How many keys and bytes a write adds to what was there before this turn.
    fn change(&mut self, place: &(Bucket, Arc<str>), after: Option<usize>) -> Result<(i64, i64), Refusal> {
        let before = match self.before.get(place) {
            Some(before) => *before,
            None => {
                let key = ValueKey { bot: self.actor.bot.clone(), bucket: place.0.clone(), key: place.1.clone() };
                // The bot learns nothing of the value, so it is no read of the turn.
                let stored = self.view.get(&key, &mut Reads::default())?;
                let before = stored.map(|value| place.1.len() + value.len());
                self.before.insert(place.clone(), before);
                before
            }
        };
        let signed = |size: Option<usize>| size.map_or(0, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let keys = i64::from(after.is_some()) - i64::from(before.is_some());
        Ok((keys, signed(after) - signed(before)))
    }
}
