//! What the end of a turn means for its event: done, again later, or dead.

use std::time::Duration;

use crate::backoff;
use crate::runtime::{Limits, TurnResult};
use crate::store::Mark;
use crate::time::Millis;

/// The longest wait between tries after failures, and the longest that a bot may ask for.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);

/// The wait after the host itself failed.
const HOST_WAIT: Duration = Duration::from_secs(1);

/// What happens at `at` to an event that was tried `attempts` times before this one.
pub(crate) fn of(result: &TurnResult, attempts: u32, at: Millis, limits: &Limits) -> Mark {
    let tries = attempts + 1;
    let again = |wait: Duration, reason: String| {
        if tries >= limits.attempts {
            Mark::Dead { attempts: tries, reason }
        } else {
            Mark::Retry { attempts: tries, not_before: at + wait }
        }
    };
    match result {
        TurnResult::Done => Mark::Done,
        TurnResult::Retry(wait) => {
            again((*wait).min(LONGEST_RETRY), format!("the bot asked for it again {tries} times"))
        }
        TurnResult::Reject(reason) => Mark::Dead { attempts: tries, reason: format!("rejected: {reason}") },
        // Not the bot's doing, so it is no try of its.
        TurnResult::Failed(failure) if !failure.reason.is_the_bots() => {
            Mark::Retry { attempts, not_before: at + backoff::jittered(HOST_WAIT) }
        }
        TurnResult::Failed(failure) => {
            again(backoff::after(attempts, limits.backoff, LONGEST_BACKOFF), failure.to_string())
        }
    }
}
