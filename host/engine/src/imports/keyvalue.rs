//! `wasi:keyvalue`: the three buckets of a bot, buffered in the turn.

use std::collections::VecDeque;

use hodhod_core::ids::InboxSeq;
use hodhod_core::runtime::Failure;
use hodhod_core::turn::{BucketHandle, Refusal};
use wasmtime::component::Resource;
use wasmtime::{Error as Trap, Result};

use crate::bindings::wasi::keyvalue::atomics;
use crate::bindings::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::imports::too_many;
use crate::state::State;

/// Keys in one answer of `list-keys`.
const PAGE: usize = 256;

/// Cursors of one open bucket that may be used, the last ones given out.
const CURSORS: usize = 16;

/// A bucket that the guest has opened.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenBucket {
    handle: BucketHandle,
    /// The turn that opened it, whose chat and person it is of.
    turn: InboxSeq,
    cursors: Cursors,
}

/// Where pages that were given out ended. A bucket may have any number of them, so only the last are kept.
#[derive(Debug, Default)]
struct Cursors {
    /// How many were given out.
    given: u64,
    /// The last keys of the last pages.
    kept: VecDeque<String>,
}

impl Cursors {
    fn give(&mut self, last: String) -> u64 {
        if self.kept.len() == CURSORS {
            self.kept.pop_front();
        }
        self.kept.push_back(last);
        self.given += 1;
        self.given
    }

    /// The key behind which the page of a cursor begins.
    fn after(&self, cursor: u64) -> Option<&String> {
        let back = usize::try_from(self.given.checked_sub(cursor)?).ok()?;
        self.kept.get(self.kept.len().checked_sub(back + 1)?)
    }
}

impl State {
    /// The bucket behind a handle. A handle that is not there is a fault of the guest's runtime, as is
    /// one of an earlier turn of the same instance.
    fn opened(&self, bucket: &Resource<OpenBucket>) -> Result<BucketHandle, Trap> {
        let open = self.table.get(bucket)?;
        if open.turn != self.turn.seq() {
            return Err(Trap::msg("a bucket is used after the turn that opened it"));
        }
        Ok(open.handle.clone())
    }

    /// The result as the standard interface can say it. It has no word for a host that is unwell,
    /// and a bot would take the refusal for a lasting one; so the turn ends, and is tried again.
    fn answer<T>(&mut self, result: Result<T, Refusal>) -> Result<Result<T, Error>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(Refusal::Denied(_)) => Ok(Err(Error::AccessDenied)),
            Err(Refusal::Unavailable(why)) => {
                self.ended = Some(Failure::host(why));
                Err(Trap::msg("the host cannot read stored values"))
            }
            Err(other) => Ok(Err(Error::Other(other.to_string()))),
        }
    }
}

impl Host for State {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<OpenBucket>, Error>> {
        let Some(handle) = self.turn.bucket(&identifier) else { return Ok(Err(Error::NoSuchStore)) };
        let open = OpenBucket { handle, turn: self.turn.seq(), cursors: Cursors::default() };
        let opened = self.table.push(open).map_err(|_| too_many());
        self.answer(opened)
    }
}

impl HostBucket for State {
    fn get(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        let bucket = self.opened(&bucket)?;
        let result = self.turn.get(&bucket, &key);
        self.answer(result)
    }

    fn set(&mut self, bucket: Resource<OpenBucket>, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        let bucket = self.opened(&bucket)?;
        let result = self.turn.set(&bucket, &key, value);
        self.answer(result)
    }

    fn delete(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<Result<(), Error>> {
        let bucket = self.opened(&bucket)?;
        let result = self.turn.delete(&bucket, &key);
        self.answer(result)
    }

    fn exists(&mut self, bucket: Resource<OpenBucket>, key: String) -> Result<Result<bool, Error>> {
        let bucket = self.opened(&bucket)?;
        let result = self.turn.get(&bucket, &key).map(|value| value.is_some());
        self.answer(result)
    }

    fn list_keys(&mut self, bucket: Resource<OpenBucket>, cursor: Option<u64>) -> Result<Result<KeyResponse, Error>> {
        let handle = self.opened(&bucket)?;
        let open = self.table.get(&bucket)?;
        let after = match cursor.map(|cursor| open.cursors.after(cursor)) {
            None => None,
            Some(Some(last)) => Some(last.clone()),
            Some(None) => return Ok(Err(Error::Other("no such cursor".to_owned()))),
        };
        let result = self.turn.keys(&handle, after.as_deref(), PAGE);
        let page = match self.answer(result)? {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let open = self.table.get_mut(&bucket)?;
        let next = page.keys.last().filter(|_| page.more).map(|last| open.cursors.give(last.clone()));
        Ok(Ok(KeyResponse { keys: page.keys, cursor: next }))
    }

    fn drop(&mut self, bucket: Resource<OpenBucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    fn increment(&mut self, bucket: Resource<OpenBucket>, key: String, delta: u64) -> Result<Result<u64, Error>> {
        let bucket = self.opened(&bucket)?;
        let result = self.turn.increment(&bucket, &key, delta);
        self.answer(result)
    }
}
