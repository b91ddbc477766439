//! A connection's consents with everything around them, and an intake that remembers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::event::{Content, Event, Message};
use hodhod_core::ids::{Chat, InboxSeq, SenderId};
use hodhod_core::people::Moment;
use hodhod_core::platform::{Call, CallError, Incoming, Intake};
use hodhod_core::store::StoreError;
use hodhod_core::testing::{MemoryVault, TestClock};
use hodhod_core::vault::{LINK_LIFE, Vault};
use hodhod_core::webhook::Reply;
use hodhod_platforms::divar::{DivarConfig, NoToken, OAuth, OAuthConfig, Options};
use http::Request;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::disk::HostVault;
use crate::play::{Play, fields};

/// Long, and of the alphabet of real ones, so that a leak is found by searching for it.
pub(crate) const API_KEY: &str = "k3yTq7vX2kLm9ZrB4wNc8YhJ3pFd6sGa1eUoI5tKx0";
/// With characters that a form writes otherwise.
pub(crate) const CLIENT_SECRET: &str = "s3c/Uv8+bQm2RzL7xWk4HnP9tYd3Gj6AeF1cI5oKq0=";
pub(crate) const SLUG: &str = "my-app";
pub(crate) const REDIRECT: &str = "https://bot.example/divar/shop/oauth";

/// What the operator allows.
pub(crate) const ALLOWED: [&str; 9] = [
    "USER_ID",
    "USER_PHONE",
    "USER_POSTS_GET",
    "NOTIFICATION_ACCESS_REVOCATION",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND",
    "CONVERSATION_SEND_MESSAGE.*",
    "CHAT_BOT_USER_MESSAGE_SEND",
    "offline_access",
];

/// What a bot asks for who wants to write, for long.
pub(crate) const SEND: [&str; 2] = ["CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND", "offline_access"];

/// A connection with all that is around it.
pub(crate) struct Shop {
    pub(crate) clock: TestClock,
    pub(crate) vault: MemoryVault,
    disk: HostVault,
    pub(crate) play: Play,
    pub(crate) oauth: OAuth,
    pub(crate) kept: Kept,
    /// Who is behind the event of a turn that calls.
    pub(crate) asker: Mutex<Option<SenderId>>,
}

pub(crate) fn config(base: &str) -> DivarConfig {
    DivarConfig {
        name: "shop".into(),
        slug: SLUG.to_owned(),
        api_key: API_KEY.into(),
        identification_key: "identification".into(),
        oauth: Some(OAuthConfig {
            client_secret: CLIENT_SECRET.into(),
            scopes: ALLOWED.map(str::to_owned).to_vec(),
            redirect: REDIRECT.to_owned(),
        }),
        options: Options { base_url: base.to_owned(), oauth_url: base.to_owned(), ..Options::default() },
    }
}

fn oauth(config: &DivarConfig, disk: &HostVault, clock: &TestClock) -> OAuth {
    OAuth::new(config, Arc::new(disk.clone()), Arc::new(clock.clone())).unwrap()
}

impl Shop {
    pub(crate) async fn new() -> Self {
        let clock = TestClock::default();
        let vault = MemoryVault::new(Arc::new(clock.clone()));
        let disk = HostVault::new(&vault);
        let play = Play::new(&clock).await;
        let oauth = oauth(&config(&play.base()), &disk, &clock);
        let kept = Kept::new(vault.clone());
        Self { oauth, clock, vault, disk, play, kept, asker: Mutex::default() }
    }

    /// Another connection beside this one, on the same vault.
    pub(crate) fn beside(&self, config: &DivarConfig) -> OAuth {
        oauth(config, &self.disk, &self.clock)
    }

    /// The connection anew, as the operator has it now.
    pub(crate) fn change(&mut self, config: &DivarConfig) {
        self.oauth = self.beside(config);
    }

    /// Nothing can be written while it is full.
    pub(crate) fn fill_disk(&self, is_full: bool) {
        self.disk.is_full.store(is_full, Ordering::SeqCst);
    }

    /// The operator has people erased just when a link to them is written.
    pub(crate) fn erase_while_linking(&self) {
        self.disk.is_racing.store(true, Ordering::SeqCst);
    }

