//! What has no id is recognised when it comes twice.
//!
//! Divar numbers messages, but not presses, openings and changes of ads, and does not say what it
//! repeats. So whatever has no id gets one of what identifies it and of when it was first seen: the
//! same again within a window is the same, and later it is another. What is remembered is bounded;
//! when there is too much, the oldest is forgotten before its time, and may then count as another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hodhod_core::time::Millis;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Sightings that are remembered: five thousand a second for three seconds, in about a megabyte.
const MOST: usize = 1 << 14;

/// 128 bits are plenty: nobody gains by making his own presses collide.
type Print = [u8; 16];

/// What was seen lately, and what is noted beside it.
#[derive(Debug)]
pub(super) struct Seen<Note = ()> {
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

    /// The id of what these parts identify, and its note: those of its first sighting, if that was within
    /// the window.
    pub(super) fn sighting(&self, parts: &[&str], now: Millis) -> (String, Arc<Note>) {
        let print = print(parts.iter().map(|part| part.as_bytes()));
        let (first, note) = self.first(print, now);
        let id = self::print([print.as_slice(), &first.0.to_le_bytes()]);
        (id.iter().map(|byte| format!("{byte:02x}")).collect(), note)
    }

    /// The id alone.
    pub(super) fn id(&self, parts: &[&str], now: Millis) -> String {
        self.sighting(parts, now).0
    }

    fn first(&self, print: Print, now: Millis) -> (Millis, Arc<Note>) {
        let inner = &mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |first: Millis| now.since(first) >= self.window;
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

fn print<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Print {
    let mut hasher = Sha256::new();
    for part in parts {
        // With its length before each part, no two sequences of parts look alike.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3);

    #[test]
    fn the_same_again_is_the_same_within_the_window_and_another_behind_it() {
        let seen = Seen::<()>::new(WINDOW);
        let id = seen.id(&["a", "b"], Millis(1000));
        assert_eq!(id.len(), 32);
        assert_eq!(seen.id(&["a", "b"], Millis(3999)), id);
        assert_ne!(seen.id(&["ab", ""], Millis(1001)), id, "parts are not only put together");
        let second = seen.id(&["a", "b"], Millis(4000));
        assert_ne!(second, id);
        assert_eq!(seen.id(&["a", "b"], Millis(6999)), second);
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing() {
        let seen = Seen::<()>::new(WINDOW);
        let id = seen.id(&["a"], Millis(10_000));
        assert_eq!(seen.id(&["a"], Millis(1000)), id);
        assert_eq!(seen.id(&["a"], Millis(12_000)), id);
    }

    #[test]
    fn what_is_remembered_is_bounded_however_much_comes() {
        let seen = Seen::<()>::new(WINDOW);
        for n in 0..100_000_u64 {
            seen.id(&[&n.to_string()], Millis(1000 + n / 1000));
            let inner = seen.inner.lock().unwrap();
            assert!(inner.order.len() <= MOST && inner.first.len() <= MOST, "{n}");
        }
        seen.id(&["later"], Millis(1_000_000));
        let inner = seen.inner.lock().unwrap();
        assert_eq!((inner.order.len(), inner.first.len()), (1, 1), "the window gives all of it back");
        assert!(inner.first.capacity() <= 4 * MOST);
    }
}
