//! In-memory doubles of the joints, so that lanes, turns and the outbox are tested without disk,
//! network or wasm, and under a clock that the test moves.

mod calling;
mod clock;
pub mod fuzz;
mod native;
mod platform;
#[cfg(test)]
pub(crate) mod rig;
mod store;
mod vault;

pub use calling::CallingPlatform;
pub use clock::TestClock;
pub use native::Native;
pub use platform::{Script, TestPlatform};
pub use store::{Failpoint, MemoryStore};
pub use vault::MemoryVault;
