//! How the disk is doing: what its refusals mean, and since when it refuses.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hodhod_core::condition::{Condition, Trouble, TroubleKind};
use hodhod_core::refusals::Refusals;
use hodhod_core::store::StoreError;
use hodhod_core::time::{Millis, whole_millis};
use rusqlite::{Error, ErrorCode, ffi};

use crate::room::Room;

/// What is known of the disk under the state folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    room: Room,
    refusing: Mutex<Option<Refusing>>,
    told: Refusals,
    opened: Instant,
}

#[derive(Clone, Debug)]
struct Refusing {
    since: Instant,
    kind: TroubleKind,
    error: String,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, keep_free: u64) -> Self {
        Self {
            room: Room::new(folder.clone(), keep_free),
            folder,
            refusing: Mutex::default(),
            told: Refusals::default(),
            opened: Instant::now(),
        }
    }

    /// Notes that a write was refused.
    pub(crate) fn refused(&self, kind: TroubleKind, error: &impl ToString) {
        let mut refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner);
        let since = refusing.as_ref().map_or_else(Instant::now, |refusing| refusing.since);
        let now = Refusing { since, kind, error: error.to_string() };
        if self.told.refused(self.now()) {
            tracing::error!("{}; nothing is acknowledged until writes succeed", self.words(&now));
        }
        *refusing = Some(now);
    }

    /// Notes that a write was taken, and is durable.
    pub(crate) fn took(&self) {
        let refused = self.refusing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if refused.is_some()
            && let Some(lasted) = self.told.over(self.now())
        {
            tracing::info!(lasted_ms = whole_millis(lasted), "the disk takes writes again");
        }
    }

    /// True if the last write was refused.
    pub(crate) fn refuses(&self) -> bool {
        self.refusing.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Why no events are taken, if the disk is full or nearly so. Other trouble may be over, which only a
    /// write can tell.
    pub(crate) fn stops_intake(&self) -> Option<String> {
        let look = self.room.look();
        if look.low.is_some() {
            return Some(self.room.words(look));
        }
        let refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner);
        refusing.as_ref().filter(|refusing| refusing.kind == TroubleKind::Full).map(|refusing| self.words(refusing))
    }

    pub(crate) fn condition(&self) -> Condition {
        let look = self.room.look();
        let refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let trouble = match (refusing, look.low) {
            (Some(refusing), _) => {
                Some(Trouble { kind: refusing.kind, lasts: refusing.since.elapsed(), text: self.words(&refusing) })
            }
            (None, Some(since)) => {
                Some(Trouble { kind: TroubleKind::Low, lasts: since.elapsed(), text: self.room.words(look) })
            }
            (None, None) => None,
        };
        Condition { free: look.free, trouble }
    }

    fn words(&self, refusing: &Refusing) -> String {
        let (folder, error) = (self.folder.display(), &refusing.error);
        match refusing.kind {
            TroubleKind::Full | TroubleKind::Low => self.room.full(),
            TroubleKind::NotDurable => format!("the disk does not keep what is written at {folder}: {error}"),
            TroubleKind::Refused => format!("the disk refuses writes at {folder}: {error}"),
        }
    }

    /// Counted from the opening.
    fn now(&self) -> Millis {
        Millis(whole_millis(self.opened.elapsed()))
    }
}

/// What a refusal says of the disk; `None` where it says nothing.
pub(crate) fn kind(error: &Error) -> Option<TroubleKind> {
    let error = error.sqlite_error()?;
    match (error.code, error.extended_code) {
        // The file that connections share could not grow.
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Some(TroubleKind::Full),
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => Some(TroubleKind::NotDurable),
        (
            ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
            _,
        ) => Some(TroubleKind::Refused),
        _ => None,
    }
}

/// True if the write itself was refused, so that what was to be written is not there as a whole.
pub(crate) fn is_half(error: &Error) -> bool {
    let error = error.sqlite_error();
    error.is_some_and(|error| error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_WRITE)
}

/// True if every write is refused now, so that trying the jobs of a group one by one is in vain.
pub(crate) fn is_broken(error: &Error) -> bool {
    matches!(kind(error), Some(TroubleKind::NotDurable | TroubleKind::Refused))
}

/// The error for whoever made the call.
pub(crate) fn store_error(error: &Error, text: String) -> StoreError {
    match kind(error) {
        Some(TroubleKind::Full | TroubleKind::Low) => StoreError::NoRoom(text),
        Some(TroubleKind::NotDurable) => StoreError::NotDurable(text),
        Some(TroubleKind::Refused) | None => StoreError::Failed(text),
    }
}
