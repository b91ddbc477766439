//! The bytes of one file of a turn, outside of memory: a file without a name, which the system
//! takes back when the last who holds it is gone, however that came about.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, stream};
use hodhod_core::platform::{FileBytes, FileError};

/// Bytes read at once for an upload: enough for the disk, and little for each of many uploads.
const CHUNK: u64 = 64 << 10;

/// A file under way. It only grows at its end.
#[derive(Debug)]
pub(super) struct Spool {
    /// Behind a lock, because moving to a place and reading there are two steps.
    file: Arc<Mutex<File>>,
    length: u64,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(tempfile::tempfile_in(folder)?)), length: 0 })
    }

    /// What is in it now, for another holder.
    pub(super) fn share(&self) -> Self {
        Self { file: self.file.clone(), length: self.length }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // What was written by half is written over by the next attempt.
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(bytes)?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// As much of a range as is there.
    pub(super) fn read(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        read(&self.file, offset, length.min(self.length.saturating_sub(offset)))
    }

    /// Everything in it now, from the beginning.
    pub(super) fn stream(&self) -> FileBytes {
        let (file, end) = (self.file.clone(), self.length);
        stream::try_unfold(0, move |at: u64| {
            let file = file.clone();
            async move {
                let piece = CHUNK.min(end.saturating_sub(at));
                if piece == 0 {
                    return Ok(None);
                }
                let bytes = read(&file, at, piece).map_err(|error| FileError::Unavailable(error.to_string()))?;
                Ok(Some((Bytes::from(bytes), at.saturating_add(piece))))
            }
        })
        .boxed()
    }
}

fn read(file: &Mutex<File>, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    if !bytes.is_empty() {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn what_was_appended_is_read_at_any_offset_and_streamed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        let whole: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        for piece in whole.chunks(77_777) {
            spool.append(piece).unwrap();
        }
        assert_eq!(spool.read(0, u64::MAX).unwrap(), whole);
        assert_eq!(spool.read(77_770, 20).unwrap(), whole[77_770..77_790]);
        assert_eq!(spool.read(whole.len() as u64 - 3, 20).unwrap(), whole[whole.len() - 3..]);
        assert_eq!(spool.read(u64::MAX, 20).unwrap(), b"");
        let first = spool.stream();
        for stream in [spool.stream(), first] {
            assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().concat(), whole);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    }
}
