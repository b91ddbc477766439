//! The durable inbox, outbox and values of a host, in one SQLite file.
//!
//! # The order of writes, and what a crash leaves
//!
//! The way of a message makes up to five transactions. Each is on disk before its caller learns
//! that it is, and a crash inside one leaves nothing of it.
//!
//! 1. [`append`](hodhod_core::store::Store::append): the hash of the arrival's key, and one inbox
//!    row per bot (or a dead letter where the bot has no room). Only then is the platform told. A
//!    crash before it: the platform delivers the event again. A crash after it, before the
//!    platform was told: the platform delivers it again, and the hash makes it a duplicate. A key
//!    may stand for one event for a while only: the time beside the hash tells for which. Where
//!    somebody waits for an answer, the rows have the hash too, so that who asks again after a
//!    crash finds them.
//! 2. [`commit`](hodhod_core::store::Store::commit): the inbox row goes, the turn's values and
//!    outbox rows come. A crash before it: the event runs again and nobody saw the first attempt.
//!    A crash after it: the event is done and its sends wait. If the inbox row is not there any
//!    more, nothing of the turn is applied, so effects happen once.
//! 3. [`attempt`](hodhod_core::store::Store::attempt): the outbox row is marked as being tried. A
//!    crash after it leaves the mark, which is how the send is known to be in doubt.
//! 4. [`settle`](hodhod_core::store::Store::settle): the outbox row goes, or waits for its next
//!    try without the mark; a `delivery` event that is due is appended with it. A crash before it
//!    leaves the send in doubt.
//! 5. [`forget_seen`](hodhod_core::store::Store::forget_seen): old hashes go, a few thousand looked
//!    at in each transaction. A crash leaves the rest for the next call.
//!
//! Where an operator lets a dead letter be tried again
//! ([`retry_dead`](hodhod_core::store::Upkeep::retry_dead)), its row goes and an inbox row comes, so
//! it is never both and never neither.
//!
//! Where another build of a bot takes over, [`migrate`](hodhod_core::store::Store::migrate) stores what it made
//! of the values with the record that they are its own. A crash before it: it is made again. A crash after it: the
//! record says that it was.
//!
//! Where a person is erased, each [`erase`](hodhod_core::store::Upkeep::erase) takes some rows away. A crash between
//! two of them leaves the rest, and who asked for it asks again.
//!
//! Sequence numbers and counters are one row, written by the transaction that changed them, so no
//! number is used twice and no count is off after a crash.
//!
//! # One writer
//!
//! SQLite takes one writer at a time and syncs once per commit, so one thread owns the writing
//! connection. A call puts its job into a queue; the thread takes all that wait, runs them as one
//! transaction, and answers each after the commit. Groups grow with the load by themselves and
//! nobody waits for a timer. A job that fails does not harm its group: the group is rolled back
//! and its jobs run one by one. A commit that fails takes its whole group with it.
//!
//! Everything a job needs is encoded by its caller, so the thread only binds bytes. Reads go
//! through connections of their own and wait for no write.
//!
//! # A disk that fails
//!
//! Nothing is answered before its sync has succeeded. A write that fails leaves the log as it was: the
//! next transaction writes the same place anew, so what an earlier sync did not get to the disk is
//! written again and not believed. `disk` remembers since when writes fail, and tries one four times a second
//! where nobody else does. `room` stops intake while there is still room for what was begun. At the
//! open after a crash the log is written anew before it is believed. Why: `docs/adr/003-*.md`.
//!
//! # Privacy
//!
//! A body lives in its inbox, outbox or dead letter row and nowhere else. SQLite overwrites what
//! it deletes (`secure_delete`). Until the write-ahead log starts over, which it does every few
//! thousand pages and at [`close`](SqliteStore::close), it may still hold the pages as they were; where a person was
//! erased, [`clear_log`](hodhod_core::store::Upkeep::clear_log) lets it start over at once.

mod anew;
mod append;
mod backup;
mod commit;
mod disk;
mod encode;
mod erase;
mod fire;
mod folder;
mod forget;
mod hash;
mod hold;
mod job;
mod letters;
mod log;
mod meter;
mod migrate;
mod open;
mod pause;
mod queue;
mod read;
mod restore;
mod room;
mod schema;
mod settle;
mod store;
mod tables;
mod vault;
mod write_back;
mod writer;

pub use backup::{Backup, BackupError, backup_folder};
pub use folder::has_database;
pub use open::{Durability, OpenError, Options};
pub use restore::{RestoreError, Restored, restore};
pub use room::KEEP_FREE;
pub use store::SqliteStore;