    /// As many writes as this still go to the disk.
    pub(crate) fn leave_room(&self, writes: usize) {
        self.disk.room.store(writes, Ordering::SeqCst);
    }

    /// The connection after a crash: over the same vault, with nothing in memory.
    pub(crate) fn restart(&mut self) {
        self.change(&config(&self.play.base()));
    }

    pub(crate) async fn call(&self, name: &'static str, arguments: Value) -> Result<Value, CallError> {
        self.call_as("clerk", "bot:c1", name, arguments).await
    }

    pub(crate) async fn call_as(
        &self,
        bot: &str,
        chat: &str,
        name: &'static str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        let (chat, sender) = (Chat::new("shop", chat), self.asker.lock().unwrap().clone());
        self.oauth.call(Call { bot: bot.into(), chat, sender, name, arguments }).await
    }

    /// The address for a question of the bot "clerk", in the chat "bot:c1".
    pub(crate) async fn ask(&self, scopes: &[&str]) -> String {
        self.ask_in("bot:c1", scopes).await
    }

    pub(crate) async fn ask_in(&self, chat: &str, scopes: &[&str]) -> String {
        let wish = json!({ "scopes": scopes, "data": "order 7" });
        let answer = self.call_as("clerk", chat, "divar.request-consent", wish).await.unwrap();
        answer["url"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn come_back(&self, query: &str) -> Reply {
        self.oauth.callback(get(query), &self.kept).await
    }

    /// The whole way: a bot asks, a person allows it and comes back.
    pub(crate) async fn consent(&self, person: &str, scopes: &[&str]) {
        // After whatever was before.
        self.clock.advance(Duration::from_millis(1));
        let query = self.play.allow(&self.ask(scopes).await, person);
        let reply = self.come_back(&query).await;
        assert_eq!(reply.status(), 200, "{}", text(&reply));
    }

    /// An event comes of a person, in a conversation.
    pub(crate) async fn link(&self, conversation: &str, person: &str) {
        self.oauth.hears(person, Some(conversation), None).await;
    }

    /// A person takes everything back.
    pub(crate) async fn revoke(&self, person: &str) -> Result<(), StoreError> {
        self.oauth.revoke(&[person.to_owned()], &self.kept).await
    }

    /// The token to write in a conversation with.
    pub(crate) async fn token(&self, conversation: &str, user: Option<&str>) -> Result<String, NoToken> {
        let token = self.oauth.token_for(conversation, user).await;
        token.map(|token| token.expose_secret().to_owned())
    }

    /// Keeps the grants until something holds.
    pub(crate) async fn run_until(&self, mut done: impl FnMut() -> bool) {
        let until = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
                // A rest after a look is a millisecond for each grant.
                self.clock.advance(Duration::from_millis(1));
            }
        };
        tokio::select! {
            () = self.oauth.run(&self.kept) => panic!("it ended"),
            () = until => {}
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("never: {:?}", self.kept.told()),
        }
    }

    /// What people gave cannot be opened while it is altered.
    pub(crate) fn alter_grants(&self, is_altered: bool) {
        self.disk.is_altered.store(is_altered, Ordering::SeqCst);
    }

    /// How many consents of a person are kept.
    pub(crate) async fn consents(&self, person: &str) -> usize {
        let record = self.vault.get("grant", person).await.unwrap();
        let grants = record.map(|record| serde_json::from_str::<Vec<Value>>(record.value.expose_secret()).unwrap());
        grants.map_or(0, |grants| grants.len())
    }

    /// The names of a kind of record.
    pub(crate) async fn names(&self, kind: &'static str) -> Vec<String> {
        self.vault.list(kind, None, 10_000).await.unwrap().into_iter().map(|(name, _)| name).collect()
    }
}

pub(crate) fn get(query: &str) -> Request<Bytes> {
    Request::get(format!("/oauth?{query}")).body(Bytes::new()).unwrap()
}

pub(crate) fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body().to_vec()).unwrap()
}

/// The state of an address.
pub(crate) fn state(url: &str) -> String {
    fields(url.split_once('?').unwrap().1)["state"].clone()
}

/// Waits until something holds.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

