//! What a server is started with: the heartbeat, the rules about people, the limits.

use std::time::Duration;

/// How a server behaves from its start on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pause between two heartbeats on `/v2/…/getMessage`. Zero means none.
    ///
    /// The platform's period is not documented; clients gave up after two minutes without one.
    pub heartbeat: Duration,
    /// Whom a bot may write to.
    pub rules: Rules,
    /// How much the server keeps.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(30), rules: Rules::default(), limits: Limits::default() }
    }
}

/// What a `sendMessage` is refused for, beyond a malformed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Refuse a message to somebody who has stopped the bot. On by default, as on the platform.
    pub refuse_left: bool,
    /// Refuse a message to somebody who has never written to the bot. Off by default.
    pub refuse_strangers: bool,
    /// Refuse a file key that this server has not handed out. Off by default.
    pub refuse_unknown_files: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { refuse_left: true, refuse_strangers: false, refuse_unknown_files: false }
    }
}

/// The bounds of what the server holds in memory. Each ends in an error, never in silence.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Messages of one token that wait for a connection.
    pub queued: usize,
    /// The same, in bytes of JSON.
    pub queued_bytes: usize,
    /// Bytes of one message to a bot: above the 1 MiB that a client should refuse, so that it can be tested.
    pub message_bytes: usize,
    /// Sent messages of one token that were not taken yet; above it `sendMessage` answers 503.
    pub sent: usize,
    /// The same, in bytes of request bodies.
    pub sent_bytes: usize,
    /// Bytes of one `sendMessage` body.
    pub body_bytes: usize,
    /// People that one bot knows.
    pub people: usize,
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Bytes of all files together.
    pub files_bytes: usize,
    /// Open TCP connections; further ones wait in the backlog of the listener.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            queued: 100_000,
            queued_bytes: 256 * MIB,
            message_bytes: 4 * MIB,
            sent: 100_000,
            sent_bytes: 256 * MIB,
            body_bytes: MIB,
            people: 100_000,
            file_bytes: 32 * MIB,
            files_bytes: 256 * MIB,
            connections: 1024,
        }
    }
}
