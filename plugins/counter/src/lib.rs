//! Counts the messages of each chat, and those of all chats together.

use hodhod_plugin::{Bot, Button, Context, Keyboard, Outgoing, Result, Router};

#[derive(Default)]
struct Counter;

impl Counter {
    fn router() -> Router<Self> {
        Router::new()
            .about("پیام‌ها را می‌شمارم.")
            .command("add", "یکی بیشتر", Self::add)
            .command("show", "شمار پیام‌ها", Self::show)
            .command("reset", "این گفتگو از صفر", Self::reset)
            .unknown(Self::show)
            .fallback(Self::add)
    }

    fn add(&mut self, ctx: &Context, _text: &str) -> Result {
        let chat = ctx.chat_values().update("count", |n: u64| n + 1)?;
        let all = ctx.bot_values().update("count", |n: u64| n + 1)?;
        reply(ctx, chat, all)
    }

    fn show(&mut self, ctx: &Context, _text: &str) -> Result {
        let [chat, all] = [ctx.chat_values().get("count")?, ctx.bot_values().get("count")?];
        reply(ctx, chat.unwrap_or(0), all.unwrap_or(0))
    }

    /// The number of all chats stays: it counts what was ever written.
    fn reset(&mut self, ctx: &Context, text: &str) -> Result {
        ctx.chat_values().delete("count")?;
        self.show(ctx, text)
    }
}

/// The digits are ASCII, so that a program can read them too.
fn reply(ctx: &Context, chat: u64, all: u64) -> Result {
    let buttons = [Button::event("+1", "/add"), Button::event("نشان بده", "/show"), Button::event("از نو", "/reset")];
    ctx.reply(Outgoing::text(format!("این گفتگو: {chat} · همه: {all}")).keyboard(Keyboard::row(buttons)))?;
    Ok(())
}

impl Bot for Counter {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        Self::router().text(self, ctx, text)
    }

    fn on_start(&mut self, ctx: &Context, _payload: Option<&str>) -> Result {
        self.show(ctx, "")
    }
}

hodhod_plugin::export!(Counter);

#[cfg(test)]
mod tests;
