//! The host of a test: everything in memory, for one turn at a time on one thread.

mod divar;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::files::PIECE;
use crate::log::Level;
use crate::testing::Asked;
use crate::{Answer, Chat, Error, Missed, Outgoing, Timer};

pub(crate) use self::divar::*;

/// How many keys a page holds: so few that a test with a handful sees several pages.
const KEYS_PER_PAGE: usize = 3;

/// What lasts from turn to turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lasting {
    pub(crate) config: BTreeMap<String, String>,
    /// By bucket, then by key.
    pub(crate) values: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub(crate) timers: BTreeMap<String, Timer>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) divar: Kenar,
    /// How many messages were ever sent, which makes their ids.
    pub(crate) sends: u64,
}

/// What one turn sees and does.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) lasting: Lasting,
    /// The full names of the buckets that this event has, by the names a bot uses.
    pub(crate) buckets: BTreeMap<&'static str, String>,
    pub(crate) sent: Vec<(Chat, Outgoing)>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) lines: Vec<(Level, String)>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Puts a world in place and returns the one that was there.
pub(crate) fn replace(world: World) -> World {
    WORLD.replace(world)
}

fn with<T>(act: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(act)
}

pub(crate) fn send(to: &Chat, message: &Outgoing) -> Result<String, Error> {
    with(|world| {
        world.lasting.sends += 1;
        world.sent.push((to.clone(), message.clone()));
        Ok(format!("sent-{}", world.lasting.sends))
    })
}

pub(crate) fn respond(answer: &Answer) -> Result<(), Error> {
    with(|world| world.answers.push(answer.clone()));
    Ok(())
}

pub(crate) fn config(key: &str) -> Result<Option<String>, Error> {
    Ok(with(|world| world.lasting.config.get(key).cloned()))
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, Error> {
    Ok(with(|world| world.lasting.config.clone().into_iter().collect()))
}

pub(crate) fn set_timer(timer: &Timer, _missed: Missed) -> Result<(), Error> {
    with(|world| world.lasting.timers.insert(timer.id.clone(), timer.clone()));
    Ok(())
}

pub(crate) fn cancel_timer(id: &str, _chat: Option<&Chat>) -> Result<(), Error> {
    // The double has one chat, so an id is enough.
    with(|world| world.lasting.timers.remove(id));
    Ok(())
}

pub(crate) fn read_file(file: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    if length > PIECE {
        return Err(Error::TooLarge(PIECE.into()));
    }
    with(|world| {
        let bytes = world.lasting.files.get(file).ok_or_else(|| Error::Invalid(format!("no file \"{file}\"")))?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(bytes.iter().skip(offset).take(length).copied().collect())
    })
}

/// An upload; the file is called as it was named.
#[derive(Debug)]
pub(crate) struct Upload {
    name: String,
    bytes: RefCell<Vec<u8>>,
}

impl Upload {
    pub(crate) fn start(_connection: &str, name: &str, _mime: &str) -> Result<Self, Error> {
        Ok(Self { name: name.into(), bytes: RefCell::default() })
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.borrow_mut().extend(bytes);
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<String, Error> {
        with(|world| world.lasting.files.insert(self.name.clone(), self.bytes.take()));
        Ok(self.name.clone())
    }
}

pub(crate) fn log(level: Level, _context: &str, message: &str) {
    with(|world| world.lines.push((level, message.into())));
}

#[derive(Debug)]
pub(crate) struct Bucket(String);

impl Bucket {
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        with(|world| world.buckets.get(name).cloned())
            .map(Self)
            .ok_or_else(|| crate::raw::wasi::keyvalue::store::Error::NoSuchStore.into())
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.with(|values| values.get(key).cloned()))
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.with(|values| values.insert(key.into(), value.into()));
        Ok(())
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        self.with(|values| values.remove(key));
        Ok(())
    }

    pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.with(|values| values.contains_key(key)))
    }

    pub(crate) fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let not_a_number = || Error::Other(format!("the value of \"{key}\" is not a number"));
        let old = match self.get(key)? {
            None => 0,
            Some(bytes) => {
                std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(not_a_number)?
            }
        };
        let sum = delta.checked_add(old).ok_or_else(|| Error::Other("the sum does not fit".into()))?;
        self.set(key, sum.to_string().as_bytes())?;
        Ok(sum)
    }

    pub(crate) fn list_keys(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), Error> {
        let start = usize::try_from(cursor.unwrap_or_default()).unwrap_or(usize::MAX);
        self.with(|values| {
            let page: Vec<String> = values.keys().skip(start).take(KEYS_PER_PAGE).cloned().collect();
            let end = start.saturating_add(page.len());
            let next = (end < values.len()).then_some(end).and_then(|end| u64::try_from(end).ok());
            Ok((page, next))
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        with(|world| act(world.lasting.values.entry(self.0.clone()).or_default()))
    }
}
