//! One turn: the event, what the bot may do while handling it, and the effects it buffers.
//!
//! Every import of the contract that touches the world ends in a method here, so grants, limits
//! and the buffering are the same for every way to run a bot, and are tested without one. Nothing
//! a turn does is visible to anybody before it is committed.

mod answer;
mod call;
mod files;
mod nothing;
mod refusal;
mod timers;
mod values;

use answer::Held;
pub use files::GivenFile;
pub use nothing::NothingStored;
pub use refusal::Refusal;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::asks::Asked;
use crate::event::Event;
use crate::files::FileSeal;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, SendId};
use crate::kill::KillSwitch;
use crate::outbox::Outboxes;
use crate::outgoing::{Body, Outgoing};
use crate::platform::Platform;
use crate::quota::{Quotas, Usage};
use crate::runtime::Limits;
use crate::store::{QueuedSend, StoreError};
use crate::text::is_clean;
use crate::time::Millis;
use crate::timers::{Standing, TimerKey, TimerWrite};
use crate::trace::{EventTrace, TraceKey};
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
    pub quotas: Arc<Quotas>,
    /// Ends its turns that are under way.
    pub kill: Arc<KillSwitch>,
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
            quotas: Arc::default(),
            kill: Arc::default(),
        }
    }

    /// In the place of another one of the bot: what that has used counts, and what ends its turns ends those
    /// of this one.
    #[must_use]
    pub fn in_place_of(mut self, other: &Self) -> Self {
        (self.quotas, self.kill) = (other.quotas.clone(), other.kill.clone());
        self
    }

    /// True if the log has room for a line of the host about this bot that holds so many bytes of its
    /// words. Says now and then how many had none.
    pub(crate) fn may_be_logged(&self, bytes: usize, now: Millis) -> bool {
        let fits = self.quotas.notice(bytes, &self.limits, now);
        if !fits && let Some(lines) = self.quotas.dropped(1, now) {
            tracing::warn!(bot = %self.bot, "{lines} more lines were dropped");
        }
        fits
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
    /// Whether the timers that it changes stood before this turn, likewise.
    stood: HashMap<(Option<Chat>, String), bool>,
    /// True once it looked how many values and timers are stored though there was room.
    looked: (bool, bool),
    buffered: usize,
    files: usize,
    answered: bool,
    asked: Option<Asked>,
    held: Option<Held>,
    trace: Option<EventTrace>,
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
            stood: HashMap::new(),
            looked: (false, false),
            buffered: 0,
            files: 0,
            answered: false,
            asked: None,
            held: None,
            trace: None,
        }
    }

    /// With what makes the id of its trace.
    #[must_use]
    pub fn traced(self, key: TraceKey) -> Self {
        Self { trace: Some(key.of(self.seq)), ..self }
    }

    /// The trace of its event, which lines of the log carry; `None` where there is no event.
    pub fn trace(&self) -> Option<EventTrace> {
        self.trace
    }

    /// The number of its event in the inbox.
    pub fn seq(&self) -> InboxSeq {
        self.seq
    }

    /// The event to handle.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
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
        self.check_count()?;
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
        self.reserve(message.weight() + to.id.as_str().len())?;
        actor.quotas.send(&actor.bot, &to, limits, self.now).map_err(Refusal::Wait)?;
        let send = self.queued(to, message);
        let id = send.id;
        self.sends.push(send);
        self.near("sends", self.count(), limits.sends);
        Ok(id)
    }

    /// The next send of this turn.
    fn queued(&self, to: Chat, message: Outgoing) -> QueuedSend {
        let index = u32::try_from(self.count()).unwrap_or(u32::MAX);
        let id = SendId { turn: self.seq, index };
        QueuedSend { id, bot: self.actor.bot.clone(), chat: to, message: Arc::new(message), queued: self.now }
    }

    /// Messages so far, with the answer that may become one.
    fn count(&self) -> usize {
        self.sends.len() + usize::from(self.held.is_some())
    }

    fn check_count(&self) -> Result<(), Refusal> {
        let most = self.actor.limits.sends;
        if self.count() < most {
            return Ok(());
        }
        Err(Refusal::Quota(format!("sends: {most} messages in one turn")))
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

    fn served(&self, connection: &ConnectionName) -> Result<Arc<dyn Platform>, Refusal> {
        self.actor.connections.get(connection).cloned().ok_or_else(|| {
            Refusal::Denied(format!("the bot does not serve the connection {:?}", shorten(connection.as_str())))
        })
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
        self.near("buffer", total, limit);
        Ok(())
    }

    /// Warns the operator, now and then, where the turn has nearly used up what one turn may use.
    fn near(&self, name: &'static str, used: usize, limit: usize) {
        self.actor.quotas.near(&self.actor.bot, name, used as u64, limit as u64, self.now);
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
