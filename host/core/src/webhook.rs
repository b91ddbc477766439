//! The joint to a messenger that calls the host over HTTP instead of being asked.
//!
//! Whoever serves the public address knows no platform, and a platform knows no sockets: a request is first
//! judged by its head, so that a stranger's body is never read, and then answered whole. What it brings is on
//! disk before the answer says so.

use std::net::IpAddr;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response, StatusCode};

use crate::platform::Intake;

/// An answer, whole.
pub type Reply = Response<Bytes>;

/// The requests of a platform to one connection. Its address is `/{platform}/{connection}/…`; what is seen here
/// begins after the connection.
pub trait Webhook: Send + Sync {
    /// The platform's name, the first part of the address.
    fn platform(&self) -> &'static str;

    /// The paths that the platform has to be told of, for the operator to enter there.
    fn entries(&self) -> &'static [Entry] {
        &[]
    }

    /// Judges a request by its head and by where it comes from: how many bytes its body may have.
    ///
    /// # Errors
    /// The answer, where nothing more of the request is wanted. One that may know nothing of the connection gets
    /// [`nothing`].
    #[expect(
        clippy::result_large_err,
        reason = "it is passed on at once, and a box would be one more allocation for a stranger"
    )]
    fn admit(&self, head: &Parts, from: IpAddr) -> Result<usize, Reply>;

    /// Answers a request that was admitted. Cancelling loses nothing that was handed to `intake` and returned
    /// from it.
    fn answer<'a>(&'a self, request: Request<Bytes>, intake: &'a dyn Intake) -> BoxFuture<'a, Reply>;
}

/// A path that a platform has to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// It begins after the connection, with a slash.
    pub path: &'static str,
    /// What the platform calls it, in the words of its own pages.
    pub what: &'static str,
}

/// What is answered where there is nothing, and to whoever has not shown that there is something: a stranger learns
/// no names of connections.
pub fn nothing() -> Reply {
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = StatusCode::NOT_FOUND;
    reply
}
