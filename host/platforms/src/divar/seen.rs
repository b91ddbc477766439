//! What has no id is recognised when it comes twice.
//!
//! Divar numbers messages, but not presses, openings and changes of ads, and does not say what it
//! repeats. So whatever has no id is known by what it says: the same again within a window is the
//! same, and later it is another. The store decides that, by a key which is the same each time and
//! the time at which it came first; so it holds over restarts, and for connections that are opened
//! anew. Only what was answered is remembered here, for who asks again. It is bounded; when there is
//! too much the oldest is forgotten before its time, as may be what came first before the connection was
//! opened, and who asks for that again is answered nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hodhod_core::store::is_again;
use hodhod_core::text::hex;
use hodhod_core::time::Millis;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Answers that are remembered: five thousand a second for three seconds, in about a megabyte.
const MOST: usize = 1 << 14;

/// What something says, in 128 bits: nobody gains by making his own presses collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Print([u8; 16]);

impl Print {
    /// Of what tells it from others.
    pub(super) fn of(parts: &[&str]) -> Self {
        Self::of_bytes(parts.iter().map(|part| part.as_bytes()))
    }

    fn of_bytes<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            // With its length before each part, no two sequences of parts look alike.
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().first_chunk().copied().unwrap_or_default())
    }

    /// The key of all that say the same.
    pub(super) fn key(self) -> String {
        hex(&self.0)
    }

    /// The id of the one among them that came first at this time.
    pub(super) fn id(self, first: Millis) -> String {
        Self::of_bytes([self.0.as_slice(), &first.0.to_le_bytes()]).key()
    }
}

/// What was seen lately, and what is noted beside it.
#[derive(Debug)]
pub(super) struct Seen<Note> {
    window: Duration,
    inner: Mutex<Inner<Note>>,
}

#[derive(Debug)]
struct Inner<Note> {
    first: HashMap<Print, (Millis, Arc<Note>)>,
    /// In the order in which they were first seen.
    order: VecDeque<(Millis, Print)>,
}

impl<Note: Default> Seen<Note> {
    /// Remembers for so long.
    pub(super) fn new(window: Duration) -> Self {
        Self { window, inner: Mutex::new(Inner { first: HashMap::new(), order: VecDeque::new() }) }
    }

    /// How long it remembers.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// When it was first seen, if that was within the window, or else now; and the note of that.
    pub(super) fn first(&self, print: Print, now: Millis) -> (Millis, Arc<Note>) {
        let inner = &mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |first: Millis| !is_again(first, now, Some(self.window));
        while inner.order.len() >= MOST || inner.order.front().is_some_and(|(first, _)| over(*first)) {
            let Some((first, old)) = inner.order.pop_front() else { break };
            // It may have been seen anew since.
            if inner.first.get(&old).is_some_and(|(last, _)| *last == first) {
                inner.first.remove(&old);
            }
        }
        if let Some(known) = inner.first.get(&print).filter(|(first, _)| !over(*first)) {
            return known.clone();
        }
        let new = (now, Arc::default());
        inner.first.insert(print, new.clone());
        inner.order.push_back((now, print));
        new
    }
}

/// JSON as a text that is the same for the same JSON.
pub(super) fn written(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3);

    #[test]
    fn the_same_again_is_the_same_within_the_window_and_another_behind_it() {
        let seen = Seen::<u8>::new(WINDOW);
        let print = Print::of(&["a", "b"]);
        let first = |now| seen.first(print, Millis(now)).0.0;
        assert_eq!([1000, 3999, 4000, 6999].map(first), [1000, 1000, 4000, 4000]);
        assert_ne!(Print::of(&["ab", ""]), print, "parts are not only put together");
        assert_eq!(print.id(Millis(1)), print.id(Millis(1)));
        assert!(print.id(Millis(1)) != print.id(Millis(2)) && print.id(Millis(1)) != print.key());
        assert_eq!((print.key().len(), print.id(Millis(1)).len()), (32, 32));
    }

    #[test]
    fn what_is_remembered_is_bounded_however_much_comes() {
        let seen = Seen::<u8>::new(WINDOW);
        for n in 0..100_000_u64 {
            seen.first(Print::of(&[&n.to_string()]), Millis(1000 + n / 1000));
            let inner = seen.inner.lock().unwrap();
            assert!(inner.order.len() <= MOST && inner.first.len() <= MOST, "{n}");
        }
        seen.first(Print::of(&["later"]), Millis(1_000_000));
        let inner = seen.inner.lock().unwrap();
        assert_eq!((inner.order.len(), inner.first.len()), (1, 1), "the window gives all of it back");
        assert!(inner.first.capacity() <= 4 * MOST);
    }
}
