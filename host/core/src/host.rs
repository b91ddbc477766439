//! The host: the parts put together, taken up again after a stop, and brought to a halt.
//!
//! It owns no threads. The program polls [`Host::work`] on one thread per worker and
//! [`Host::serve`] on its runtime; a test polls both where it likes.

mod caller;
mod keep;
mod letters;
mod members;
mod people;
mod waiting;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::future::{join, select_all};
use tokio::sync::{Mutex as Alone, watch};

pub use self::caller::{Caller, HangUp};
pub use self::keep::Retention;
use self::letters::Letters;
pub use self::letters::{OpenedLetter, RetryError};
use self::members::Member;
pub use self::members::{PreparedBot, PreparedConnection};
pub use self::people::{EraseError, Erasure, clear_log};
pub use self::waiting::PauseError;
use crate::bot::Bot;
use crate::ids::{BotName, ConnectionName};
use crate::inbox::Inbox;
use crate::outbox::Outboxes;
use crate::refusals::Refusals;
use crate::status::Configuration;
use crate::store::{Store, StoreError};
use crate::time::Clock;
use crate::timers::Timers;
use crate::trace::Traces;
use crate::turns::{MigrateError, Turns};
use crate::vault::Vaults;

/// Rows read at once when taking up an earlier run.
const PAGE: usize = 1000;

/// The wait before the store is asked again after it refused.
const STORE_WAIT: Duration = Duration::from_millis(500);

/// A host.
pub struct Host {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    inbox: Arc<Inbox>,
    timers: Timers,
    outboxes: Arc<Outboxes>,
    /// Every connection there ever was, in the order in which they came. Those that went keep their place.
    members: RwLock<Vec<Arc<Member>>>,
    /// How many there are, for those who do something for each.
    count: watch::Sender<usize>,
    configuration: Mutex<Configuration>,
    letters: Letters,
    retention: Retention,
    vaults: Vaults,
    /// Held while a person is erased, or a dead letter put back.
    erasing: Arc<Alone<()>>,
    /// True once all that earlier runs left is taken up.
    is_restored: watch::Sender<bool>,
}

/// What was found of earlier runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Events that wait.
    pub events: usize,
    /// Sends that wait.
    pub sends: usize,
    /// Sends among them that were in doubt.
    pub in_doubt: usize,
    /// Timers that were missed while the host was away, and dropped as their bots wanted.
    pub skipped_timers: u64,
    /// Bots that have waiting events and are not configured any more.
    pub unknown_bots: BTreeSet<BotName>,
    /// Connections that have waiting sends and are not configured any more.
    pub unknown_connections: BTreeSet<ConnectionName>,
}

