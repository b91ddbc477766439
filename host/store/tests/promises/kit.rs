//! What the tests share: a store in a folder that goes with the test, and short ways to say things.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{Chat, InboxSeq, OutboxSeq, SendId};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::store::{
    Appended, Arrival, Mark, QueuedSend, Route, SendOutcome, Settlement, Store, StoreError, Totals, TurnCommit,
    WaitingEvent, WaitingSend,
};
use hodhod_core::time::Millis;
use hodhod_core::values::{Bucket, ValueKey};
use hodhod_store::{Durability, Options, SqliteStore};
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) struct Kit {
    store: Option<SqliteStore>,
    options: Options,
    folder: TempDir,
    outside: TempDir,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    /// For tests that write much and lose no power.
    pub(crate) fn quick() -> Self {
        Self::with(Options { durability: Durability::Normal, ..Options::default() })
    }

    pub(crate) fn with(options: Options) -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path(), &options).unwrap();
        Self { store: Some(store), options, folder, outside: TempDir::new().unwrap() }
    }

    pub(crate) async fn close(&mut self) {
        self.store.take().unwrap().close().await;
    }

    /// Closes the store and keeps it, to see what a closed one does.
    pub(crate) async fn close_only(&self) {
        self.store.as_ref().unwrap().close().await;
    }

    pub(crate) async fn reopen(&mut self) {
        self.close().await;
        self.open_again();
    }

    pub(crate) fn open_again(&mut self) {
        self.store = Some(SqliteStore::open(self.folder(), &self.options).unwrap());
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for what must not be in the state folder, such as a backup.
    pub(crate) fn outside(&self) -> &Path {
        self.outside.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder().join("hodhod.db")
    }

    /// A connection beside the store's own, for looking and for breaking things.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    /// What a query of one number gives.
    pub(crate) fn number(&self, query: &str) -> u64 {
        self.sqlite().query_row(query, [], |row| row.get(0)).map(i64::unsigned_abs).unwrap()
    }

    /// Appends one event for `bot` and gives its row.
    pub(crate) async fn one(&self, key: &str) -> InboxSeq {
        row(&self.append(vec![arrival(key)]).await.unwrap()[0])
    }

    /// Ends a turn with sends of these texts.
    pub(crate) async fn sends(&self, texts: &[&str]) -> Vec<OutboxSeq> {
        let seq = self.one(&format!("for {texts:?}")).await;
        let sends = texts.iter().zip(0..).map(|(text, index)| send(seq, index, text)).collect();
        self.commit(vec![TurnCommit { sends, ..done(seq) }]).await.unwrap().remove(0)
    }

    pub(crate) async fn events(&self) -> Vec<WaitingEvent> {
        self.waiting_events(InboxSeq(0), usize::MAX).await.unwrap()
    }

    pub(crate) async fn event_rows(&self) -> Vec<InboxSeq> {
        self.events().await.into_iter().map(|event| event.seq).collect()
    }

    pub(crate) async fn outbox(&self) -> Vec<WaitingSend> {
        self.waiting_sends(OutboxSeq(0), usize::MAX).await.unwrap()
    }

    pub(crate) async fn counted(&self) -> Totals {
        self.totals().await.unwrap()
    }
}

impl Deref for Kit {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        self.store.as_ref().unwrap()
    }
}

pub(crate) fn chat() -> Chat {
    Chat::new("connection", "chat")
}

pub(crate) fn route() -> Route {
    Route { bot: "bot".into(), overflow: None }
}

pub(crate) fn overflow(reason: &str) -> Route {
    Route { bot: "bot".into(), overflow: Some(reason.into()) }
}

pub(crate) fn event(text: &str) -> Arc<Event> {
    Arc::new(Event::Message(Message {
        id: "id".into(),
        platform: "soroush".into(),
        chat: chat(),
        private: true,
        sender: Sender::default(),
        sent_at: Millis(1),
        edited: false,
        content: Content::Text(text.into()),
        reply_to: None,
        annotations: Vec::new(),
    }))
}

/// An event with this key, for `bot`.
pub(crate) fn arrival(key: &str) -> Arrival {
    Arrival {
        chat: chat(),
        key: key.into(),
        within: None,
        asked: false,
        received: Millis(1000),
        routes: vec![route()],
        event: event(key),
    }
}

pub(crate) fn row(appended: &Appended) -> InboxSeq {
    match appended {
        Appended::Stored(rows) => rows[0].unwrap(),
        Appended::Duplicate => panic!("a duplicate has no row"),
    }
}

pub(crate) fn done(seq: InboxSeq) -> TurnCommit {
    TurnCommit { seq, mark: Mark::Done, at: Millis(2000), values: Vec::new(), sends: Vec::new(), timers: Vec::new() }
}

pub(crate) fn dead(seq: InboxSeq, reason: &str) -> TurnCommit {
    TurnCommit { mark: Mark::Dead { attempts: 5, reason: reason.into() }, ..done(seq) }
}

pub(crate) fn send(turn: InboxSeq, index: u32, text: &str) -> QueuedSend {
    QueuedSend {
        id: SendId { turn, index },
        bot: "bot".into(),
        chat: chat(),
        message: Arc::new(Outgoing::text(text)),
        queued: Millis(2000),
    }
}

pub(crate) fn settled(seq: OutboxSeq, outcome: SendOutcome) -> Settlement {
    Settlement { seq, outcome, report: None }
}

/// A value of the bot.
pub(crate) fn key(key: &str) -> ValueKey {
    ValueKey { bot: "bot".into(), bucket: Bucket::Bot, key: key.into() }
}

pub(crate) fn text(error: StoreError) -> String {
    match error {
        StoreError::Failed(text)
        | StoreError::NoRoom(text)
        | StoreError::NotDurable(text)
        | StoreError::Unreadable(text) => text,
        StoreError::Closed => panic!("the store is closed"),
    }
}
