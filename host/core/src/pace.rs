//! Pace: how fast a connection may send, as a whole and to one chat.
//!
//! Token buckets of the `governor` crate, under the host's clock. The bucket of a chat that has
//! been quiet is full and forgotten, so memory follows the chats that were written to lately.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::ids::ChatId;
use crate::time::{Clock, Millis};

/// Chats whose buckets are kept before full ones are looked for and dropped.
const KEPT_CHATS: usize = 4096;

/// How often something may happen: so many in each period, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how long.
    pub period: Duration,
}

impl Rate {
    /// `count` in each second.
    pub const fn per_second(count: NonZeroU32) -> Self {
        Self { count, period: Duration::from_secs(1) }
    }

    fn quota(self) -> Quota {
        let spacing = (self.period / self.count.get()).max(Duration::from_nanos(1));
        // A quota has no period only if the spacing is zero, which it is not.
        Quota::with_period(spacing).unwrap_or_else(|| Quota::per_second(self.count)).allow_burst(self.count)
    }
}

/// The pace of one connection.
pub(crate) struct Pace {
    clock: PaceClock,
    all: RateLimiter<NotKeyed, InMemoryState, PaceClock, NoOpMiddleware<Nanos>>,
    chats: RateLimiter<ChatId, HashMapStateStore<ChatId>, PaceClock, NoOpMiddleware<Nanos>>,
    /// A token of the connection that was taken and not used yet.
    permit: bool,
    /// Set while the platform asked everybody to wait.
    held_until: Millis,
}

impl Pace {
    pub(crate) fn new(all: Rate, chat: Rate, clock: Arc<dyn Clock>) -> Self {
        let clock = PaceClock(clock);
        Self {
            all: RateLimiter::new(all.quota(), InMemoryState::default(), clock.clone()),
            chats: RateLimiter::new(chat.quota(), HashMapStateStore::default(), clock.clone()),
            clock,
            permit: false,
            held_until: Millis(0),
        }
    }

    /// Whether the connection may send something now; if not, when. What it grants is kept until
    /// [`chat`](Self::chat) uses it.
    pub(crate) fn connection(&mut self) -> Result<(), Millis> {
        if self.clock.0.now() < self.held_until {
            return Err(self.held_until);
        }
        if !self.permit {
            self.all.check().map_err(|until| millis(until.earliest_possible()))?;
            self.permit = true;
        }
        Ok(())
    }

    /// Whether this chat may be sent to now; if not, when. Uses what [`connection`](Self::connection) granted.
    pub(crate) fn chat(&mut self, chat: &ChatId) -> Result<(), Millis> {
        if self.chats.len() >= KEPT_CHATS {
            self.chats.retain_recent();
            self.chats.shrink_to_fit();
        }
        self.chats.check_key(chat).map_err(|until| millis(until.earliest_possible()))?;
        self.permit = false;
        Ok(())
    }

    /// Lets nobody send while another pace let nobody.
    pub(crate) fn hold_like(&mut self, other: &Self) {
        self.held_until = self.held_until.max(other.held_until);
    }

    /// Lets nobody send for a while, because the platform asks for it.
    pub(crate) fn hold(&mut self, wait: Duration) {
        self.held_until = self.held_until.max(self.clock.0.now() + wait);
    }
}

/// The first millisecond that is not before `instant`.
fn millis(instant: Nanos) -> Millis {
    Millis(instant.as_u64().div_ceil(1_000_000))
}

#[derive(Clone)]
struct PaceClock(Arc<dyn Clock>);

impl governor::clock::Clock for PaceClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.now().0.saturating_mul(1_000_000))
    }
}
