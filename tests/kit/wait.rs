//! Waiting for a condition.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long something may take that happens at once on a quiet machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks until the answer is there.
///
/// # Panics
/// When it is not there in time.
pub async fn eventually<T, E: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(state) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last: {state:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
