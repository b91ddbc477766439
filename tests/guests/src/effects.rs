//! What a turn does to the world: messages and values. Buckets are opened by whatever name the test
//! gives, which is more than the SDK lets a bot do.

use hodhod_plugin::raw::wasi::keyvalue::store::{self, Bucket};
use hodhod_plugin::{Button, Chat, Context, Keyboard, Location, Outgoing, Result};

use crate::Answer;
use crate::words::{degrees, number};

/// An answer for commands that only do something.
const OK: &str = "ok";

fn ok() -> Answer {
    Ok(Some(OK.into()))
}

/// Replies `text` and sets `trapped` of the chat to «yes»: what must not be seen of a turn that
/// fails.
pub(crate) fn mark(ctx: &Context, text: &str) -> Result {
    ctx.reply(text)?;
    set(("chat", "trapped", "yes"))?;
    Ok(())
}

pub(crate) fn send(ctx: &Context, n: u64) -> Answer {
    for i in 1..=n {
        ctx.reply(i.to_string())?;
    }
    Ok(None)
}

pub(crate) fn send_to(ctx: &Context, (connection, chat, text): (&str, &str, &str)) -> Answer {
    ctx.send_to(&Chat { connection: connection.into(), id: chat.into() }, text)?;
    ok()
}

pub(crate) fn report(ctx: &Context, text: &str) -> Answer {
    ctx.reply(Outgoing::text(text).report())?;
    Ok(None)
}

pub(crate) fn respond(ctx: &Context, text: &str) -> Answer {
    ctx.respond(hodhod_plugin::Answer::notice(text))?;
    Ok(None)
}

/// Four buttons, each of which has its label replied when it is pressed.
pub(crate) fn keyboard(ctx: &Context) -> Answer {
    let button = |label: &str| Button::event(label, format!("echo {label}"));
    let keyboard = Keyboard::rows([[button("a"), button("b")], [button("c"), button("d")]]);
    ctx.reply(Outgoing::text("keyboard").keyboard(keyboard))?;
    Ok(None)
}

pub(crate) fn hide(ctx: &Context) -> Answer {
    ctx.reply(Keyboard::Hide)?;
    Ok(None)
}

pub(crate) fn location(ctx: &Context, (latitude, longitude): (&str, &str)) -> Answer {
    ctx.reply(Location { latitude: degrees(latitude)?, longitude: degrees(longitude)? })?;
    Ok(None)
}

pub(crate) fn set((bucket, key, value): (&str, &str, &str)) -> Answer {
    store::open(bucket)?.set(key, value.as_bytes())?;
    ok()
}

pub(crate) fn get((bucket, key): (&str, &str)) -> Answer {
    Ok(Some(read(&store::open(bucket)?, key)?.unwrap_or_else(|| "none".into())))
}

pub(crate) fn delete((bucket, key): (&str, &str)) -> Answer {
    store::open(bucket)?.delete(key)?;
    ok()
}

pub(crate) fn exists((bucket, key): (&str, &str)) -> Answer {
    Ok(Some(store::open(bucket)?.exists(key)?.to_string()))
}

/// Every key over all pages, sorted, with commas between.
pub(crate) fn keys(bucket: &str) -> Answer {
    let bucket = store::open(bucket)?;
    let mut page = bucket.list_keys(None)?;
    let mut keys = page.keys;
    while let Some(cursor) = page.cursor {
        page = bucket.list_keys(Some(cursor))?;
        keys.append(&mut page.keys);
    }
    keys.sort();
    Ok(Some(keys.join(",")))
}

/// Writes so many keys.
pub(crate) fn fill((bucket, count): (&str, &str)) -> Answer {
    let bucket = store::open(bucket)?;
    for n in 0..number(count)? {
        bucket.set(&format!("key-{n:06}"), b"")?;
    }
    ok()
}

/// Goes over all pages, then uses the first cursor, the one before the last and one that was never given.
pub(crate) fn walk(bucket: &str) -> Answer {
    let bucket = store::open(bucket)?;
    let (mut pages, mut keys, mut cursors) = (0, Vec::new(), vec![None]);
    while let Some(cursor) = cursors.last().copied() {
        let page = bucket.list_keys(cursor)?;
        pages += 1;
        keys.extend(page.keys);
        match page.cursor {
            Some(next) => cursors.push(Some(next)),
            None => break,
        }
    }
    let ordered = keys.is_sorted_by(|one, next| one < next);
    let told = |cursor: Option<u64>| match bucket.list_keys(cursor) {
        Ok(page) => page.keys.first().cloned().unwrap_or_default(),
        Err(store::Error::Other(text)) => text,
        Err(error) => error.to_string(),
    };
    let (first, late) = (cursors.get(1).copied().flatten(), cursors.iter().nth_back(1).copied().flatten());
    Ok(Some(format!(
        "{} keys in {pages} pages, in order: {ordered}; {}; {}; {}",
        keys.len(),
        told(late),
        told(first),
        told(Some(u64::MAX))
    )))
}

/// Reads a number, adds one and writes it back, as a test of turns that interleave.
pub(crate) fn count((bucket, key): (&str, &str)) -> Answer {
    let bucket = store::open(bucket)?;
    let next = read(&bucket, key)?.map_or(Ok(0), |text| number(&text))?.wrapping_add(1).to_string();
    bucket.set(key, next.as_bytes())?;
    Ok(Some(next))
}

fn read(bucket: &Bucket, key: &str) -> Result<Option<String>, hodhod_plugin::Error> {
    Ok(bucket.get(key)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
