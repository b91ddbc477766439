//! The bare store: the same appends and commits, in groups of the same size, with nothing between.

use std::sync::Arc;
use std::time::Duration;

use hodhod_bench::bots;
use hodhod_core::event::{Content, Event, Message};
use hodhod_core::ids::{BotName, Chat, ConnectionName, InboxSeq, SendId};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::store::{Appended, Arrival, Mark, QueuedSend, Route, Store, TurnCommit};
use hodhod_core::time::Millis;
use hodhod_store::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::board::{Board, Goal, Letter};
use super::feed;
use super::rig::{CHATS, CONNECTIONS, Disk};
use super::watched::Watched;

/// Events in one append, and turns in one commit, as the host has them.
const APPEND: usize = 256;
const COMMIT: usize = 1024;

/// The bare store, at work.
pub(crate) struct Bare {
    runtime: Runtime,
    pub(crate) board: Arc<Board>,
    store: Arc<SqliteStore>,
    tasks: Vec<JoinHandle<()>>,
    _folder: TempDir,
}

impl Bare {
    /// Opens a store and starts what works on it.
    pub(crate) fn start(disk: &Disk) -> anyhow::Result<Self> {
        let runtime = super::runtime()?;
        let (folder, store) = disk.store()?;
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..CONNECTIONS).map(|_| unbounded_channel()).unzip();
        let board = Arc::new(Board::new(Goal::InOutbox, senders, CHATS));
        let watched: Arc<dyn Store> = Arc::new(Watched { inner: store.clone(), board: board.clone() });
        let (to_commit, ended) = unbounded_channel();
        let mut tasks = vec![runtime.spawn(commit(watched.clone(), ended))];
        for (number, mailbox) in mailboxes.into_iter().enumerate() {
            let connection = ConnectionName::from(format!("shop-{number}"));
            tasks.push(runtime.spawn(append(watched.clone(), connection, mailbox, to_commit.clone())));
        }
        Ok(Self { runtime, board, store, tasks, _folder: folder })
    }

    /// Runs something beside it.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        self.board.let_end();
        self.tasks.iter().for_each(JoinHandle::abort);
        self.runtime.block_on(self.store.close());
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

async fn append(
    store: Arc<dyn Store>,
    connection: ConnectionName,
    mut mailbox: UnboundedReceiver<Letter>,
    to_commit: UnboundedSender<TurnCommit>,
) {
    let mut letters = Vec::with_capacity(APPEND);
    while mailbox.recv_many(&mut letters, APPEND).await > 0 {
        let arrivals: Vec<Arrival> = letters.drain(..).map(|letter| arrival(&connection, letter)).collect();
        let events: Vec<_> = arrivals.iter().map(|arrival| (arrival.chat.clone(), arrival.event.clone())).collect();
        let Ok(rows) = store.append(arrivals).await else { return };
        for ((chat, event), appended) in events.into_iter().zip(rows) {
            let Appended::Stored(rows) = appended else { continue };
            for seq in rows.into_iter().flatten() {
                let _over = to_commit.send(turn(seq, chat.clone(), &event));
            }
        }
    }
}

async fn commit(store: Arc<dyn Store>, mut ended: UnboundedReceiver<TurnCommit>) {
    let mut turns = Vec::new();
    while ended.recv_many(&mut turns, COMMIT).await > 0 {
        // The ledger keeps a copy of what the store may refuse, and so does this.
        if store.commit(turns.clone()).await.is_err() {
            return;
        }
        turns.clear();
    }
}

fn arrival(connection: &ConnectionName, letter: Letter) -> Arrival {
    let chat = Chat { connection: connection.clone(), id: feed::chat(letter.chat).into() };
    let mut message = bots::message(&chat);
    message.id = format!("{:032x}", letter.number);
    message.content = Content::Text(format!("{:08} {}", letter.number, bots::TEXT));
    Arrival {
        key: message.id.clone(),
        chat,
        within: None,
        asked: false,
        received: Millis(1),
        routes: vec![Route { bot: BotName::from("echo"), overflow: None }],
        event: Arc::new(Event::Message(message)),
    }
}

fn turn(seq: InboxSeq, chat: Chat, event: &Event) -> TurnCommit {
    let reply = match event {
        Event::Message(Message { content: Content::Text(text), .. }) => text.clone(),
        _ => String::new(),
    };
    let send = QueuedSend {
        id: SendId { turn: seq, index: 0 },
        bot: BotName::from("echo"),
        chat,
        message: Arc::new(Outgoing::text(reply)),
        queued: Millis(1),
    };
    TurnCommit { seq, mark: Mark::Done, at: Millis(1), values: Vec::new(), sends: vec![send], timers: Vec::new() }
}
