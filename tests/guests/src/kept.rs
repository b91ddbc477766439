//! What stays from one turn to the next where one instance serves them both.

use std::cell::{Cell, RefCell};

use hodhod_plugin::Context;
use hodhod_plugin::raw::wasi::keyvalue::store::{self, Bucket};

use crate::Answer;

thread_local! {
    static TURNS: Cell<u64> = const { Cell::new(0) };
    static BUCKET: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

/// How many turns this instance has counted, with this one.
pub(crate) fn turns() -> Answer {
    let turns = TURNS.get() + 1;
    TURNS.set(turns);
    Ok(Some(turns.to_string()))
}

/// Keeps an open bucket, or reads from the one that an earlier turn has kept.
pub(crate) fn bucket((name, key): (&str, &str)) -> Answer {
    let kept = BUCKET.with_borrow(|kept| kept.as_ref().map(|kept| kept.get(key)));
    match kept {
        Some(value) => Ok(Some(String::from_utf8_lossy(&value?.unwrap_or_default()).into_owned())),
        None => {
            BUCKET.set(Some(store::open(name)?));
            Ok(Some("kept".to_owned()))
        }
    }
}

/// Begins an upload, forgets it, and counts like [`turns`].
#[expect(clippy::mem_forget, reason = "what the host has to be safe from")]
pub(crate) fn upload(ctx: &Context) -> Answer {
    std::mem::forget(ctx.start_upload("a.txt", "text/plain")?);
    turns()
}
