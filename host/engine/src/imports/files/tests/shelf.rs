//! A platform that has one file, and does with it what each test wants.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::Outgoing;
use hodhod_core::platform::{
    Download, FileBytes, FileError, Health, Intake, Platform, SendError, Sent, Unsendable, Upload,
};

/// Keeps one file, and what was uploaded.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) file: Vec<u8>,
    /// What the next download gives instead of it.
    pub(super) stream: Mutex<Option<FileBytes>>,
    pub(super) says_its_size: bool,
    /// Breaks off after so many pieces, once.
    pub(super) breaks_after: Mutex<Option<usize>>,
    pub(super) downloads: AtomicUsize,
    /// How the coming uploads go wrong.
    pub(super) failures: Mutex<VecDeque<FileError>>,
    pub(super) hangs: bool,
    pub(super) uploads: Mutex<Vec<(String, String, Vec<u8>)>>,
}

/// Bytes in a piece of the file.
pub(super) const PLATFORM_PIECE: usize = 1000;

impl Platform for Shelf {
    fn receive<'a>(&'a self, _: &'a dyn Intake) -> BoxFuture<'a, ()> {
        std::future::pending().boxed()
    }

    fn send<'a>(&'a self, _: &'a ChatId, _: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        std::future::ready(Ok(Sent::default())).boxed()
    }

    fn accepts(&self, _: &ChatId, _: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn download<'a>(&'a self, file: &'a str) -> BoxFuture<'a, Result<Download, FileError>> {
        async move {
            self.downloads.fetch_add(1, Ordering::SeqCst);
            if file != "key" {
                return Err(FileError::Refused("Invalid File Url".to_owned()));
            }
            if let Some(bytes) = self.stream.lock().unwrap().take() {
                return Ok(Download { size: None, bytes });
            }
            let mut pieces: Vec<Result<Bytes, FileError>> =
                self.file.chunks(PLATFORM_PIECE).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            if let Some(after) = self.breaks_after.lock().unwrap().take() {
                pieces.truncate(after);
                pieces.push(Err(FileError::Unavailable("the line broke".to_owned())));
            }
            let size = self.says_its_size.then_some(self.file.len() as u64);
            Ok(Download { size, bytes: stream::iter(pieces).boxed() })
        }
        .boxed()
    }

    fn upload(&self, upload: Upload) -> BoxFuture<'_, Result<String, FileError>> {
        async move {
            let mut bytes = upload.bytes;
            if self.hangs {
                let _first = bytes.next().await;
                std::future::pending::<()>().await;
            }
            let pieces: Vec<Bytes> = bytes.try_collect().await?;
            let whole = pieces.concat();
            assert_eq!(whole.len() as u64, upload.size);
            let mut uploads = self.uploads.lock().unwrap();
            uploads.push((upload.name, upload.mime, whole));
            match self.failures.lock().unwrap().pop_front() {
                Some(failure) => Err(failure),
                None => Ok(format!("uploaded-{}", uploads.len())),
            }
        }
        .boxed()
    }
}
