//! Who has let the bot write into which conversation in their name.
//!
//! The host keeps the tokens, and it alone knows whether they still work. What is remembered here only decides whether
//! somebody is asked again: it goes when they take their consent back, and when a message in their name fails.

use hodhod_plugin::{Chat, Context, Error};

/// Conversations of one person that are remembered; those of longest ago go first.
const MOST: usize = 50;

/// Longest id of a person, in bytes, that fits into a key.
const LONGEST: usize = 200;

/// Remembers that this person has consented to this conversation.
pub(crate) fn remember(ctx: &Context, user: &str, chat: &Chat) -> Result<(), Error> {
    let Some(key) = key(user) else { return Ok(()) };
    let mut chats: Vec<Chat> = ctx.bot_values().get(&key)?.unwrap_or_default();
    chats.retain(|other| other != chat);
    chats.push(chat.clone());
    let over = chats.len().saturating_sub(MOST);
    ctx.bot_values().set(&key, chats.split_off(over))
}

/// Whether this person has, as far as is remembered.
pub(crate) fn is_given(ctx: &Context, user: &str, chat: &Chat) -> Result<bool, Error> {
    let Some(key) = key(user) else { return Ok(false) };
    let chats: Vec<Chat> = ctx.bot_values().get(&key)?.unwrap_or_default();
    Ok(chats.contains(chat))
}

/// Asks this person again, the next time in this conversation.
pub(crate) fn doubt(ctx: &Context, user: &str, chat: &Chat) -> Result<(), Error> {
    let Some(key) = key(user) else { return Ok(()) };
    let mut chats: Vec<Chat> = ctx.bot_values().get(&key)?.unwrap_or_default();
    chats.retain(|other| other != chat);
    if chats.is_empty() { ctx.bot_values().delete(&key) } else { ctx.bot_values().set(&key, chats) }
}

/// Forgets this person.
pub(crate) fn forget(ctx: &Context, user: &str) -> Result<(), Error> {
    key(user).map_or(Ok(()), |key| ctx.bot_values().delete(&key))
}

fn key(user: &str) -> Option<String> {
    (user.len() <= LONGEST).then(|| format!("consent {user}"))
}
