//! The inbox: from what a platform delivered to rows that wait in lanes.
//!
//! Events are routed to every bot that serves their connection and stored in one transaction; only
//! then does the platform learn that they arrived, and only then can a turn begin. A bot without
//! room for an event has it parked among its dead letters: nothing is lost silently, nobody else
//! waits, and memory and disk stay bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, select};
use tokio::sync::watch;

use crate::asks::Asker;
use crate::event::{Delivery, Event};
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, SenderId};
use crate::outbox::Reports;
use crate::outgoing::Answer;
use crate::people::{Moment, Person, Wishes};
use crate::platform::{Incoming, Intake, Platform};
use crate::store::{Appended, Arrival, QueuedSend, Route, Store, StoreError, is_again};
use crate::time::{Clock, Millis};
use crate::trace::What;
use crate::turns::Turns;

/// Takes events of all connections.
pub struct Inbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    closed: watch::Sender<bool>,
    arrivals: Mutex<BTreeMap<ConnectionName, Arrivals>>,
    /// People who want to be forgotten, which is the host's to do.
    wishes: Wishes,
}

/// What has arrived on a connection since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Events that were new.
    pub new: u64,
    /// Events that had been seen before.
    pub duplicates: u64,
    /// Times that the platform waited for an answer and was given one.
    pub answered: u64,
    /// Times that it waited and was given none.
    pub unanswered: u64,
}

impl Inbox {
    /// An inbox in front of `turns`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, turns: Arc<Turns>) -> Self {
        let (closed, arrivals, wishes) = (watch::Sender::new(false), Mutex::default(), Wishes::default());
        Self { store, clock, turns, closed, arrivals, wishes }
    }

    /// The intake of one connection.
    pub fn of(self: &Arc<Self>, connection: ConnectionName) -> ConnectionIntake {
        ConnectionIntake { inbox: self.clone(), connection, account: None }
    }

    /// The intake of one connection while it has the account that was seen in `account`.
    pub(crate) fn until(self: &Arc<Self>, connection: ConnectionName, account: Account) -> ConnectionIntake {
        ConnectionIntake { inbox: self.clone(), connection, account: Some(account) }
    }

    /// What has arrived on a connection.
    pub fn arrivals(&self, connection: &ConnectionName) -> Arrivals {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.get(connection).copied().unwrap_or_default()
    }

    /// Lets the connections read no further. What they have read is still taken.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Resolves once [`close`](Self::close) was called.
    pub async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender is here, so there is no error.
        let _closed = closed.wait_for(|closed| *closed).await;
    }

    /// What people want who are to be forgotten.
    pub(crate) fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// Has a person forgotten; see [`Intake::forget`].
    pub(crate) fn forget(&self, person: Person, until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.wishes.make(person, until))
    }

    /// A row of its own; see [`Intake::reserve`].
    pub(crate) fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        self.store.reserve()
    }

    /// Takes an event and waits until `until` for what a bot answers.
    async fn ask(
        &self,
        connection: &ConnectionName,
        event: Incoming,
        until: Millis,
    ) -> Result<Option<Answer>, StoreError> {
        let asker = self.take_asked(connection, event).await?;
        Ok(self.wait(connection, asker, until).await)
    }

    /// Takes an event that somebody waits for. What waits in a lane then is found by who asks again, and finds them.
    pub(crate) async fn take_asked(&self, connection: &ConnectionName, event: Incoming) -> Result<Asker, StoreError> {
        let (key, within, now) = (event.key.clone(), event.within, self.clock.now());
        let mut asker = self.turns.asks().announce(connection, &key, within, now);
        let mut was_there = false;
        let stored = |stored: &[Appended]| match stored {
            [Appended::Stored(rows)] => asker.stored(rows.iter().copied().flatten()),
            _ => was_there = true,
        };
        self.take_and(connection, vec![event], now, true, stored).await?;
        if was_there {
            let of_it = |arrived: Millis| is_again(arrived, now, within);
            self.find(connection, &key, of_it, &mut asker).await;
        }
        Ok(asker)
    }

    /// Lets who asks again wait for what was stored before, where it has not had its turn: it may be from before a
    /// restart, when those who asked first were forgotten. A store that cannot say so leaves them without an answer.
    async fn find(&self, connection: &ConnectionName, key: &str, of_it: impl Fn(Millis) -> bool, asker: &mut Asker) {
        if asker.has_rows() {
            return asker.stored([]);
        }
        let waiting = || async {
            let rows = self.store.asked_events(connection.clone(), key.to_owned()).await.unwrap_or_default();
            rows.into_iter().filter(|(_, arrived)| of_it(*arrived)).map(|(row, _)| row).collect::<Vec<_>>()
        };
        let rows = waiting().await;
        asker.stored(rows.iter().copied());
        if rows.is_empty() {
            return;
        }
        // Of a turn that ended before they were noted nobody was told.
        let left = waiting().await;
        let over: Vec<_> = rows.into_iter().filter(|row| !left.contains(row)).collect();
        self.turns.asks().end(&over);
    }

    /// Waits for an answer.
    pub(crate) async fn wait(&self, connection: &ConnectionName, asker: Asker, until: Millis) -> Option<Answer> {
        let answer = asker.answer(&*self.clock, until).await;
        self.count(connection, |seen| match answer {
            Some(_) => seen.answered += 1,
            None => seen.unanswered += 1,
        });
        answer
    }

    pub(crate) async fn take(&self, connection: &ConnectionName, events: Vec<Incoming>) -> Result<usize, StoreError> {
        self.take_and(connection, events, self.clock.now(), false, |_stored| ()).await
    }

    /// Takes events; `tell` learns of their rows before any of them is in its lane.
    async fn take_and(
        &self,
        connection: &ConnectionName,
        events: Vec<Incoming>,
        received: Millis,
        asked: bool,
        tell: impl FnOnce(&[Appended]),
    ) -> Result<usize, StoreError> {
        let traces = self.turns.traces();
        let began = traces.now();
        let bots = self.turns.serving(connection);
        let mut arrivals = Vec::with_capacity(events.len());
        for Incoming { key, within, event, only } in events {
            let chat = event.chat().cloned().unwrap_or_else(|| Chat::new(connection.clone(), ""));
            let routes = bots
                .iter()
                .filter(|bot| only.as_ref().is_none_or(|only| only == bot.name()))
                .map(|bot| Route { bot: bot.name().clone(), overflow: self.turns.overflow(bot.name(), &chat) })
                .collect();
            arrivals.push(Arrival { chat, key, within, asked, received, routes, event });
        }
        let waiting: Vec<_> = arrivals
            .iter()
            .map(|arrival| (arrival.chat.clone(), arrival.routes.clone(), arrival.event.clone()))
            .collect();
        let stored = self.store.append(arrivals).await?;
        let ended = traces.now();
        let new = stored.iter().filter(|appended| matches!(appended, Appended::Stored(_))).count();
        self.count(connection, |seen| {
            seen.new += new as u64;
            seen.duplicates += (stored.len() - new) as u64;
        });
        tell(&stored);
        self.turns.push(waiting.into_iter().zip(stored).flat_map(|((chat, routes, event), appended)| {
            let rows = match appended {
                Appended::Duplicate => Vec::new(),
                Appended::Stored(rows) => rows,
            };
            routes
                .into_iter()
                .zip(rows)
                .filter_map(move |(route, row)| match row {
                    Some(seq) => Some((route.bot, chat.clone(), seq, event.clone())),
                    None => {
                        self.turns.overflowed(&route.bot);
                        None
                    }
                })
                .inspect(|(bot, chat, seq, event)| {
                    traces.tell(*seq, began, ended, || arrival(bot, chat, event, None));
                })
        }));
        Ok(new)
    }

    pub(crate) fn count(&self, connection: &ConnectionName, count: impl FnOnce(&mut Arrivals)) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        // The name is one of the configuration.
        count(arrivals.entry(connection.clone()).or_default());
    }
}

