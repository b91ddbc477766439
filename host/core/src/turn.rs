//! One turn: the event, what the bot may do while handling it, and the effects it buffers.
//!
//! Every import of the contract that touches the world ends in a method here, so grants, limits
//! and the buffering are the same for every way to run a bot, and are tested without one. Nothing
//! a turn does is visible to anybody before it is committed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::event::{Content, Event, Media, Timer};
use crate::files::FileSeal;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, SendId};
use crate::kill::KillSwitch;
use crate::outbox::Outboxes;
use crate::outgoing::{Answer, Body, Outgoing};
use crate::platform::{Platform, Unsendable};
use crate::quota::{Quotas, Usage};
use crate::runtime::Limits;
use crate::store::{QueuedSend, StoreError};
use crate::text::is_clean;
use crate::time::Millis;
use crate::timers::{Missed, Standing, TimerKey, TimerWrite};
use crate::values::{Bucket, Reads, ValueKey, Write};

/// Longest id of a chat that a bot may send to, in bytes; those of platforms have up to 60.
const LONGEST_CHAT: usize = 512;

/// What a turn needs to know of its bot.
pub struct Actor {
    /// The bot.
    pub bot: BotName,
    /// The connections that it serves.
    pub connections: HashMap<ConnectionName, Arc<dyn Platform>>,
    /// How much it may use.
    pub limits: Limits,
    /// What waits to be sent.
    pub outboxes: Arc<Outboxes>,
    /// Makes the names of files that it is told.
    pub seal: FileSeal,
    /// What it has used over many turns.
    pub quotas: Quotas,
    /// Ends its turns that are under way.
    pub kill: KillSwitch,
}

impl Actor {
    /// A bot whose files have names that nobody else has to understand.
    pub fn new(
        bot: BotName,
        connections: HashMap<ConnectionName, Arc<dyn Platform>>,
        limits: Limits,
        outboxes: Arc<Outboxes>,
    ) -> Self {
        Self {
            bot,
            connections,
            limits,
            outboxes,
            seal: FileSeal::new(rand::random()),
            quotas: Quotas::default(),
            kill: KillSwitch::default(),
        }
    }

    /// With the seal of a host, so that the names of files outlive it.
    #[must_use]
    pub fn with_seal(mut self, seal: FileSeal) -> Self {
        self.seal = seal;
        self
    }
}

/// Where a turn reads stored values from: what other turns wrote, as of now.
pub trait ValueView: Send + Sync {
    /// One value; the read is noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &ValueKey, reads: &mut Reads) -> Result<Option<Vec<u8>>, StoreError>;

    /// The keys of a bucket after `after`, in order, at most `limit`; the listing is noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
        reads: &mut Reads,
    ) -> Result<Vec<String>, StoreError>;

    /// What the bot has stored on disk, and of that what is in `bucket`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError>;

    /// True if the timer stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError>;
}

/// Why an import refused. A refusal is a value for the bot, never a trap.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Not granted; the text names what is missing.
    #[error("denied: {0}")]
    Denied(String),
    /// The platform cannot do this.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// Malformed.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Over a size; the limit in bytes.
    #[error("too large: at most {0} bytes")]
    TooLarge(u64),
    /// Over a count; the text names the limit.
    #[error("quota exceeded: {0}")]
    Quota(String),
    /// Too much is waiting to be sent there, or was sent in this minute; it may be tried again after
    /// this time.
    #[error("too many messages; try again in {} ms", .0.as_millis())]
    Wait(Duration),
    /// The host cannot do it now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Unsendable> for Refusal {
    fn from(error: Unsendable) -> Self {
        match error {
            Unsendable::Unsupported(text) => Self::Unsupported(text),
            Unsendable::Invalid(text) => Self::Invalid(text),
        }
    }
}

/// A handle to one of the turn's buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketHandle(Bucket);

/// A page of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys, in order.
    pub keys: Vec<String>,
    /// True if there are more after the last.
    pub more: bool,
}

