//! What a server is started with: how long things last, how much an app may ask, how strict it is, how much it
//! keeps. What Divar leaves open is a setting here, with the careful side as its default.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hodhod_core::time::Clock;

use super::time::MachineClock;

/// How a server behaves from its start on.
#[derive(Clone)]
pub struct Settings {
    /// Where it gets its time from. Expiry, quotas and the times of messages follow it; the pauses between
    /// attempts to push do not, so that a clock that stands still holds nothing up.
    pub clock: Arc<dyn Clock>,
    /// How long codes and tokens are good.
    pub lifetimes: Lifetimes,
    /// How much an app may ask.
    pub quotas: Quotas,
    /// How events are pushed.
    pub pushing: Pushing,
    /// What is refused where Divar's pages leave it open.
    pub rules: Rules,
    /// How much the server keeps.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Arc::new(MachineClock),
            lifetimes: Lifetimes::default(),
            quotas: Quotas::default(),
            pushing: Pushing::default(),
            rules: Rules::default(),
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("lifetimes", &self.lifetimes)
            .field("quotas", &self.quotas)
            .field("pushing", &self.pushing)
            .field("rules", &self.rules)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How long codes and tokens are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A consent page that waits for its answer.
    pub page: Duration,
    /// The code of a consent. Divar does not say.
    pub code: Duration,
    /// An access token: `expires_in`.
    pub access: Duration,
    /// How long the old pair is good after a refresh.
    pub grace: Duration,
    /// A refresh token.
    pub refresh: Duration,
    /// The token of an upload. Divar does not say.
    pub upload: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            page: 60 * MINUTE,
            code: 10 * MINUTE,
            access: 60 * MINUTE,
            grace: 2 * MINUTE,
            refresh: 30 * 24 * 60 * MINUTE,
            upload: 15 * MINUTE,
        }
    }
}

/// How much an app may ask of open-api. Divar shows its numbers in the panel only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Calls in a minute of the clock; `None` for any number.
    pub per_minute: Option<u32>,
    /// Calls in a day of Iran; `None` for any number.
    pub per_day: Option<u32>,
    /// Say in a `Retry-After` header when there is room again. No page of Divar tells of one.
    pub retry_after: bool,
}

/// How events are pushed to the app's server. Divar tells nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushing {
    /// How many requests are under way at a time, each on a connection of its own that is kept.
    pub connections: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often an event is pushed that is not answered with 200; after that it is given up.
    pub attempts: u32,
    /// The pause before it is pushed again.
    pub pause: Duration,
}

impl Default for Pushing {
    fn default() -> Self {
        Self { connections: 64, timeout: Duration::from_secs(10), attempts: 10, pause: Duration::from_millis(500) }
    }
}

/// What is refused where Divar's pages leave it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// A chatbot needs the scope `CHAT_BOT_USER_MESSAGE_SEND` to write into a conversation as well. The OpenAPI
    /// document says so, Divar's pages and those who use it say otherwise. Off by default.
    pub answers_need_consent: bool,
    /// Members that no document tells of are refused: they are misspelt. On by default.
    pub refuse_unknown_members: bool,
    /// The token of an upload is good for one upload. On by default.
    pub upload_once: bool,
    /// A new refresh token lives as long as the first one did, instead of ending with it. Off by default.
    pub refresh_renews: bool,
    /// A person's refusal comes back with an `error`. On by default; Divar's page tells of no more than a missing
    /// `code`.
    pub refusal_has_error: bool,
    /// The longest text of a message, in characters; `None` for any.
    pub text: Option<usize>,
    /// The longest caption of a button, in characters; `None` for any.
    pub caption: Option<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            answers_need_consent: false,
            refuse_unknown_members: true,
            upload_once: true,
            refresh_renews: false,
            refusal_has_error: true,
            text: None,
            caption: None,
        }
    }
}

/// The bounds of what the server holds in memory. Each ends in an error, but that old pushes and old messages of a
/// conversation are forgotten for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// People.
    pub people: usize,
    /// Posts of all people together.
    pub posts: usize,
    /// Conversations about posts.
    pub conversations: usize,
    /// Text messages of one conversation that can be read again.
    pub messages: usize,
    /// Sent messages that were not taken yet; above it a send answers 503.
    pub sent: usize,
    /// The same, in bytes of JSON.
    pub sent_bytes: usize,
    /// Events that wait to be answered.
    pub waiting: usize,
    /// Pushes that are remembered.
    pub pushes: usize,
    /// Bytes of a request's body, uploads aside.
    pub body_bytes: usize,
    /// Bytes of an answer of the app's server that are read.
    pub answer_bytes: usize,
    /// Bytes of all files together.
    pub files_bytes: usize,
    /// Consent pages, codes, tokens and subscriptions, each.
    pub grants: usize,
    /// Open TCP connections; further ones wait in the backlog of the listener.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            people: 200_000,
            posts: 100_000,
            conversations: 200_000,
            messages: 200,
            sent: 100_000,
            sent_bytes: 256 * MIB,
            waiting: 200_000,
            pushes: 200_000,
            body_bytes: MIB,
            answer_bytes: MIB,
            files_bytes: 256 * MIB,
            grants: 100_000,
            connections: 1024,
        }
    }
}
