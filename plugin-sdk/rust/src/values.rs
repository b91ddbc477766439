//! Values that outlive a turn: what the bot's own types say, kept as JSON.

use std::cell::OnceCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, host};

/// One bucket of values: see [`Context::chat_values`](crate::Context::chat_values),
/// [`bot_values`](crate::Context::bot_values) and [`user_values`](crate::Context::user_values).
///
/// Two turns that use the same value never interleave, so reading, changing and writing it needs
/// no lock. The bucket is opened at its first use: keep this value around where it is used often.
///
/// ```no_run
/// # use hodhod_plugin::{Context, Result};
/// fn count(ctx: &Context) -> Result<u64> {
///     Ok(ctx.chat_values().update("messages", |n: u64| n + 1)?)
/// }
/// ```
#[derive(Debug)]
pub struct Values {
    name: &'static str,
    bucket: OnceCell<host::Bucket>,
}

impl Values {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, bucket: OnceCell::new() }
    }

    /// The value, if there is one. One that is no `T` is [`Error::Invalid`].
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.bytes(key)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| not_json(key, &error))
    }

    /// Stores a value in place of whatever was there.
    pub fn set(&self, key: &str, value: impl Serialize) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&value).map_err(|error| not_json(key, &error))?;
        self.set_bytes(key, &bytes)
    }

    /// Replaces the value by what `change` makes of it, and returns that. Where there is none,
    /// `change` starts from the default.
    pub fn update<T>(&self, key: &str, change: impl FnOnce(T) -> T) -> Result<T, Error>
    where
        T: DeserializeOwned + Serialize + Default,
    {
        let value = change(self.get(key)?.unwrap_or_default());
        self.set(key, &value)?;
        Ok(value)
    }

    /// Adds to a number and returns the sum; where there is none, `delta` is the first. `get` reads it as a `u64`.
    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        self.bucket()?.increment(key, delta)
    }

    /// Removes the value. One that is not there is no error.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.bucket()?.delete(key)
    }

    /// Whether there is a value.
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        self.bucket()?.exists(key)
    }

    /// Every key, sorted.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let bucket = self.bucket()?;
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let (page, next) = bucket.list_keys(cursor)?;
            keys.extend(page);
            cursor = next;
            if cursor.is_none() {
                keys.sort();
                return Ok(keys);
            }
        }
    }

    /// The value as it is stored, JSON or not.
    pub fn bytes(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.bucket()?.get(key)
    }

    /// Stores these bytes as they are.
    pub fn set_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        self.bucket()?.set(key, bytes)
    }

    fn bucket(&self) -> Result<&host::Bucket, Error> {
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let bucket = host::Bucket::open(self.name)?;
        Ok(self.bucket.get_or_init(|| bucket))
    }
}

fn not_json(key: &str, error: &serde_json::Error) -> Error {
    Error::Invalid(format!("value \"{key}\": {error}"))
}
