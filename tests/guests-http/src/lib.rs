//! A component that asks other servers as the text of the message says, and replies what came back.
//!
//! A request is a line of method, scheme, authority and path with tabs between them, then header
//! fields, one a line, and `body` with a number of bytes if there is one. An empty line parts
//! requests; all of them are begun before the first answer is waited for. `\r`, `\n` and `\0` mean
//! what they do in code.

mod ask;
mod raw;

use hodhod_plugin::{Bot, Context, Result};

#[derive(Default)]
struct Guest;

impl Bot for Guest {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let asked: Vec<_> = text.split("\n\n").map(ask::begin).collect();
        let answers: Vec<_> = asked.into_iter().map(|asked| asked.and_then(ask::answer)).collect();
        let told: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_or_else(|error| error)).collect();
        ctx.reply(told.join("\n\n"))?;
        Ok(())
    }
}

hodhod_plugin::export!(Guest);