/// The intake of one connection.
pub struct ConnectionIntake {
    inbox: Arc<Inbox>,
    connection: ConnectionName,
    account: Option<Account>,
}

/// The account that a connection has, or none while it is away.
pub(crate) type Account = watch::Receiver<Option<Arc<dyn Platform>>>;

impl Intake for ConnectionIntake {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(self.inbox.take(&self.connection, events))
    }

    fn ask(&self, event: Incoming, patience: Duration) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        let until = self.inbox.clock.now() + patience;
        Box::pin(self.inbox.ask(&self.connection, event, until))
    }

    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        self.inbox.reserve()
    }

    fn forget(&self, person: &SenderId, until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inbox.forget(Person::known_as(self.connection.clone(), person.clone()), until)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let account = self.account.clone();
        Box::pin(async move {
            match account {
                None => self.inbox.closed().await,
                Some(mut account) => {
                    let (closed, changed) = (std::pin::pin!(self.inbox.closed()), std::pin::pin!(account.changed()));
                    select(closed, changed).await;
                }
            }
        })
    }
}

impl Reports for Inbox {
    fn report(&self, send: &QueuedSend, delivery: Delivery) -> Option<Arrival> {
        let bot = self.turns.bot(&send.bot)?;
        Some(Arrival {
            chat: send.chat.clone(),
            key: format!("delivery:{}", send.id),
            within: None,
            asked: false,
            received: self.clock.now(),
            routes: vec![Route { bot: send.bot.clone(), overflow: self.turns.overflow(bot.name(), &send.chat) }],
            event: Arc::new(Event::Delivery(delivery)),
        })
    }

    fn reported(&self, send: &QueuedSend, seq: Option<InboxSeq>, event: Arc<Event>) {
        let Some(seq) = seq else { return self.turns.overflowed(&send.bot) };
        let traces = self.turns.traces();
        let now = traces.now();
        traces.tell(seq, now, now, || arrival(&send.bot, &send.chat, &event, Some(send.id.turn)));
        self.turns.push([(send.bot.clone(), send.chat.clone(), seq, event)]);
    }
}

/// The arrival of an event, for its trace.
pub(crate) fn arrival(bot: &BotName, chat: &Chat, event: &Event, cause: Option<InboxSeq>) -> What {
    let connection = (!chat.connection.as_str().is_empty()).then(|| chat.connection.clone());
    What::Arrival { bot: bot.clone(), connection, kind: event.kind(), cause }
}
