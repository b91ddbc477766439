//! Bytes of files on the platform: whole, or piece by piece where they are too many for memory.

use crate::{Context, Error, host};

/// What one call of the host reads or writes at most.
pub(crate) const PIECE: u32 = 1024 * 1024;

impl Context<'_> {
    /// Reads a file, such as [`Media::file`](crate::Media::file). More than `most` bytes are
    /// [`Error::TooLarge`], so that a stranger's film does not fill the bot's memory.
    pub fn read_file(&self, file: &str, most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            // One more than may be, to see that there is more.
            let room = most.saturating_sub(bytes.len()).saturating_add(1);
            let offset = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let piece = self.read_piece(file, offset, u32::try_from(room).unwrap_or(PIECE).min(PIECE))?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            if bytes.len().saturating_add(piece.len()) > most {
                return Err(Error::TooLarge(u64::try_from(most).unwrap_or(u64::MAX)));
            }
            bytes.extend(piece);
        }
    }

    /// Reads at most `length` bytes of a file from `offset`, which may be anywhere; nothing is the
    /// end. More than 1 MiB at a time are [`Error::TooLarge`].
    pub fn read_piece(&self, file: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        host::read_file(file, offset, length)
    }

    /// Puts a file on the platform of this event; returns what [`Media::new`](crate::Media::new)
    /// takes.
    pub fn upload(&self, name: &str, mime: &str, bytes: &[u8]) -> Result<String, Error> {
        let upload = self.start_upload(name, mime)?;
        upload.write(bytes)?;
        upload.finish()
    }

    /// Begins to put a file on the platform of this event, piece by piece.
    pub fn start_upload(&self, name: &str, mime: &str) -> Result<Upload, Error> {
        let chat = self.chat().ok_or_else(|| Error::Invalid("this event belongs to no chat".into()))?;
        Ok(Upload(host::Upload::start(&chat.connection, name, mime)?))
    }
}

/// A file on its way to the platform. Dropped before it is finished, it never gets there.
#[derive(Debug)]
pub struct Upload(host::Upload);

impl Upload {
    /// Adds bytes at the end.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        bytes.chunks(PIECE as usize).try_for_each(|piece| self.0.write(piece))
    }

    /// Hands the file to the platform; returns what [`Media::new`](crate::Media::new) takes. Where
    /// the platform is unavailable it may be called again.
    pub fn finish(&self) -> Result<String, Error> {
        self.0.finish()
    }
}
