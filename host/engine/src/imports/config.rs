//! `wasi:config`: what the operator configured for the bot.

use wasmtime::Result;

use crate::bindings::wasi::config::store::{Error, Host};
use crate::state::State;

impl Host for State {
    fn get(&mut self, key: String) -> Result<Result<Option<String>, Error>> {
        Ok(Ok(self.config.get(&key).cloned()))
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, Error>> {
        Ok(Ok(self.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
    }
}
