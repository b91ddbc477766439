//! A local Divar: what an app of its open platform Kenar meets, served on loopback.
//!
//! One server plays all of Divar's, because their addresses do not collide:
//!
//! ```text
//! open-api   POST /v2/open-platform/conversations/{conversation_id}/messages
//!            POST /v1/open-platform/chat/bot/conversations/{conversation_id}/messages
//!            POST /v1/open-platform/chat/bot/users/{user_id}/messages
//!            POST /experimental/open-platform/chat/upload
//!            GET  /v1/open-platform/chat/conversations/{conversation_id}
//!            GET  /v1/open-platform/users
//!            POST /v1/open-platform/get-user-id-by-phone
//!            GET  /v1/open-platform/finder/post/{token}
//!            GET  /v1/open-platform/finder/user-posts
//!            GET  /v1/open-platform/assets/{oauth-scope,permission}
//!            POST /v1/open-platform/events/subscriptions
//! chat       POST /upload/{media_type}
//! files      GET  /media/{id}/{name}
//! oauth      GET  /oauth2/auth, POST /oauth2/token
//! redirect   GET  /completion
//! ```
//!
//! Two sides meet in [`DivarServer`], which is started for one [`App`]. The app comes over HTTP, and is asked over
//! HTTP: events are pushed to it, presses and openings wait for its answer. People are played by the methods
//! [`say`](DivarServer::say), [`say_in_post`](DivarServer::say_in_post), [`press`](DivarServer::press),
//! [`open_from_chat`](DivarServer::open_from_chat), [`consent`](DivarServer::consent),
//! [`revoke`](DivarServer::revoke) and their neighbours; what the app sent is read with [`sent`](DivarServer::sent)
//! or awaited with [`wait_for_sent`](DivarServer::wait_for_sent). [`Terminal`] makes lines of text of both.
//!
//! What Divar leaves open is a setting ([`Rules`], [`Lifetimes`], [`Quotas`], [`Pushing`]), or decided here, and so:
//!
//! * An event that is not answered with 200 is pushed again; the next one of the same conversation waits for it.
//!   Events of different conversations go side by side.
//! * A subscription is good as long as the access token that it was made with, and of several the newest counts.
//! * The HTTP status of a refusal is the one that goes with its `code` in gRPC, but for 412, which Divar publishes.
//! * Who blocks the chatbot, or the other side of a conversation, is refused as Divar publishes it.
//!
//! What can go wrong on the way, and what looks different elsewhere in Divar's pages, can be switched on: see
//! [`Faults`] and [`Failure`].

mod access;
mod app;
mod browse;
mod buttons;
mod consent;
mod deliver;
mod draft;
mod error;
mod events;
mod faults;
mod fields;
mod form;
mod grants;
mod ids;
mod media;
mod observe;
mod press;
mod push;
mod quota;
mod read;
mod refusal;
mod routes;
mod scopes;
mod send;
mod sent;
mod server;
mod settings;
mod subscribe;
mod talk;
mod terminal;
mod time;
mod token;
mod world;

pub use app::{Addresses, App, Permission, Person, Post};
pub use browse::Landing;
pub use buttons::{Action, Button, Buttons};
pub use error::Error;
pub use faults::{Call, Failure, Faults};
pub use media::{FileKind, StoredFile};
pub use press::Pressed;
pub use push::{Attempt, Outcome, Push, PushCounts, PushKind, PushState};
pub use sent::{Sent, SentBy, SentFeed};
pub use server::DivarServer;
pub use settings::{Lifetimes, Limits, Pushing, Quotas, Rules, Settings};
pub use talk::{Media, Posted, Touchpoint};
pub use terminal::Terminal;
pub use time::SentAt;
pub use world::Side;
