//! The connections and bots of a host, before it serves and while it does.
//!
//! A connection that goes keeps its place and its outbox, with what waits in it: if it comes back it goes on
//! where it was. So the store is read for a connection or a bot only where this host never had one of that
//! name, and nothing can be both read from it and pushed by a turn.

use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::future::{Either, join, select};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use super::{Host, PAGE, Restored};
use crate::bot::Bot;
use crate::ids::{BotName, ConnectionName, InboxSeq, OutboxSeq};
use crate::outbox::{Outbox, Policy};
use crate::platform::{Connection, Platform};
use crate::store::{StoreError, WaitingEvent};

/// How long a connection that is to be closed may take to hand over what it has read.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection's place in the host.
pub(super) struct Member {
    pub(super) name: ConnectionName,
    pub(super) outbox: Arc<Outbox>,
    /// The account; none while the connection is not configured.
    pub(super) platform: watch::Sender<Option<Arc<dyn Platform>>>,
    /// True while some account is received from.
    is_received: watch::Sender<bool>,
    /// Requests of the platform whose events are being stored.
    pub(super) storing: watch::Sender<usize>,
}

impl Member {
    /// The account; none while the connection is not configured.
    pub(super) fn platform(&self) -> Option<Arc<dyn Platform>> {
        self.platform.borrow().clone()
    }
}

/// A connection that can take its place at once.
pub struct PreparedConnection {
    name: ConnectionName,
    platform: Arc<dyn Platform>,
    policy: Policy,
    /// Of one that this host never had.
    outbox: Option<Arc<Outbox>>,
}

/// A bot that can take its place at once.
pub struct PreparedBot {
    bot: Arc<Bot>,
    /// What waits for one that this host never had.
    events: Option<Vec<WaitingEvent>>,
}

impl PreparedBot {
    /// The bot.
    pub fn bot(&self) -> &Arc<Bot> {
        &self.bot
    }
}

impl Host {
    /// Adds a connection, or puts another account in the place of the one that is or was here. What earlier
    /// runs of the host left to be sent is not looked for: see [`restore`](Self::restore) and
    /// [`prepare_connection`](Self::prepare_connection).
    pub fn add_connection(&self, name: ConnectionName, platform: Arc<dyn Platform>, policy: Policy) {
        if let Some(member) = self.member(&name) {
            member.outbox.relink(platform.clone(), policy);
        } else {
            let outbox = self.outbox(name.clone(), platform.clone(), policy);
            self.join(name.clone(), outbox);
        }
        self.open_connection(&name, platform);
    }

