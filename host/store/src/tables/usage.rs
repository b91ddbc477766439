//! How much each bot holds: counted while a transaction is open, and written once at its end.

use std::collections::HashMap;

use hodhod_core::ids::BotName;
use hodhod_core::quota::Usage as Held;
use hodhod_core::values::Bucket;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::values::columns;
use super::{number, text};

/// What a transaction adds to a bucket or a bot; less than nothing where it takes away.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    keys: i64,
    bytes: i64,
    timers: i64,
}

pub(crate) struct Usage<'c> {
    add: Statement<'c>,
    sweep: Statement<'c>,
    /// By bot and bucket; `None` is the bot as a whole. Bounded by what a transaction may write.
    changes: HashMap<(BotName, Option<Bucket>), Change>,
}

impl<'c> Usage<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let add = connection.prepare(
            "INSERT INTO usage (bot, bucket, connection, id, keys, bytes, timers) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes,
                 timers = timers + excluded.timers",
        )?;
        let sweep = connection.prepare(
            "DELETE FROM usage WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4
             AND keys = 0 AND bytes = 0 AND timers = 0",
        )?;
        Ok(Self { add, sweep, changes: HashMap::new() })
    }

    /// A value came, went or has another length.
    pub(crate) fn value(&mut self, bot: &BotName, bucket: &Bucket, keys: i64, bytes: i64) {
        if keys == 0 && bytes == 0 {
            return;
        }
        for bucket in [Some(bucket.clone()), None] {
            let change = self.changes.entry((bot.clone(), bucket)).or_default();
            change.keys += keys;
            change.bytes += bytes;
        }
    }

    /// A timer came or went.
    pub(crate) fn timer(&mut self, bot: &BotName, timers: i64) {
        if timers != 0 {
            self.changes.entry((bot.clone(), None)).or_default().timers += timers;
        }
    }

    /// After a rollback nothing has changed.
    pub(super) fn load(&mut self) {
        self.changes.clear();
    }

    pub(super) fn save(&mut self) -> rusqlite::Result<()> {
        for ((bot, bucket), change) in self.changes.drain() {
            // What came and went in between was never there.
            if (change.keys, change.bytes, change.timers) == (0, 0, 0) {
                continue;
            }
            let (kind, scope, id) = bucket.as_ref().map_or(("", "", ""), columns);
            self.add.execute((bot.as_str(), kind, scope, id, change.keys, change.bytes, change.timers))?;
            // A bucket that is empty again leaves nothing, or one that is made up for a moment would stay.
            if change.keys < 0 || change.timers < 0 {
                self.sweep.execute((bot.as_str(), kind, scope, id))?;
            }
        }
        Ok(())
    }
}

/// What a bot holds, and of that what is in a bucket.
pub(crate) fn usage(connection: &Connection, bot: &BotName, bucket: &Bucket) -> rusqlite::Result<Held> {
    let mut statement = connection.prepare_cached(
        "SELECT keys, bytes, timers FROM usage WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4",
    )?;
    let mut read = |(kind, scope, id): (&str, &str, &str)| {
        let row = statement
            .query_row((bot.as_str(), kind, scope, id), |row| Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?)));
        row.optional().map(Option::unwrap_or_default)
    };
    let (bucket_keys, bucket_bytes, _) = read(columns(bucket))?;
    let (bot_keys, bot_bytes, timers) = read(("", "", ""))?;
    Ok(Held { bucket_keys, bucket_bytes, bot_keys, bot_bytes, timers })
}

/// The bots that hold something, or once did. Each is one search in the index, however much it holds.
pub(crate) fn bots(connection: &Connection) -> rusqlite::Result<Vec<BotName>> {
    connection
        .prepare_cached(
            "WITH RECURSIVE next (bot) AS (
                 SELECT min(bot) FROM usage
                 UNION ALL SELECT (SELECT min(bot) FROM usage WHERE bot > next.bot) FROM next WHERE next.bot IS NOT NULL
             ) SELECT bot FROM next WHERE bot IS NOT NULL",
        )?
        .query_map([], |row| text(row, 0).map(BotName::from))?
        .collect()
}
