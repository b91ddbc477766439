//! What a text may ask for. Every other text comes back.

use std::time::Duration;

use hodhod_plugin::{Button, Context, Keyboard, Outgoing, Result};

use crate::LATER;

pub(crate) fn run(ctx: &Context, text: &str) -> Result {
    match text.split_once(' ') {
        None => alone(ctx, text),
        Some(("/forget", key)) if !key.is_empty() => forget(ctx, key),
        Some(("/keep", rest)) if let Some((key, value)) = rest.split_once(' ') => {
            ctx.chat_values().set_bytes(key, value.as_bytes())?;
            reply(ctx, list(&[(key, value)]))
        }
        Some(("/later", rest)) if let Some((after, text)) = later(rest) => Ok(ctx.set_timer(LATER, after, text)?),
        Some(_) => reply(ctx, text),
    }
}

fn alone(ctx: &Context, verb: &str) -> Result {
    match verb {
        "/count" => reply(ctx, ctx.chat_values().increment("count", 1)?.to_string()),
        "/kept" => kept(ctx),
        "/settings" => reply(ctx, list(&ctx.config_all()?)),
        "/buttons" => buttons(ctx),
        "/hide" => Ok(ctx.reply(Keyboard::Hide).map(drop)?),
        "/never" => {
            ctx.cancel_timer(LATER)?;
            reply(ctx, "لغو شد")
        }
        text => reply(ctx, text),
    }
}

fn reply(ctx: &Context, text: impl Into<String>) -> Result {
    ctx.reply(text.into())?;
    Ok(())
}

/// After how long, and what: `MS TEXT`.
fn later(rest: &str) -> Option<(Duration, &str)> {
    let (ms, text) = rest.split_once(' ')?;
    let is_number = ms.len() < 10 && ms.bytes().all(|byte| byte.is_ascii_digit());
    let after = Duration::from_millis(ms.parse().ok().filter(|_| is_number)?);
    (!text.is_empty()).then_some((after, text))
}

/// What is kept for the chat.
fn kept(ctx: &Context) -> Result {
    let values = ctx.chat_values();
    let mut pairs = Vec::new();
    for key in values.keys()? {
        let value = String::from_utf8_lossy(&values.bytes(&key)?.unwrap_or_default()).into_owned();
        pairs.push((key, value));
    }
    reply(ctx, list(&pairs))
}

fn forget(ctx: &Context, key: &str) -> Result {
    let values = ctx.chat_values();
    if !values.exists(key)? {
        return reply(ctx, format!("{key} نبود"));
    }
    values.delete(key)?;
    reply(ctx, format!("{key} فراموش شد"))
}

fn buttons(ctx: &Context) -> Result {
    let keyboard = Keyboard::row([Button::event("بله", "/yes"), Button::event("نه", "/no")]);
    ctx.reply(Outgoing::text("کدام؟").keyboard(keyboard))?;
    Ok(())
}

fn list<T: AsRef<str>>(pairs: &[(T, T)]) -> String {
    let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("{} = {}", key.as_ref(), value.as_ref())).collect();
    if lines.is_empty() { "هیچ".to_owned() } else { lines.join("\n") }
}