/// What a turn wants done, once it has ended well.
#[derive(Debug, Default)]
pub struct Effects {
    /// Values, in the order of their keys.
    pub values: Vec<(ValueKey, Write)>,
    /// Sends, in the order of the calls.
    pub sends: Vec<QueuedSend>,
    /// Timers, in the order of their keys.
    pub timers: Vec<TimerWrite>,
}

/// One call of a bot's handler, under way.
pub struct Turn {
    seq: InboxSeq,
    event: Arc<Event>,
    chat: Chat,
    now: Millis,
    actor: Arc<Actor>,
    /// Kills of its bot before it began.
    kills: u64,
    view: Arc<dyn ValueView>,
    reads: Reads,
    writes: BTreeMap<(Bucket, Arc<str>), Write>,
    sends: Vec<QueuedSend>,
    timers: BTreeMap<(Option<Chat>, String), Option<Standing>>,
    /// What stood before this turn under the keys that it writes, looked up only near a quota.
    before: HashMap<(Bucket, Arc<str>), Option<usize>>,
    buffered: usize,
    files: usize,
    answered: bool,
}

impl Turn {
    /// A turn in which `actor` handles `event`, which waited as `seq` in the lane of `chat`.
    pub fn new(
        seq: InboxSeq,
        event: Arc<Event>,
        chat: Chat,
        now: Millis,
        actor: Arc<Actor>,
        view: Arc<dyn ValueView>,
    ) -> Self {
        Self {
            seq,
            event,
            chat,
            now,
            kills: actor.kill.kills(),
            actor,
            view,
            reads: Reads::default(),
            writes: BTreeMap::new(),
            sends: Vec::new(),
            timers: BTreeMap::new(),
            before: HashMap::new(),
            buffered: 0,
            files: 0,
            answered: false,
        }
    }

