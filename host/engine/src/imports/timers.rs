//! `timers`: events that the bot sends to itself, buffered in the turn.

use hodhod_core::event;
use hodhod_core::time::Millis;
use wasmtime::Result;

use crate::bindings::hodhod::bot::timers::{Host, Missed};
use crate::bindings::hodhod::bot::types::{Chat, Error, Timer};
use crate::convert;
use crate::state::State;

impl Host for State {
    fn set(&mut self, timer: Timer, missed: Missed) -> Result<Result<(), Error>> {
        let missed = match missed {
            Missed::Fire => hodhod_core::timers::Missed::Fire,
            Missed::Skip => hodhod_core::timers::Missed::Skip,
        };
        let chat = timer.chat.map(convert::chat_in);
        let timer = event::Timer { id: timer.id, chat, due: Millis(timer.due), payload: timer.payload };
        Ok(self.turn.set_timer(timer, missed).map_err(convert::refusal))
    }

    fn cancel(&mut self, id: String, chat: Option<Chat>) -> Result<Result<(), Error>> {
        Ok(self.turn.cancel_timer(id, chat.map(convert::chat_in)).map_err(convert::refusal))
    }
}