/// Remembers what it took, each key once, and refuses while it is told to.
pub(crate) struct Kept {
    vault: MemoryVault,
    taken: Mutex<Vec<Incoming>>,
    keys: Mutex<BTreeSet<String>>,
    refuses: AtomicBool,
    reserved: AtomicUsize,
    closed: Notify,
    forgotten: Mutex<Vec<Forgotten>>,
    /// Persons whose turns go on and on.
    busy: Mutex<BTreeSet<String>>,
    idle: Notify,
}

/// More rows for each event than a test reserves.
const ROWS: usize = 1000;

/// Somebody who was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) person: String,
    /// Events that had been taken by then.
    pub(crate) taken: usize,
    /// How many of them may be gone.
    pub(crate) until: usize,
}

impl Kept {
    fn new(vault: MemoryVault) -> Self {
        Self {
            vault,
            taken: Mutex::default(),
            keys: Mutex::default(),
            refuses: AtomicBool::new(false),
            reserved: AtomicUsize::new(0),
            closed: Notify::new(),
            forgotten: Mutex::default(),
            busy: Mutex::default(),
            idle: Notify::new(),
        }
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn close(&self) {
        self.closed.notify_one();
    }

    pub(crate) fn taken(&self) -> Vec<Incoming> {
        self.taken.lock().unwrap().clone()
    }

    /// Lets a person's turns go on, so that nothing of theirs can be taken away.
    pub(crate) fn keep_busy(&self, person: &str) {
        self.busy.lock().unwrap().insert(person.to_owned());
    }

    /// Lets all turns end.
    pub(crate) fn let_end(&self) {
        self.busy.lock().unwrap().clear();
        self.idle.notify_waiters();
    }

    /// Whoever was forgotten.
    pub(crate) fn forgotten(&self) -> Vec<Forgotten> {
        self.forgotten.lock().unwrap().clone()
    }

    /// What bots were told: the bot or "all", the event's name, and its JSON.
    pub(crate) fn told(&self) -> Vec<(String, String, Value)> {
        let taken = self.taken();
        taken
            .iter()
            .map(|incoming| {
                let (name, json) = match &*incoming.event {
                    Event::Message(Message { content: Content::Other(name, json), .. }) => {
                        (name.as_str(), json.as_str())
                    }
                    Event::Other(name, json) => (name.as_str(), json.as_str()),
                    _ => ("what nobody should be told", "null"),
                };
                let only = incoming.only.as_ref().map_or("all", |bot| bot.as_str());
                (only.to_owned(), name.to_owned(), serde_json::from_str(json).unwrap())
            })
            .collect()
    }

    /// The names of what bots were told.
    pub(crate) fn names(&self) -> Vec<String> {
        self.told().into_iter().map(|(_, name, _)| name).collect()
    }
}

impl Intake for Kept {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        async move {
            if self.refuses.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("disk full".to_owned()));
            }
            let mut keys = self.keys.lock().unwrap();
            let new: Vec<_> = events.into_iter().filter(|event| keys.insert(event.key.clone())).collect();
            let count = new.len();
            self.taken.lock().unwrap().extend(new);
            Ok(count)
        }
        .boxed()
    }

    /// Another one each time, behind those of all that was taken.
    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        let row = self.taken().len() * ROWS + self.reserved.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(InboxSeq(row as u64))).boxed()
    }

    fn forget(&self, person: &SenderId, until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        let sender = person.clone();
        async move {
            let person = sender.to_string();
            loop {
                let ended = self.idle.notified();
                if !self.busy.lock().unwrap().contains(&person) {
                    break;
                }
                ended.await;
            }
            for (name, record) in self.vault.list("link", None, usize::MAX).await? {
                let is_older = record.expires.is_some_and(|expires| expires <= until.time + LINK_LIFE);
                if is_older && record.person.as_ref() == Some(&sender) {
                    self.vault.take("link", &name).await?;
                }
            }
            let (taken, until) = (self.taken().len(), usize::try_from(until.row.0).unwrap() / ROWS);
            self.forgotten.lock().unwrap().push(Forgotten { person, taken, until });
            Ok(())
        }
        .boxed()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        self.closed.notified().boxed()
    }
}