    /// The event to handle.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// The event as the bot is told it: files have the names that this bot may use.
    pub fn told(&self) -> Cow<'_, Event> {
        let Event::Message(message) = &*self.event else { return Cow::Borrowed(&self.event) };
        let Content::Media(media) = &message.content else { return Cow::Borrowed(&self.event) };
        let seal = |file: &str| self.actor.seal.seal(&self.actor.bot, &message.chat.connection, file);
        let mut message = message.clone();
        message.content = Content::Media(Media {
            file: seal(&media.file),
            thumbnail: media.thumbnail.as_deref().map(seal),
            ..media.clone()
        });
        Cow::Owned(Event::Message(message))
    }

    /// When the turn began.
    pub fn began(&self) -> Millis {
        self.now
    }

    /// Who handles it.
    pub fn actor(&self) -> &Arc<Actor> {
        &self.actor
    }

    /// True once the operator wants it to end.
    pub fn is_killed(&self) -> bool {
        self.actor.kill.kills() != self.kills
    }

    /// Resolves once the operator wants it to end. What waits in its name is raced against this.
    pub fn killed(&self) -> impl Future<Output = ()> + Send + 'static {
        let (actor, kills) = (self.actor.clone(), self.kills);
        async move { actor.kill.killed(kills).await }
    }

    /// Queues a message and returns the id that a later `delivery` event names.
    ///
    /// # Errors
    /// Where the bot does not serve the connection, the platform cannot carry the message, or the
    /// turn has sent enough.
    pub fn send(&mut self, to: Chat, mut message: Outgoing) -> Result<SendId, Refusal> {
        let actor = self.actor.clone();
        let limits = &actor.limits;
        if self.sends.len() >= limits.sends {
            return Err(Refusal::Quota(format!("sends: {} messages in one turn", limits.sends)));
        }
        check_chat(&to)?;
        if let Body::Location(at) = &message.body
            && !((-90.0..=90.0).contains(&at.latitude) && (-180.0..=180.0).contains(&at.longitude))
        {
            return Err(Refusal::Invalid("there is no such place".to_owned()));
        }
        let platform = self.served(&to.connection)?;
        if let Body::Media(media) = &mut message.body {
            media.file = self.file_on(&to.connection, &media.file)?;
            media.thumbnail = media.thumbnail.as_deref().map(|file| self.file_on(&to.connection, file)).transpose()?;
        }
        platform.accepts(&to.id, &message)?;
        if let Some(wait) = self.actor.outboxes.is_crowded(&self.actor.bot, &to) {
            return Err(Refusal::Wait(wait));
        }
        let weight = message.weight() + to.id.as_str().len();
        self.reserve(weight)?;
        actor.quotas.send(&actor.bot, &to, limits, self.now).map_err(Refusal::Wait)?;
        let index = u32::try_from(self.sends.len()).unwrap_or(u32::MAX);
        let id = SendId { turn: self.seq, index };
        self.sends.push(QueuedSend {
            id,
            bot: self.actor.bot.clone(),
            chat: to,
            message: Arc::new(message),
            queued: self.now,
        });
        Ok(id)
    }

    /// Answers the press or the opening that this turn handles; where the platform waits for no
    /// answer, as a message.
    ///
    /// # Errors
    /// Like [`send`](Self::send).
    pub fn respond(&mut self, answer: Answer) -> Result<(), Refusal> {
        if self.answered {
            return Err(Refusal::Invalid("this event has been answered".to_owned()));
        }
        let (Answer::Notice(text) | Answer::Url(text)) = answer;
        self.send(self.chat.clone(), Outgoing::text(text))?;
        self.answered = true;
        Ok(())
    }

    /// Sets a timer, or moves the one that stands under the same id for the same chat.
    ///
    /// # Errors
    /// For an id or a chat that cannot be, a connection that the bot does not serve, and where the
    /// bot has timers enough.
    pub fn set_timer(&mut self, timer: Timer, missed: Missed) -> Result<(), Refusal> {
        let Timer { id, chat, due, payload } = timer;
        self.check_timer(&id, chat.as_ref())?;
        if payload.len() > self.actor.limits.value {
            return Err(Refusal::TooLarge(self.actor.limits.value as u64));
        }
        self.count_timer(&chat, &id)?;
        self.reserve(id.len() + payload.len())?;
        self.timers.insert((chat, id), Some(Standing { due, payload, missed }));
        Ok(())
    }

    /// Cancels a timer; it need not stand.
    ///
    /// # Errors
    /// Like [`set_timer`](Self::set_timer).
    pub fn cancel_timer(&mut self, id: String, chat: Option<Chat>) -> Result<(), Refusal> {
        self.check_timer(&id, chat.as_ref())?;
        self.count_timer(&chat, &id)?;
        self.reserve(id.len())?;
        self.timers.insert((chat, id), None);
        Ok(())
    }

    /// The platform and its key of a file that the bot wants to read.
    ///
    /// # Errors
    /// Where this bot was never given the file, or the turn has used enough files.
    pub fn file(&mut self, name: &str) -> Result<(Arc<dyn Platform>, String), Refusal> {
        let (connection, file) = self.open(name)?;
        let platform = self.served(&connection)?;
        self.count_file()?;
        Ok((platform, file))
    }

    /// The platform that a file is to be uploaded to.
    ///
    /// # Errors
    /// Where the bot does not serve the connection, or the turn has used enough files.
    pub fn upload_to(&mut self, connection: &ConnectionName) -> Result<Arc<dyn Platform>, Refusal> {
        let platform = self.served(connection)?;
        self.count_file()?;
        Ok(platform)
    }

    /// The name of a file that the bot has uploaded.
    pub fn uploaded(&self, connection: &ConnectionName, file: &str) -> String {
        self.actor.seal.seal(&self.actor.bot, connection, file)
    }

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
        Ok(self.view.get(&key, &mut self.reads)?)
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

    /// What was read, and what is to be done if nobody has written it since.
    pub fn into_effects(self) -> (Reads, Effects) {
        let bot = &self.actor.bot;
        let values = self
            .writes
            .into_iter()
            .map(|((bucket, key), value)| (ValueKey { bot: bot.clone(), bucket, key }, value))
            .collect();
        let timers = self
            .timers
            .into_iter()
            .map(|((chat, id), standing)| (TimerKey { bot: bot.clone(), chat, id }, standing))
            .collect();
        (self.reads, Effects { values, sends: self.sends, timers })
    }

    fn open(&self, name: &str) -> Result<(ConnectionName, String), Refusal> {
        let opened = self.actor.seal.open(&self.actor.bot, name);
        opened.ok_or_else(|| Refusal::Invalid("this bot was given no such file".to_owned()))
    }

    /// The platform's key of a file that is to go out through a connection.
    fn file_on(&self, connection: &ConnectionName, name: &str) -> Result<String, Refusal> {
        let (home, file) = self.open(name)?;
        if home == *connection {
            return Ok(file);
        }
        Err(Refusal::Invalid("the file is on another connection; read it and upload it here".to_owned()))
    }

    fn served(&self, connection: &ConnectionName) -> Result<Arc<dyn Platform>, Refusal> {
        self.actor.connections.get(connection).cloned().ok_or_else(|| {
            Refusal::Denied(format!("the bot does not serve the connection {:?}", shorten(connection.as_str())))
        })
    }

    fn count_file(&mut self) -> Result<(), Refusal> {
        let most = self.actor.limits.files;
        if self.files >= most {
            return Err(Refusal::Quota(format!("files: {most} in one turn")));
        }
        self.files += 1;
        Ok(())
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
        if value.is_some() && !self.actor.quotas.surely_fits(size as u64, &self.actor.limits) {
            self.check_room(&place, size as u64)?;
        }
        self.writes.insert(place, value);
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
        let pending = (all.0 + keys, all.1 + bytes);
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        actor.quotas.learn(bot, usage, (positive(pending.0), positive(pending.1), 0), limits, self.now);
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

    fn check_timer(&self, id: &str, chat: Option<&Chat>) -> Result<(), Refusal> {
        self.check_key(id)?;
        if let Some(chat) = chat {
            check_chat(chat)?;
            self.served(&chat.connection)?;
        }
        Ok(())
    }

    fn count_timer(&mut self, chat: &Option<Chat>, id: &str) -> Result<(), Refusal> {
        let actor = self.actor.clone();
        let limits = &actor.limits;
        if self.timers.contains_key(&(chat.clone(), id.to_owned())) {
            return Ok(());
        }
        if self.timers.len() >= limits.writes {
            return Err(Refusal::Quota(format!("writes: {} timers in one turn", limits.writes)));
        }
        if actor.quotas.timer_surely_fits(limits) {
            return Ok(());
        }
        let usage = self.view.usage(&actor.bot, &Bucket::Bot)?;
        let more = self.timers.values().filter(|standing| standing.is_some()).count() as u64 + 1;
        actor.quotas.learn(&actor.bot, usage, (0, 0, more), limits, self.now);
        let key = TimerKey { bot: actor.bot.clone(), chat: chat.clone(), id: id.to_owned() };
        if usage.timers.saturating_add(more) > limits.timers && !self.view.has_timer(&key)? {
            return Err(Refusal::Quota(format!("timers: {}", limits.timers)));
        }
        Ok(())
    }

    fn check_key(&self, key: &str) -> Result<(), Refusal> {
        if key.is_empty() {
            return Err(Refusal::Invalid("the key is empty".to_owned()));
        }
        if key.len() > self.actor.limits.key {
            return Err(Refusal::TooLarge(self.actor.limits.key as u64));
        }
        Ok(())
    }

    /// Counts every write and send, also one that replaces another: a loop that overwrites one
    /// value for ever is work for the host too.
    fn reserve(&mut self, bytes: usize) -> Result<(), Refusal> {
        let limit = self.actor.limits.buffer;
        let total = self.buffered.saturating_add(bytes);
        if total > limit {
            return Err(Refusal::Quota(format!("buffer: {limit} bytes of messages and values in one turn")));
        }
        self.buffered = total;
        Ok(())
    }
}

/// Refuses a chat that cannot be.
fn check_chat(chat: &Chat) -> Result<(), Refusal> {
    let id = chat.id.as_str();
    if id.is_empty() || id.len() > LONGEST_CHAT || id.contains(char::is_whitespace) || !is_clean(id) {
        return Err(Refusal::Invalid("no chat has such an id".to_owned()));
    }
    Ok(())
}

/// The beginning of a text that a stranger chose, for an error.
fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests;
