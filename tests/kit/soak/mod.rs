//! The long proofs: new builds under load, a host that nobody looks after, and a messenger that calls.
//!
//! Each lets people write at a steady rate to the real program, do something to it meanwhile, and then
//! settle what was said against what was answered. The tests run them for seconds and look at the
//! account; `hodhod-bench` runs them for minutes and prints the times as well.

mod account;
mod builds;
mod reloads;
mod schedule;
mod traffic;
mod unattended;
mod webhooks;

pub use account::Account;
pub use builds::{Builds, Kind};
pub use reloads::{Reloaded, Reloads, Replaced};
pub use schedule::{Action, schedule};
pub use traffic::{Answer, Book, Traffic};
pub use unattended::{Unattended, Wear};
pub use webhooks::{Flood, Flooded};
