//! The search for rows of a person, a step at a time.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use serde::{Deserialize, Serialize};

use super::{Item, Moment, Person, Stored};
use crate::dead::DeadLetter;
use crate::event::Event;
use crate::ids::{BotName, Chat, InboxSeq, OutboxSeq};
use crate::outbox::{ListedSend, SendsOf};
use crate::store::{ListedRecord, NameHash, Rows, Store, StoreError, WaitingEvent};
use crate::timers::{Standing, TimerKey};
use crate::values::ValueKey;
use crate::vault::Vaults;

/// Most rows that one step looks at, and so that go in one transaction.
const STEP: usize = 256;

/// Where a search goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Place {
    /// Among the timers of a bot, of the first bot where there is none, for one of the person's chats, behind one.
    Timers {
        /// The bot.
        bot: Option<BotName>,
        /// Which chat.
        chat: usize,
        /// Behind this one.
        after: Option<String>,
    },
    /// Among the dead letters, before one.
    Letters {
        /// Its place.
        before: Option<u64>,
    },
    /// Among the events, behind one.
    Events {
        /// Its row.
        after: InboxSeq,
    },
    /// Among the sends to one of the person's chats, behind one.
    Sends {
        /// Which chat.
        chat: usize,
        /// Its row.
        after: OutboxSeq,
    },
    /// Among the values of a bot, in one of the person's buckets, behind one.
    Values {
        /// The bot.
        bot: Option<BotName>,
        /// Which bucket.
        bucket: usize,
        /// Behind this one.
        after: Option<String>,
    },
    /// Among the records of the vault, behind one.
    Records {
        /// Its place.
        after: u64,
    },
}

impl Default for Place {
    fn default() -> Self {
        Self::Timers { bot: None, chat: 0, after: None }
    }
}

/// A row that is the person's, without what is in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A timer.
    Timer(TimerKey, Standing),
    /// A dead letter.
    Letter(DeadLetter),
    /// An event that waits.
    Event(WaitingEvent),
    /// A send that waits.
    Send(ListedSend),
    /// A stored value.
    Value(ValueKey),
    /// A record of the vault.
    Record(ListedRecord),
}

impl Row {
    pub(super) fn put_into(self, rows: &mut Rows) {
        match self {
            Self::Timer(key, _) => rows.timers.push(key),
            Self::Letter(letter) => rows.letters.push(letter.seq),
            Self::Event(event) => rows.events.push(event.seq),
            Self::Send(send) => rows.sends.push(send.seq),
            Self::Value(key) => rows.values.push(key),
            Self::Record(record) => rows.records.push(record.place),
        }
    }
}

/// Finds what is stored of a person.
pub struct Search {
    store: Arc<dyn Store>,
    person: Person,
    /// What the person is to the vault.
    hash: Option<NameHash>,
    until: Option<Moment>,
}

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Show,
    Erase,
}

type Step = (Vec<Row>, Option<Place>);

impl Search {
    /// For what is stored of `person`.
    pub fn new(store: Arc<dyn Store>, vaults: &Vaults, person: Person) -> Self {
        let hash = person.user.as_ref().and_then(|user| vaults.person(&person.connection, user));
        Self { store, person, hash, until: None }
    }