impl Host {
    /// A host with nothing to serve, for `workers` workers and at most `turns` turns at once.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, workers: usize, turns: usize) -> Self {
        Self::traced(store, clock, workers, turns, Traces::default())
    }

    /// Like [`new`](Self::new), with traces of what happens to events.
    pub fn traced(store: Arc<dyn Store>, clock: Arc<dyn Clock>, workers: usize, turns: usize, traces: Traces) -> Self {
        let outboxes = Arc::new(Outboxes::default());
        let turns = Arc::new(Turns::new(store.clone(), clock.clone(), outboxes.clone(), workers, turns, traces));
        let inbox = Arc::new(Inbox::new(store.clone(), clock.clone(), turns.clone()));
        let timers = Timers::new(store.clone(), clock.clone(), turns.clone(), turns.timers_changed());
        let (members, count) = (RwLock::default(), watch::Sender::new(0));
        let configuration = Mutex::new(Configuration { read: clock.now(), refused: Vec::new(), pending: Vec::new() });
        let erasing = Arc::default();
        let letters = Letters::new(store.clone(), turns.clone(), Arc::clone(&erasing));
        let retention = Retention::default();
        Self {
            store,
            clock,
            turns,
            inbox,
            timers,
            outboxes,
            letters,
            retention,
            vaults: Vaults::default(),
            erasing,
            members,
            count,
            configuration,
            is_restored: watch::Sender::new(false),
        }
    }

    /// Lets the builds that the bots begin with take over what the builds before them left. To be called once,
    /// after bots were added and before [`restore`](Self::restore). Where a bot's build cannot migrate its values
    /// and there is one that served before, that one does again.
    ///
    /// # Errors
    /// Where a bot has no build that takes its values, and when the store cannot be read: the bot, and why.
    pub async fn take_over(&self) -> Result<(), (BotName, MigrateError)> {
        for bot in self.turns.bots() {
            let Err(error) = self.begin(&bot).await else { continue };
            let reason = error.to_string();
            if error.is_the_hosts() || bot.generations.roll_back(reason.clone(), self.clock.now()).is_none() {
                return Err((bot.name().clone(), error));
            }
            tracing::error!(bot = %bot.name(), "the build before serves: {reason}");
            if self.begin(&bot).await.is_err() {
                return Err((bot.name().clone(), error));
            }
        }
        Ok(())
    }

    async fn begin(&self, bot: &Arc<Bot>) -> Result<(), MigrateError> {
        let generation = bot.generation();
        let mut build = self.turns.prepare_build(bot, generation.plugin.clone(), &generation.actor).await?;
        // What it sends is read with all that waits.
        Ok(self.turns.store_builds(std::slice::from_mut(&mut build)).await?)
    }

    /// Takes up what earlier runs left: waiting events, waiting sends, sends in doubt. To be called
    /// once, after bots and connections were added and before anything is served.
    ///
    /// # Errors
    /// When the store cannot be read. One that takes no writes is asked again without end.
    pub async fn restore(&self) -> Result<Restored, StoreError> {
        self.turns.restore_states().await?;
        let mut restored = Restored::default();
        self.restore_events(&mut restored).await?;
        restored.skipped_timers = self.skip_timers().await?;
        self.restore_sends(&mut restored, None).await?;
        self.is_restored.send_replace(true);
        Ok(restored)
    }

    /// One worker's share of the turns; see [`Turns::work`].
    pub async fn work(&self, worker: usize) {
        self.turns.work(worker).await;
    }

    /// Receives from every connection, also those that come meanwhile, until
    /// [`stop_receiving`](Self::stop_receiving), and what was read is stored. Dropping it closes the connections at once.
    pub async fn receive(&self) {
        self.for_each_member(|member| self.receive_from(member)).await;
        self.inbox.closed().await;
    }

    /// Reads no further from the connections.
    pub fn stop_receiving(&self) {
        self.inbox.close();
    }

    /// Commits, sends and keeps house until [`drain`](Self::drain) and [`close`](Self::close), and
    /// all that was begun has ended.
    pub async fn serve(&self) {
        let sending = self.for_each_member(|member| async move { member.outbox.run().await });
        let work = join(self.turns.commit(), sending);
        let chores = select_all([
            Box::pin(self.turns.wake_on_time()) as futures::future::BoxFuture<'_, ()>,
            Box::pin(self.forget_on_time()),
            Box::pin(self.timers.run()),
            Box::pin(self.letters.run()),
            Box::pin(self.forget_who_asks()),
            Box::pin(self.turns.forget_erased_on_time()),
        ]);
        let (work, chores) = (std::pin::pin!(work), std::pin::pin!(chores));
        futures::future::select(work, chores).await;
    }

    /// Begins no further turn and no further send.
    pub fn drain(&self) {
        self.turns.drain();
        self.outboxes.drain();
    }

    /// Lets [`serve`](Self::serve) end. To be called after the workers have stopped.
    pub fn close(&self) {
        self.turns.close();
    }

    /// The inbox, for what delivers events without a connection that receives.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// The outboxes, which a bot's actor needs.
    pub fn outboxes(&self) -> &Arc<Outboxes> {
        &self.outboxes
    }

    /// The turns.
    pub fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Resolves once [`restore`](Self::restore) has taken up all there was: before, nothing may come or go.
    pub async fn restored(&self) {
        let mut restored = self.is_restored.subscribe();
        // The sender is here, so there is no error.
        let _restored = restored.wait_for(|is_restored| *is_restored).await;
    }

    /// What came of the newest look at the configuration.
    pub fn configuration(&self) -> Configuration {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what came of a look at the configuration, for status pages.
    pub fn set_configuration(&self, configuration: Configuration) {
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) = configuration;
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    async fn skip_timers(&self) -> Result<u64, StoreError> {
        let (now, refusals) = (self.clock.now(), Refusals::default());
        loop {
            match self.store.skip_timers(now).await {
                Err(error) if !matches!(error, StoreError::Closed) => {
                    if refusals.refused(self.clock.now()) {
                        tracing::error!(%error, "what earlier runs left cannot be taken up; nothing begins until it can");
                    }
                    self.clock.sleep_until(self.clock.now() + STORE_WAIT).await;
                }
                done => return done,
            }
        }
    }
}

#[cfg(test)]
mod tests;
