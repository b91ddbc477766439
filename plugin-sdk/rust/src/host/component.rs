//! The host of a component: its imports.

use crate::divar::{Post, PostSummary, User};
use crate::log::Level;
use crate::raw::hodhod::bot::{files, messenger, timers};
use crate::raw::hodhod::divar::kenar;
use crate::raw::wasi::{config::store as configuration, keyvalue::atomics, keyvalue::store, logging::logging};
use crate::{Answer, Chat, Error, Missed, Outgoing, Timer};

pub(crate) fn send(to: &Chat, message: &Outgoing) -> Result<String, Error> {
    Ok(messenger::send(to, message)?)
}

pub(crate) fn respond(answer: &Answer) -> Result<(), Error> {
    Ok(messenger::respond(answer)?)
}

pub(crate) fn config(key: &str) -> Result<Option<String>, Error> {
    Ok(configuration::get(key)?)
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, Error> {
    Ok(configuration::get_all()?)
}

pub(crate) fn set_timer(timer: &Timer, missed: Missed) -> Result<(), Error> {
    Ok(timers::set(timer, missed)?)
}

pub(crate) fn cancel_timer(id: &str, chat: Option<&Chat>) -> Result<(), Error> {
    Ok(timers::cancel(id, chat)?)
}

pub(crate) fn read_file(file: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    Ok(files::read(file, offset, length)?)
}

#[derive(Debug)]
pub(crate) struct Upload(files::Upload);

impl Upload {
    pub(crate) fn start(connection: &str, name: &str, mime: &str) -> Result<Self, Error> {
        Ok(Self(files::Upload::start(connection, name, mime)?))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.0.write(bytes)?)
    }

    pub(crate) fn finish(&self) -> Result<String, Error> {
        Ok(self.0.finish()?)
    }
}

pub(crate) fn get_post(connection: &str, token: &str) -> Result<Post, Error> {
    Ok(kenar::get_post(connection, token)?)
}

pub(crate) fn user_posts(connection: &str, user: &str) -> Result<Vec<PostSummary>, Error> {
    Ok(kenar::user_posts(connection, user)?)
}

pub(crate) fn get_user(connection: &str, user: &str) -> Result<User, Error> {
    Ok(kenar::get_user(connection, user)?)
}

pub(crate) fn open_chat(connection: &str, user: &str) -> Result<Chat, Error> {
    Ok(kenar::open_chat(connection, user)?)
}

pub(crate) fn request_consent(connection: &str, scopes: &[String], data: &str) -> Result<String, Error> {
    Ok(kenar::request_consent(connection, scopes, data)?)
}

pub(crate) fn log(level: Level, context: &str, message: &str) {
    logging::log(level, context, message);
}

#[derive(Debug)]
pub(crate) struct Bucket(store::Bucket);

impl Bucket {
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(store::open(name)?))
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(key)?)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        Ok(self.0.set(key, value)?)
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        Ok(self.0.delete(key)?)
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.0.exists(key)?)
    }

    pub(crate) fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        Ok(atomics::increment(&self.0, key, delta)?)
    }

    /// One page of keys, and where the next one begins.
    pub(crate) fn list_keys(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), Error> {
        let page = self.0.list_keys(cursor)?;
        Ok((page.keys, page.cursor))
    }
}