    /// Takes up what earlier runs of the host left to be sent on a connection, where this one never had it.
    /// While the host serves this comes first; then [`install_connection`](Self::install_connection), the bots
    /// that serve it, and [`open_connection`](Self::open_connection): so nothing is received that has nowhere
    /// to go. Until it is installed nothing of the host is changed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn prepare_connection(
        &self,
        name: ConnectionName,
        platform: Arc<dyn Platform>,
        policy: Policy,
    ) -> Result<(PreparedConnection, Restored), StoreError> {
        let mut restored = Restored::default();
        let mut outbox = None;
        if self.member(&name).is_none() {
            let new = self.outbox(name.clone(), platform.clone(), policy);
            self.restore_sends(&mut restored, Some(&new)).await?;
            outbox = Some(new);
        }
        Ok((PreparedConnection { name, platform, policy, outbox }, restored))
    }

    /// Lets sends of a connection go to its new account, or in another way.
    pub fn install_connection(&self, prepared: PreparedConnection) {
        let PreparedConnection { name, platform, policy, outbox } = prepared;
        match (self.member(&name), outbox) {
            (Some(member), _) => member.outbox.relink(platform, policy),
            (None, Some(outbox)) => self.join(name, outbox),
            (None, None) => {}
        }
    }

    /// Receives from an account from now on, and from no other one under this name.
    pub fn open_connection(&self, name: &ConnectionName, platform: Arc<dyn Platform>) {
        if let Some(member) = self.member(name) {
            member.platform.send_replace(Some(platform));
        }
    }

    /// Reads no further from a connection, and takes nothing more of its platform's requests; what was read is
    /// stored. False if it does not hand that over in time, as where the store refuses it: then it is received from
    /// as before.
    pub async fn close_connection(&self, name: &ConnectionName) -> bool {
        let Some(member) = self.member(name) else { return true };
        let Some(platform) = member.platform.send_replace(None) else { return true };
        let (mut received, mut storing) = (member.is_received.subscribe(), member.storing.subscribe());
        // The senders are in the member, so there is no error.
        let received = async { drop(received.wait_for(|is_received| !is_received).await) };
        let stored = async { drop(storing.wait_for(|storing| *storing == 0).await) };
        let ended = std::pin::pin!(join(received, stored));
        let overdue = std::pin::pin!(self.clock.sleep_until(self.clock.now() + LAST_WORDS));
        let in_time = matches!(select(ended, overdue).await, Either::Left(_));
        if !in_time {
            member.platform.send_replace(Some(platform));
        }
        in_time
    }

    /// Begins no further send on a connection, and reads no further from it. What waits goes on waiting. False
    /// if there is no such connection.
    pub fn remove_connection(&self, name: &ConnectionName) -> bool {
        let Some(member) = self.member(name) else { return false };
        let was_here = !member.outbox.is_away();
        member.outbox.unlink();
        member.platform.send_replace(None);
        was_here
    }

    /// Adds a bot. What earlier runs of the host left for it is not looked for: see [`restore`](Self::restore)
    /// and [`prepare_bot`](Self::prepare_bot).
    pub fn add_bot(&self, bot: Bot) -> Arc<Bot> {
        let bot = Arc::new(bot);
        self.turns.add_bot(bot.clone());
        bot
    }

    /// Reads how earlier runs of the host left a bot, and the events that wait for it, where this one never had
    /// such a bot. Until it is installed nothing of the host is changed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn prepare_bot(&self, bot: impl Into<Arc<Bot>>) -> Result<PreparedBot, StoreError> {
        let bot = bot.into();
        self.turns.restore_state_of(&bot).await?;
        let events = if self.turns.has_lanes(bot.name()) { None } else { Some(self.events_of(bot.name()).await?) };
        Ok(PreparedBot { bot, events })
    }

    /// Adds the bot, with the events that wait for it.
    pub fn install_bot(&self, prepared: PreparedBot) -> Arc<Bot> {
        let PreparedBot { bot, events } = prepared;
        self.turns.make_lanes(bot.name());
        for row in events.into_iter().flatten() {
            let _known = self.turns.restore(row, Some(&bot));
        }
        self.turns.add_bot(bot.clone());
        bot
    }

    /// The connections and their outboxes, in the order in which they came.
    pub fn connections(&self) -> Vec<(Connection, Arc<Outbox>)> {
        let here = |member: &Arc<Member>| {
            let platform = member.platform.borrow().clone()?;
            Some((Connection { name: member.name.clone(), platform }, member.outbox.clone()))
        };
        self.members().iter().filter_map(here).collect()
    }

    /// Takes up all events that wait.
    pub(super) async fn restore_events(&self, restored: &mut Restored) -> Result<(), StoreError> {
        let mut after = InboxSeq(0);
        loop {
            let page = self.store.waiting_events(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            for row in page {
                let bot = row.bot.clone();
                if self.turns.restore(row, None) {
                    restored.events += 1;
                } else {
                    restored.unknown_bots.insert(bot);
                }
            }
        }
    }

    async fn events_of(&self, bot: &BotName) -> Result<Vec<WaitingEvent>, StoreError> {
        let (mut after, mut events) = (InboxSeq(0), Vec::new());
        loop {
            let page = self.store.waiting_events(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(events) };
            after = last.seq;
            events.extend(page.into_iter().filter(|row| row.bot == *bot));
        }
    }

    /// Takes up waiting sends: those of one connection, or of all.
    pub(super) async fn restore_sends(
        &self,
        restored: &mut Restored,
        of: Option<&Arc<Outbox>>,
    ) -> Result<(), StoreError> {
        let mut after = OutboxSeq(0);
        loop {
            let page = self.store.waiting_sends(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            for row in page {
                let connection = &row.chat.connection;
                let outbox = match of {
                    Some(outbox) if outbox.connection() == connection => outbox.clone(),
                    Some(_another) => continue,
                    None => {
                        let Some(outbox) = self.outboxes.get(connection) else {
                            restored.unknown_connections.insert(connection.clone());
                            continue;
                        };
                        outbox
                    }
                };
                restored.sends += 1;
                restored.in_doubt += usize::from(row.attempted);
                outbox.restore(row).await?;
            }
        }
    }

    /// Does something for every connection, also for those that come meanwhile, until it has ended for all of
    /// them. What is done must not end before the host is to stop.
    pub(super) async fn for_each_member<F: Future<Output = ()>>(&self, begin: impl Fn(Arc<Member>) -> F) {
        let mut count = self.count.subscribe();
        let mut under_way = FuturesUnordered::new();
        loop {
            let begun = under_way.len();
            count.mark_unchanged();
            let new: Vec<_> = self.members().into_iter().skip(begun).collect();
            under_way.extend(new.into_iter().map(&begin));
            let Either::Right(_) = select(under_way.next(), std::pin::pin!(count.changed())).await else {
                // The host stops, and nothing more comes.
                while under_way.next().await.is_some() {}
                return;
            };
        }
    }

    /// Receives from the account that a connection has, whichever it is, until the intake is closed.
    pub(super) async fn receive_from(&self, member: Arc<Member>) {
        let mut accounts = member.platform.subscribe();
        loop {
            let platform = accounts.borrow_and_update().clone();
            let mut changes = accounts.clone();
            // The sender is here, so there is no error.
            let changed = async move { drop(changes.changed().await) };
            let Some(platform) = platform else {
                if let Either::Left(_) = select(std::pin::pin!(self.inbox.closed()), std::pin::pin!(changed)).await {
                    return;
                }
                continue;
            };
            member.is_received.send_replace(true);
            let intake = self.inbox.until(member.name.clone(), accounts.clone());
            let overdue = async {
                changed.await;
                self.clock.sleep_until(self.clock.now() + LAST_WORDS).await;
            };
            // Never cut off: what it has read would be lost, or stored after its chats went on.
            let received = platform.receive(&intake);
            if let Either::Right((_, received)) = select(received, std::pin::pin!(overdue)).await {
                tracing::warn!(connection = %member.name, "what was read is not stored yet; the connection goes on when it is");
                received.await;
            }
            member.is_received.send_replace(false);
            if !accounts.has_changed().unwrap_or(false) {
                return;
            }
        }
    }

    fn outbox(&self, name: ConnectionName, platform: Arc<dyn Platform>, policy: Policy) -> Arc<Outbox> {
        let outbox = Outbox::new(name, platform, policy, self.store.clone(), self.clock.clone());
        let outbox = outbox.traced(self.turns.traces().clone());
        outbox.set_reports(self.inbox.clone());
        Arc::new(outbox)
    }

    fn join(&self, name: ConnectionName, outbox: Arc<Outbox>) {
        self.outboxes.add(outbox.clone());
        let (platform, is_received, storing) =
            (watch::Sender::new(None), watch::Sender::new(false), watch::Sender::new(0));
        let member = Arc::new(Member { name, outbox, platform, is_received, storing });
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        members.push(member);
        self.count.send_replace(members.len());
    }

    fn members(&self) -> Vec<Arc<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn member(&self, name: &ConnectionName) -> Option<Arc<Member>> {
        self.members().into_iter().find(|member| member.name == *name)
    }
}
