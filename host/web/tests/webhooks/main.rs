//! Platforms that call the host, and strangers who do, over real connections.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod ending;
mod kit;
mod serving;
mod strangers;
