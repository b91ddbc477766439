//! A file that a turn uploads.

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::ids::ConnectionName;
use hodhod_core::limits::PIECE;
use hodhod_core::platform::{FileError, Platform, Upload};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::spool::Spool;
use crate::imports::task::Task;

/// Tries of an upload. Platforms refuse them now and then for no reason, and a second one harms
/// nobody.
const TRIES: u32 = 3;

/// The wait after the first try; it doubles.
const BACKOFF: Duration = Duration::from_millis(200);

/// Longest name of a file, in bytes.
const NAME: usize = 1024;

/// Longest media type, in bytes.
const MIME: usize = 255;

/// An upload that the guest has started.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenUpload {
    whither: Whither,
    spool: Spool,
    finished: bool,
}

/// Where a file goes, and under which name.
#[derive(Clone)]
pub(super) struct Whither {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) connection: ConnectionName,
    pub(super) name: String,
    pub(super) mime: String,
}

impl OpenUpload {
    pub(super) fn new(whither: Whither, spool: Spool) -> Self {
        Self { whither, spool, finished: false }
    }

    pub(super) fn connection(&self) -> &ConnectionName {
        &self.whither.connection
    }

    pub(super) fn write(&mut self, bytes: &[u8], limit: u64) -> Result<(), FileError> {
        if bytes.len() > PIECE {
            return Err(FileError::TooLarge(PIECE as u64));
        }
        self.is_open()?;
        if self.spool.length().saturating_add(bytes.len() as u64) > limit {
            return Err(FileError::TooLarge(limit));
        }
        self.spool.append(bytes).map_err(|error| super::unwell(&error))
    }

    /// Hands everything to the platform, until `deadline` at the latest. Dropping the future ends
    /// the request under way; the platform may then have the file, and nobody its name.
    pub(super) fn send(
        &self,
        io: Handle,
        deadline: Instant,
    ) -> Result<impl Future<Output = Result<String, FileError>> + Send + use<>, FileError> {
        self.is_open()?;
        let (whither, spool) = (self.whither.clone(), self.spool.share());
        Ok(async move {
            let mut tried = 0;
            loop {
                let Whither { platform, name, mime, .. } = whither.clone();
                let upload = Upload { name, mime, size: spool.length(), bytes: spool.stream() };
                let trying = Task::spawn(&io, async move { platform.upload(upload).await });
                let error = match trying.await {
                    Ok(Ok(file)) => return Ok(file),
                    Ok(Err(error)) => error,
                    Err(_panicked) => FileError::Unavailable("the host gave the upload up".to_owned()),
                };
                tried += 1;
                let wait = match &error {
                    FileError::Unavailable(_) => BACKOFF.saturating_mul(1 << (tried - 1)),
                    FileError::Wait(wait) => *wait,
                    _ => return Err(error),
                };
                if tried >= TRIES || wait >= deadline.saturating_duration_since(Instant::now()) {
                    return Err(error);
                }
                tokio::time::sleep(wait).await;
            }
        })
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    fn is_open(&self) -> Result<(), FileError> {
        if self.finished { Err(FileError::Refused("this upload has been finished".to_owned())) } else { Ok(()) }
    }
}

/// What is wrong with the name or the type of a file, as far as any platform would mind.
pub(super) fn flaw(name: &str, mime: &str) -> Option<&'static str> {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    // Parameters, such as `; codecs=opus`, may hold anything that a line may.
    let (kind, parameters) = mime.split_once(';').unwrap_or((mime, ""));
    let is_type = kind.trim().split_once('/').is_some_and(|(kind, sub)| word(kind) && word(sub));
    if name.is_empty() {
        Some("the file has no name")
    } else if name.len() > NAME {
        Some("the name of the file is too long")
    } else if name.contains(char::is_control) {
        Some("the name of the file holds control characters")
    } else if !is_type || mime.len() > MIME || !parameters.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Some("the media type is none, such as image/jpeg")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_pass_and_what_breaks_a_header_does_not() {
        for (name, mime) in [("گلِ من 🌹.jpg", "image/jpeg"), ("a", "audio/ogg; codecs=opus"), ("b", "image/svg+xml")]
        {
            assert_eq!(flaw(name, mime), None, "{name} {mime}");
        }
        let long = "x".repeat(NAME + 1);
        for (name, mime) in
            [("", "a/b"), (&long, "a/b"), ("a\r\nb", "a/b"), ("a", ""), ("a", "a"), ("a", "a/b\r\nc: d")]
        {
            assert!(flaw(name, mime).is_some(), "{name:?} {mime:?}");
        }
        assert!(flaw("a", "a/b;\r\nc: d").is_some());
    }
}
