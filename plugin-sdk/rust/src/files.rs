//! Bytes of files on the platform, whole. Piece by piece, use [`raw`](crate::raw).

use crate::{Context, Error, host};

/// What one call of the host reads at most.
const PIECE: u32 = 1024 * 1024;

impl Context<'_> {
    /// Reads a file, such as [`Media::file`](crate::Media::file). More than `most` bytes are
    /// [`Error::TooLarge`], so that a stranger's film does not fill the bot's memory.
    pub fn read_file(&self, file: &str, most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            let offset = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let piece = host::read_file(file, offset, PIECE)?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            if bytes.len().saturating_add(piece.len()) > most {
                return Err(Error::TooLarge(u64::try_from(most).unwrap_or(u64::MAX)));
            }
            bytes.extend(piece);
        }
    }

    /// Puts a file on the platform of this event; returns what [`Media::new`](crate::Media::new)
    /// takes.
    pub fn upload(&self, name: &str, mime: &str, bytes: &[u8]) -> Result<String, Error> {
        let chat = self.chat().ok_or_else(|| Error::Invalid("this event belongs to no chat".into()))?;
        host::upload(&chat.connection, name, mime, bytes)
    }
}
