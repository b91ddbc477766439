//! A local Soroush: the bot interface of the official developer page, served on loopback.
//!
//! ```text
//! GET  /{token}/getMessage            server-sent events, `data:{json}` and a blank line
//! GET  /v2/{token}/getMessage         the same, with a heartbeat event from time to time
//! POST /{token}/sendMessage           {"resultCode":200,"resultMessage":"OK"}
//! POST /{token}/uploadFile            multipart, one part named `file`; answers a key
//! GET  /{token}/downloadFile/{key}    the bytes
//! ```
//!
//! Two sides meet in [`SoroushServer`]. Bots come over HTTP. People are played by the methods
//! [`say`](SoroushServer::say), [`press`](SoroushServer::press), [`leave`](SoroushServer::leave) and their
//! neighbours; what bots sent is read with [`sent`](SoroushServer::sent) or awaited with
//! [`wait_for_sent`](SoroushServer::wait_for_sent).
//!
//! What the platform leaves open is decided here, and so:
//!
//! * Messages wait in a queue while nobody is connected and leave it, in order, as soon as they are handed
//!   to a connection. There is no acknowledgement: what was handed to a connection that died is gone.
//!   [`wire`](SoroushServer::wire) tells which messages those were.
//! * A token has one consumer. A second connection takes over: the first one ends, cleanly.
//! * Every message gets a `time` of its own, because the platform has no message id.
//! * A bad token on getMessage is answered as the platform does (success, no `Content-Type`, end of
//!   stream); elsewhere with a failing `resultCode`.
//!
//! What can go wrong on a real line can be switched on: see [`StreamFaults`], [`SendFault`] and
//! [`SoroushServer::refuse`].

mod bot;
mod check;
mod error;
mod faults;
mod files;
mod framing;
mod incoming;
mod keyboard;
mod observe;
mod people;
mod result;
mod send;
mod sent;
mod server;
mod settings;
mod stream;
mod talk;

pub use error::Error;
pub use faults::{Call, SendFault, StreamCut, StreamEnd, StreamFaults};
pub use files::StoredFile;
pub use framing::{Chunks, Framing, LineEnd, Terminator};
pub use incoming::{Connection, Posted, WireLog};
pub use keyboard::{Button, Keyboard};
pub use sent::{Sent, SentFeed};
pub use server::SoroushServer;
pub use settings::{Limits, Rules, Settings};
pub use talk::{FileKind, IncomingFile};
