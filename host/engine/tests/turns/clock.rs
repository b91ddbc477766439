//! What time it is for a guest.

use hodhod_core::runtime::Limits;
use hodhod_core::time::Millis;

use crate::kit::Told;

/// A day in the eighties, at which timers of such a host would be due by its own clock.
const BEGAN: Millis = Millis(500_000_000_000);

async fn is_the_time_of_each_turn(limits: Limits) {
    let mut bot = Told::new(limits);
    for began in [BEGAN, Millis(BEGAN.0 + 3_600_000)] {
        let said: u64 = bot.answer("a", "now", began).await.parse().unwrap();
        assert!((began.0..began.0 + 60_000).contains(&said), "{said}");
    }
}

#[tokio::test]
async fn a_guest_sees_the_clock_of_the_host_and_not_that_of_the_machine() {
    is_the_time_of_each_turn(Limits::default()).await;
}

#[tokio::test]
async fn a_guest_that_is_reused_sees_the_time_of_each_turn() {
    is_the_time_of_each_turn(Limits { reuse: 10, ..Limits::default() }).await;
}
