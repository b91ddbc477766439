//! Which files a turn may use, and what it calls them.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Refusal, Turn};
use crate::event::{Content, Event, Media};
use crate::ids::ConnectionName;
use crate::platform::Platform;

/// A file that a bot was given.
pub struct GivenFile {
    /// Where it is.
    pub platform: Arc<dyn Platform>,
    /// What it is called there.
    pub key: String,
    /// How many bytes it has, as its message said.
    pub told: Option<u64>,
}

impl Turn {
    /// The event as the bot is told it: files have the names that this bot may use.
    pub fn told(&self) -> Cow<'_, Event> {
        let Event::Message(message) = &*self.event else { return Cow::Borrowed(&self.event) };
        let Content::Media(media) = &message.content else { return Cow::Borrowed(&self.event) };
        let seal = |file: &str| self.actor.seal.seal(&self.actor.bot, &message.chat.connection, file);
        let mut message = message.clone();
        message.content = Content::Media(Media {
            file: seal(&media.file),
            thumbnail: media.thumbnail.as_deref().map(seal),
            ..media.clone()
        });
        Cow::Owned(Event::Message(message))
    }

    /// A file that the bot wants to read.
    ///
    /// # Errors
    /// Where this bot was never given the file, or the turn has used enough files.
    pub fn file(&mut self, name: &str) -> Result<GivenFile, Refusal> {
        let (connection, key) = self.open(name)?;
        let platform = self.served(&connection)?;
        self.count_file()?;
        let told = self.told_of(&key).and_then(|media| media.size);
        Ok(GivenFile { platform, key, told })
    }

    /// What the event says of a file, where it is the one that came with it.
    fn told_of(&self, key: &str) -> Option<&Media> {
        let Event::Message(message) = &*self.event else { return None };
        let Content::Media(media) = &message.content else { return None };
        (media.file == key).then_some(media)
    }

    /// Tells the operator that a file has not as many bytes as its message said: it may have broken off.
    pub fn other_length(&self, told: u64, came: u64) {
        if self.actor.may_be_logged(0, self.now) {
            tracing::warn!(bot = %self.actor.bot, chat = %self.chat, seq = %self.seq, told, came,
                "a file has another length than its message said");
        }
    }

    /// The platform that a file is to be uploaded to.
    ///
    /// # Errors
    /// Where the bot does not serve the connection, or the turn has used enough files.
    pub fn upload_to(&mut self, connection: &ConnectionName) -> Result<Arc<dyn Platform>, Refusal> {
        let platform = self.served(connection)?;
        self.count_file()?;
        Ok(platform)
    }

    /// The name of a file that the bot has uploaded.
    pub fn uploaded(&self, connection: &ConnectionName, file: &str) -> String {
        self.actor.seal.seal(&self.actor.bot, connection, file)
    }

    fn open(&self, name: &str) -> Result<(ConnectionName, String), Refusal> {
        let opened = self.actor.seal.open(&self.actor.bot, name);
        opened.ok_or_else(|| Refusal::Invalid("this bot was given no such file".to_owned()))
    }

    /// The platform's key of a file that is to go out through a connection.
    pub(super) fn file_on(&self, connection: &ConnectionName, name: &str) -> Result<String, Refusal> {
        let (home, file) = self.open(name)?;
        if home == *connection {
            return Ok(file);
        }
        Err(Refusal::Invalid("the file is on another connection; read it and upload it here".to_owned()))
    }

    fn count_file(&mut self) -> Result<(), Refusal> {
        let most = self.actor.limits.files;
        if self.files >= most {
            return Err(Refusal::Quota(format!("files: {most} in one turn")));
        }
        self.files += 1;
        self.near("files", self.files, most);
        Ok(())
    }
}
