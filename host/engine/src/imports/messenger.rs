//! `messenger`: what the bot sends, buffered in the turn.

use wasmtime::Result;

use crate::bindings::hodhod::bot::messenger::{Answer, Host, Outgoing};
use crate::bindings::hodhod::bot::types::{self, Chat, Error};
use crate::convert;
use crate::state::State;

impl types::Host for State {}

impl Host for State {
    fn send(&mut self, to: Chat, message: Outgoing) -> Result<Result<String, Error>> {
        let sent = self.turn.send(convert::chat_in(to), convert::outgoing(message));
        Ok(sent.map(|id| id.to_string()).map_err(convert::refusal))
    }

    fn respond(&mut self, answer: Answer) -> Result<Result<(), Error>> {
        Ok(self.turn.respond(convert::answer(answer)).map_err(convert::refusal))
    }
}