    /// Leaves what came later where it is.
    #[must_use]
    pub(crate) fn until(self, until: Option<Moment>) -> Self {
        Self { until, ..self }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Looks at the next rows. Gives those that are the person's, which may be none, and where to go on, if anywhere.
    pub(super) async fn step(&self, place: Place, doing: Doing) -> Result<Step, StoreError> {
        breathe().await;
        match place {
            Place::Timers { bot, chat, after } => self.timers(bot, chat, after).await,
            Place::Letters { before } => self.letters(before, doing).await,
            Place::Events { after } => self.events(after, doing).await,
            Place::Sends { chat, after } => self.sends(chat, after).await,
            Place::Values { bot, bucket, after } => self.values(bot, bucket, after).await,
            Place::Records { after } => self.records(after).await,
        }
    }

    /// The place behind a row that was found.
    pub(super) fn behind(&self, row: &Row) -> Place {
        let chat = |chat: Option<&Chat>| {
            let its = chat.and_then(|chat| self.person.chats.iter().position(|id| *id == chat.id));
            its.unwrap_or(usize::MAX)
        };
        match row {
            Row::Timer(key, _) => {
                Place::Timers { bot: Some(key.bot.clone()), chat: chat(key.chat.as_ref()), after: Some(key.id.clone()) }
            }
            Row::Letter(letter) => Place::Letters { before: Some(letter.place) },
            Row::Event(event) => Place::Events { after: event.seq },
            Row::Send(send) => Place::Sends { chat: chat(Some(&send.chat)), after: send.seq },
            Row::Value(key) => {
                let bucket = self.person.buckets().iter().position(|bucket| *bucket == key.bucket);
                let (bucket, after) = (bucket.unwrap_or(usize::MAX), Some(key.key.to_string()));
                Place::Values { bot: Some(key.bot.clone()), bucket, after }
            }
            Row::Record(record) => Place::Records { after: record.place },
        }
    }

    async fn timers(&self, from: Option<BotName>, chat: usize, after: Option<String>) -> Result<Step, StoreError> {
        let Some(id) = self.person.chats.get(chat) else {
            return Ok((Vec::new(), Some(Place::Letters { before: None })));
        };
        let Some((bot, next)) = self.bot(from.as_ref()).await? else {
            return Ok((Vec::new(), Some(Place::Timers { bot: None, chat: chat + 1, after: None })));
        };
        let after = after.filter(|_| from.as_ref() == Some(&bot));
        let of = Chat::new(self.person.connection.clone(), id.clone());
        let found = self.store.timers_of(bot.clone(), of, after, STEP).await?;
        let place = match found.last() {
            Some((last, _)) if found.len() == STEP => {
                Place::Timers { bot: Some(bot), chat, after: Some(last.id.clone()) }
            }
            _ if next.is_some() => Place::Timers { bot: next, chat, after: None },
            _ => Place::Timers { bot: None, chat: chat + 1, after: None },
        };
        Ok((found.into_iter().map(|(key, standing)| Row::Timer(key, standing)).collect(), Some(place)))
    }

    async fn letters(&self, before: Option<u64>, doing: Doing) -> Result<Step, StoreError> {
        let page = self.store.list_dead(None, before, STEP).await?;
        let place = match page.last() {
            Some(last) if page.len() == STEP => Place::Letters { before: Some(last.place) },
            _ => Place::Events { after: InboxSeq(0) },
        };
        let mut found = Vec::new();
        for letter in page {
            let stays = (doing == Doing::Erase && self.is_late(letter.seq)).then_some(Event::is_from_outside);
            if self.is_theirs(&letter.chat, self.store.dead_event(letter.seq), stays).await? {
                found.push(Row::Letter(letter));
            }
        }
        Ok((found, Some(place)))
    }

    async fn events(&self, after: InboxSeq, doing: Doing) -> Result<Step, StoreError> {
        let page = self.store.waiting_events(after, STEP).await?;
        let place = match page.last() {
            // Looked for until there is none, so that it is known up to which row none is left.
            Some(last) => Place::Events { after: last.seq },
            None => Place::Sends { chat: 0, after: OutboxSeq(0) },
        };
        let mut found = Vec::new();
        for event in page {
            let is_late = self.is_late(event.seq);
            let stays = |event: &Event| event.is_farewell() || is_late && event.is_from_outside();
            let stays = (doing == Doing::Erase).then_some(stays);
            if self.is_theirs(&event.chat, self.store.event(event.seq), stays).await? {
                found.push(Row::Event(event));
            }
        }
        Ok((found, Some(place)))
    }

    /// True for what stays where it came from outside.
    fn is_late(&self, row: InboxSeq) -> bool {
        self.until.is_some_and(|until| row > until.row)
    }

    /// True if an event is theirs and none of those that `stays` says.
    async fn is_theirs(
        &self,
        chat: &Chat,
        event: impl Future<Output = Result<Option<Arc<Event>>, StoreError>>,
        stays: Option<impl Fn(&Event) -> bool + Send>,
    ) -> Result<bool, StoreError> {
        let has_chat = self.person.has_chat(chat);
        if !self.person.may_be_in(chat) || has_chat && stays.is_none() {
            return Ok(has_chat);
        }
        match event.await {
            Ok(event) => Ok(event
                .is_some_and(|event| self.person.is_behind(chat, &event) && stays.is_none_or(|stays| !stays(&event)))),
            // Nobody can tell any more whose it was, where the chat does not.
            Err(StoreError::Unreadable(_)) => Ok(has_chat),
            Err(error) => Err(error),
        }
    }

    async fn sends(&self, chat: usize, after: OutboxSeq) -> Result<Step, StoreError> {
        let Some(id) = self.person.chats.get(chat) else {
            return Ok((Vec::new(), Some(Place::Values { bot: None, bucket: 0, after: None })));
        };
        let of = SendsOf { connection: Some(self.person.connection.clone()), chat: Some(id.clone()) };
        let page = self.store.list_sends(of, after, STEP).await?;
        let place = match page.last() {
            Some(last) if page.len() == STEP => Place::Sends { chat, after: last.seq },
            _ => Place::Sends { chat: chat + 1, after: OutboxSeq(0) },
        };
        Ok((page.into_iter().map(Row::Send).collect(), Some(place)))
    }

    async fn values(&self, from: Option<BotName>, bucket: usize, after: Option<String>) -> Result<Step, StoreError> {
        let buckets = self.person.buckets();
        let Some(of) = buckets.get(bucket) else { return Ok((Vec::new(), Some(Place::Records { after: 0 }))) };
        let Some((bot, next)) = self.bot(from.as_ref()).await? else {
            return Ok((Vec::new(), Some(Place::Values { bot: None, bucket: bucket + 1, after: None })));
        };
        let after = after.filter(|_| from.as_ref() == Some(&bot));
        let keys = self.store.keys(&bot, of, after.as_deref(), STEP)?;
        let place = match keys.last() {
            Some(last) if keys.len() == STEP => {
                Place::Values { bot: Some(bot.clone()), bucket, after: Some(last.clone()) }
            }
            _ if next.is_some() => Place::Values { bot: next, bucket, after: None },
            _ => Place::Values { bot: None, bucket: bucket + 1, after: None },
        };
        let row = |key: String| Row::Value(ValueKey { bot: bot.clone(), bucket: of.clone(), key: key.into() });
        Ok((keys.into_iter().map(row).collect(), Some(place)))
    }

    async fn records(&self, after: u64) -> Result<Step, StoreError> {
        let Some(hash) = self.hash else { return Ok((Vec::new(), None)) };
        let page = self.store.records_of(self.person.connection.clone(), hash, after, STEP).await?;
        let next = page.last().filter(|_| page.len() == STEP).map(|last| Place::Records { after: last.place });
        let goes = |record: &ListedRecord| self.until.is_none_or(|until| record.written <= until.time);
        Ok((page.into_iter().filter(goes).map(Row::Record).collect(), next))
    }

    /// The first bot that stores something, from one on, and the next one.
    async fn bot(&self, from: Option<&BotName>) -> Result<Option<(BotName, Option<BotName>)>, StoreError> {
        let bots = self.store.bots_that_store().await?;
        let mut bots = bots.into_iter().skip_while(|bot| from.is_some_and(|from| bot < from));
        Ok(bots.next().map(|bot| (bot, bots.next())))
    }

    /// What is in a row; `None` where it has gone meanwhile.
    pub(super) async fn open(&self, row: &Row) -> Result<Option<Item>, StoreError> {
        Ok(match row {
            Row::Timer(key, standing) => Some(Item::timer(key, standing)),
            Row::Letter(letter) => Item::letter(letter, self.store.dead_event(letter.seq).await)?,
            Row::Event(event) => Item::event(event, self.store.event(event.seq).await)?,
            Row::Send(send) => Item::send(send, self.store.send(send.seq).await)?,
            Row::Value(key) => self.store.value(key)?.map(|value| Item::value(key, Stored::from(value))),
            Row::Record(record) => Some(Item::record(record)),
        })
    }
}

/// Lets others run who share the thread: a store may answer without ever waiting.
async fn breathe() {
    let mut breathed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut breathed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
