//! `files`: bytes of files on the platform, in pieces.
//!
//! A file is never whole in memory. What comes and what goes lies in a file without a name (see
//! `spool`), and is gone with the turn; which files there are, and how many, the turn decides.

mod reading;
mod spool;
pub(crate) mod writing;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hodhod_core::limits::PIECE;
use hodhod_core::platform::FileError;
use hodhod_core::text::clean;
use hodhod_core::turn::Refusal;
use tokio::runtime::Handle;
use tokio::time::Instant;
use wasmtime::Result;
use wasmtime::component::Resource;

use self::reading::Reading;
use self::spool::Spool;
use self::writing::{OpenUpload, Whither};
use crate::bindings::hodhod::bot::files::{Error, Host, HostUpload};
use crate::convert;
use crate::imports::too_many;
use crate::state::State;

/// Longest text about a file that failed, in bytes.
const DETAIL: usize = 300;

/// How the host handles files, for all bots.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the files without names.
    pub(crate) spool: PathBuf,
    /// Where platforms are read and written; the turn's own runtime where there is none.
    pub(crate) io: Option<Handle>,
}

impl Default for Place {
    fn default() -> Self {
        Self { spool: std::env::temp_dir(), io: None }
    }
}

/// The files of one turn.
pub(crate) struct Files {
    place: Arc<Place>,
    /// Those that are read, by the names that the bot has for them. The turn bounds their number.
    open: HashMap<String, Reading>,
    began: Instant,
}

impl Files {
    pub(crate) fn new(place: Arc<Place>) -> Self {
        Self { place, open: HashMap::new(), began: Instant::now() }
    }

    pub(crate) fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// The runtime that platforms are read, written and asked on.
    pub(super) fn io(&self) -> Handle {
        self.place.io.clone().unwrap_or_else(Handle::current)
    }
}

impl State {
    async fn read_file(&mut self, file: String, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
        let limit = self.turn.actor().limits.download;
        let mut reading = match self.files.open.remove(&file) {
            Some(reading) => reading,
            None => {
                let given = self.turn.file(&file).map_err(convert::refusal)?;
                let (folder, io) = (&self.files.place.spool, self.files.io());
                Reading::begin(folder, &io, given, limit).map_err(refused)?
            }
        };
        let read = reading.read(offset, length).await;
        if let Some((told, came)) = reading.differs() {
            self.turn.other_length(told, came);
        }
        // One that broke off begins anew when it is asked for again.
        if matches!(read, Ok(_) | Err(FileError::TooLarge(_))) {
            self.files.open.insert(file, reading);
        }
        read.map_err(refused)
    }

    fn start_upload(&mut self, connection: String, name: String, mime: String) -> Result<OpenUpload, Error> {
        if let Some(flaw) = writing::flaw(&name, &mime) {
            return Err(Error::Invalid(flaw.to_owned()));
        }
        let connection = connection.into();
        let platform = self.turn.upload_to(&connection).map_err(convert::refusal)?;
        let spool = Spool::new(&self.files.place.spool).map_err(|error| refused(unwell(&error)))?;
        Ok(OpenUpload::new(Whither { platform, connection, name, mime }, spool))
    }
}

impl Host for State {
    async fn read(&mut self, file: String, offset: u64, length: u32) -> Result<Result<Vec<u8>, Error>> {
        if usize::try_from(length).is_ok_and(|length| length <= PIECE) {
            return Ok(self.read_file(file, offset, length.into()).await);
        }
        Ok(Err(Error::TooLarge(PIECE as u64)))
    }
}

impl HostUpload for State {
    async fn start(
        &mut self,
        connection: String,
        name: String,
        mime: String,
    ) -> Result<Result<Resource<OpenUpload>, Error>> {
        let started = self.start_upload(connection, name, mime);
        Ok(started.and_then(|upload| self.table.push(upload).map_err(|_| convert::refusal(too_many()))))
    }

    async fn write(&mut self, upload: Resource<OpenUpload>, bytes: Vec<u8>) -> Result<Result<(), Error>> {
        let limit = self.turn.actor().limits.upload;
        Ok(self.table.get_mut(&upload)?.write(&bytes, limit).map_err(refused))
    }

    async fn finish(&mut self, upload: Resource<OpenUpload>) -> Result<Result<String, Error>> {
        let deadline = self.files.began + self.turn.actor().limits.wall;
        let sending = match self.table.get(&upload)?.send(self.files.io(), deadline) {
            Ok(sending) => sending,
            Err(error) => return Ok(Err(refused(error))),
        };
        let file = match sending.await {
            Ok(file) => file,
            Err(error) => return Ok(Err(refused(error))),
        };
        let upload = self.table.get_mut(&upload)?;
        upload.finish();
        Ok(Ok(self.turn.uploaded(upload.connection(), &file)))
    }

    async fn drop(&mut self, upload: Resource<OpenUpload>) -> Result<()> {
        self.table.delete(upload)?;
        Ok(())
    }
}

/// The host has no room for the file.
fn unwell(error: &io::Error) -> FileError {
    // The operator's business; the bot is told no path.
    tracing::warn!(%error, "a file of a turn cannot be kept");
    FileError::Unavailable("the host cannot keep the file".to_owned())
}

fn refused(error: FileError) -> Error {
    let short = |text: String| clean(&text, DETAIL);
    convert::refusal(match error {
        FileError::Unsupported(why) => Refusal::Unsupported(short(why)),
        FileError::Refused(why) => Refusal::Invalid(short(why)),
        FileError::TooLarge(limit) => Refusal::TooLarge(limit),
        FileError::Wait(wait) => Refusal::Wait(wait),
        FileError::Unavailable(why) => Refusal::Unavailable(short(why)),
    })
}

#[cfg(test)]
mod tests;
