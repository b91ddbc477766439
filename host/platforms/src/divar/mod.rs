//! Divar: the chats of Kenar apps, which call the host and are called by it.
//!
//! Divar posts what happens to three addresses of the app (events, openings, presses), each with one
//! fixed key and nothing else to prove who calls; the app posts messages to Divar's API. There are two
//! kinds of chats: of a person with the app itself, and of a buyer with a seller, into which the app
//! writes in the name of a person who allowed it. So the rules here are about believing no caller too
//! soon, storing before answering, and writing in nobody's name who did not allow it:
//!
//! | file | its idea |
//! |---|---|
//! | `webhook`, `door` | who may call, and what he is answered |
//! | `incoming`, `message` | an event of Divar becomes an event of ours |
//! | `press`, `session`, `origin` | a press or an opening becomes an event, a bot's answer the answer |
//! | `wire`, `moment` | JSON in which any field may be of any type, or missing |
//! | `seen` | what has no id is recognised when it comes twice |
//! | `address`, `outgoing`, `grid`, `action` | a message becomes the JSON that the platform takes |
//! | `api`, `judge`, `upload`, `link` | the calls, what their answers prove, and the bytes of files |
//! | `pace` | the app's own limits of a minute and a day |
//! | `oauth` | what people allowed |
//! | `config`, `status`, `secret` | what the operator says, what he is told, and what nobody is told |
//!
//! Facts come from Divar's developer pages (`divar-ir/kenar-docs` on GitHub, shown at
//! kenar.divar.dev), named in the code as their files are, and from the OpenAPI document there. Where
//! these contradict one another the code takes both, and the place says so. What they leave open is an
//! option, or makes no difference here.

mod action;
mod address;
mod api;
mod config;
mod connection;
mod door;
mod grid;
mod incoming;
mod judge;
mod link;
mod message;
mod moment;
mod oauth;
mod origin;
mod outgoing;
mod pace;
mod press;
mod secret;
mod seen;
mod session;
mod status;
mod upload;
mod webhook;
mod wire;

pub use config::{AppPace, ConfigError, DivarConfig, MediaText, OAuthConfig, Options, Timing};
pub use connection::{Divar, PACE_PER_CHAT, PACE_PER_CONNECTION, private_chat};
pub use oauth::{NoToken, OAuth, SetupError};
pub use outgoing::{Preview, preview};
