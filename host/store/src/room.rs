//! The reserve: intake stops while there is still room for what was begun to end.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that are kept free where the operator does not say: room for the log at its longest, and for the
/// commits of what was begun.
pub const KEEP_FREE: u64 = 64 << 20;

/// Intake goes on when so many bytes more than the reserve are free, or an eighth of it, whichever is less.
/// Otherwise a disk at the edge would stop and start with each message.
const MARGIN: u64 = 8 << 20;

/// How long an answer of the file system is believed.
const BELIEVED: Duration = Duration::from_millis(200);

/// The room on the file system of the state folder.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    keep: u64,
    last: Mutex<Option<(Instant, Look)>>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Bytes that are free; `None` where the file system does not tell.
    pub(crate) free: Option<u64>,
    /// Since when it is too little.
    pub(crate) low: Option<Instant>,
}

impl Room {
    pub(crate) fn new(folder: PathBuf, keep: u64) -> Self {
        Self { folder, keep, last: Mutex::default() }
    }

    /// What is free, asked now or a moment ago.
    pub(crate) fn look(&self) -> Look {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, look)) = *last
            && at.elapsed() < BELIEVED
        {
            return look;
        }
        let before = last.map(|(_, look)| look).unwrap_or_default();
        let look = next(before, self.free(), self.keep);
        *last = Some((Instant::now(), look));
        drop(last);
        match (before.low, look.low) {
            (None, Some(_)) => tracing::error!("{}; intake stops until there is room", self.words(look)),
            (Some(since), None) => {
                let lasted_s = since.elapsed().as_secs();
                tracing::info!(lasted_s, free = look.free, "there is room on the disk again; intake goes on");
            }
            _ => {}
        }
        look
    }

    /// What is low, for a person.
    pub(crate) fn words(&self, look: Look) -> String {
        let (free, keep) = (size(look.free.unwrap_or_default()), size(self.keep));
        format!("the disk is nearly full: {free} free at {}, and keep_free is {keep}", self.folder.display())
    }

    /// What is full, for a person.
    pub(crate) fn full(&self) -> String {
        let folder = self.folder.display();
        match self.free() {
            // A quota, or a database that may not grow.
            Some(free) if free > MARGIN => {
                format!("the disk is full: a write at {folder} found no room, although {} are free there", size(free))
            }
            Some(free) => format!("the disk is full: {} free at {folder}", size(free)),
            None => format!("the disk is full: a write at {folder} found no room"),
        }
    }

    fn free(&self) -> Option<u64> {
        let answer = rustix::fs::statvfs(&self.folder).ok()?;
        // Some file systems do not count.
        (answer.f_blocks > 0).then(|| answer.f_bavail.saturating_mul(answer.f_frsize))
    }
}

fn next(before: Look, free: Option<u64>, keep: u64) -> Look {
    let enough = if before.low.is_some() { keep.saturating_add(MARGIN.min(keep / 8)) } else { keep };
    let low = free.is_some_and(|free| free < enough);
    Look { free, low: low.then(|| before.low.unwrap_or_else(Instant::now)) }
}

/// Bytes, as a person reads them; the whole part is enough.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intake_stops_below_the_reserve_and_goes_on_a_margin_above_it() {
        let keep = 64 << 20;
        let look = |before, free| next(before, Some(free), keep);
        let well = look(Look::default(), keep);
        assert_eq!(well.low, None, "the reserve itself is enough");
        let low = look(well, keep - 1);
        assert!(low.low.is_some());
        assert_eq!(look(low, keep + (8 << 20) - 1).low, low.low, "since the first time");
        assert_eq!(look(low, keep + (8 << 20)).low, None);
        assert_eq!(next(low, None, keep).low, None, "who does not know does not stop");
        assert_eq!(next(Look::default(), Some(0), 0).low, None, "no reserve");
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!([12, 12_288, 64 << 20, 3 << 30].map(size), ["12 B", "12 KiB", "64 MiB", "3 GiB"]);
    }
}
