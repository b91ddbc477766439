//! A bot that is a Rust function: what a turn does, without a sandbox.

use std::time::{Duration, Instant};

use futures::future::{BoxFuture, Either, select};

use crate::kill;
use crate::runtime::{Ended, Plugin, TurnResult};
use crate::turn::Turn;

/// A plugin made of a function.
pub struct Native<F>(pub F);

impl<F> Plugin for Native<F>
where
    F: for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, TurnResult> + Send + Sync + 'static,
{
    fn run(&self, mut turn: Turn) -> BoxFuture<'_, Ended> {
        Box::pin(async move {
            let began = Instant::now();
            let killed = std::pin::pin!(turn.killed());
            let result = match select((self.0)(&mut turn), killed).await {
                Either::Left((result, _)) => result,
                Either::Right(((), _)) => TurnResult::Failed(kill::failure()),
            };
            let time = began.elapsed();
            Ended { turn, result, time, cpu: time.min(Duration::from_secs(1)), memory: 0 }
        })
    }

    fn digest(&self) -> &str {
        "native"
    }
}
