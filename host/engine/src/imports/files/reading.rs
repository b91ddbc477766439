//! A file that a turn reads: what has come of it so far, and the rest under way.
//!
//! The platform is read by a task of the runtime that does the host's input and output, not by the
//! thread that runs turns. It runs a few pieces ahead and then waits for the bot, so a file is
//! nowhere whole in memory, and one of which only the beginning is read does not come whole.

use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use hodhod_core::platform::FileError;
use hodhod_core::turn::GivenFile;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver};

use super::spool::Spool;
use crate::imports::task::Task;

/// Pieces that may wait for the bot; the platform makes them, of some KiB each.
const AHEAD: usize = 2;

/// A file under way.
#[derive(Debug)]
pub(super) struct Reading {
    spool: Spool,
    /// The pieces, and `None` behind the last one.
    coming: Receiver<Result<Option<Bytes>, FileError>>,
    /// Why no more comes, once that is so.
    end: Option<Result<(), FileError>>,
    limit: u64,
    /// Bytes that its message said it has, until they were compared.
    told: Option<u64>,
    _task: Task<()>,
}

impl Reading {
    pub(super) fn begin(folder: &Path, io: &Handle, given: GivenFile, limit: u64) -> Result<Self, FileError> {
        let GivenFile { platform, key, told } = given;
        let spool = Spool::new(folder).map_err(|error| super::unwell(&error))?;
        let (pieces, coming) = mpsc::channel(AHEAD);
        let task = Task::spawn(io, async move {
            let mut bytes = match platform.download(&key).await {
                Ok(download) if download.size.is_some_and(|size| size > limit) => {
                    return drop(pieces.send(Err(FileError::TooLarge(limit))).await);
                }
                Ok(download) => download.bytes,
                Err(error) => return drop(pieces.send(Err(error)).await),
            };
            loop {
                let piece = bytes.next().await.transpose();
                let is_last = !matches!(piece, Ok(Some(_)));
                if pieces.send(piece).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Self { spool, coming, end: None, limit, told, _task: task })
    }

    /// A range of the file; what is past its end is not there.
    pub(super) async fn read(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, FileError> {
        let needed = offset.saturating_add(length);
        while self.spool.length() < needed {
            match &self.end {
                None => self.more().await?,
                Some(Ok(())) => break,
                Some(Err(error)) => return Err(error.clone()),
            }
        }
        self.spool.read(offset, length).map_err(|error| super::unwell(&error))
    }

    /// How many bytes its message said it has, and how many came, if all came and are others: once.
    pub(super) fn differs(&mut self) -> Option<(u64, u64)> {
        let came = self.spool.length();
        let told = self.told.take_if(|_| matches!(self.end, Some(Ok(()))))?;
        (told != came).then_some((told, came))
    }

    async fn more(&mut self) -> Result<(), FileError> {
        match self.coming.recv().await {
            Some(Ok(None)) => self.end = Some(Ok(())),
            Some(Ok(Some(piece))) if self.spool.length().saturating_add(piece.len() as u64) > self.limit => {
                self.end = Some(Err(FileError::TooLarge(self.limit)));
                self.coming.close();
            }
            Some(Ok(Some(piece))) => self.spool.append(&piece).map_err(|error| super::unwell(&error))?,
            Some(Err(error)) => self.end = Some(Err(error)),
            None => self.end = Some(Err(FileError::Unavailable("the file broke off".to_owned()))),
        }
        Ok(())
    }
}
