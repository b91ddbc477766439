//! The writer thread: takes what waits and commits it as one transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use hodhod_core::condition::TroubleKind;
use rusqlite::{Connection, Statement};

use crate::anew;
use crate::backup::Backups;
use crate::disk::{self, Disk};
use crate::job::Job;
use crate::meter::Meter;
use crate::open::Options;
use crate::queue::Queue;
use crate::read::Readers;
use crate::schema;
use crate::tables::{Bounds, Tables};
use crate::write_back::{self, Rest, WriteBack};

/// Most shares of keys sorted in after one group.
const SHARES: usize = 8;

/// While calls wait, pages that nothing uses are given back after one group of so many.
const GROUPS_BETWEEN: u32 = 64;

/// How often a disk that refuses is tried where nobody has anything to write.
pub(crate) const PROBE: Duration = Duration::from_millis(250);

/// What the thread works with.
pub(crate) struct Parts {
    pub(crate) queue: Arc<Queue>,
    pub(crate) file: PathBuf,
    pub(crate) disk: Arc<Disk>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) backups: Arc<Backups>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) options: Options,
}

/// Runs until the queue is closed and empty. `ready` hears first whether the thread can work.
pub(crate) fn run(mut connection: Connection, parts: &Parts, ready: &SyncSender<rusqlite::Result<()>>) {
    let mut begun = false;
    let mut rest = Rest::default();
    loop {
        let next = write_back::watch(&mut connection).and_then(|pages| {
            let log = WriteBack::new(&connection, pages, rest.until());
            let mut writer = Writer::new(&connection, &log, parts)?;
            if !begun && ready.send(Ok(())).is_err() {
                return Ok(Next::End);
            }
            begun = true;
            let next = writer.work();
            drop(writer);
            if matches!(next, Next::End) {
                end(&log, &parts.file);
            }
            Ok(next)
        });
        match next {
            Ok(Next::End) => return close(connection, &parts.file),
            Err(error) if !begun => {
                drop(ready.send(Err(error)));
                return close(connection, &parts.file);
            }
            Ok(Next::Anew) => {}
            Err(error) => {
                if anew::refuse(parts, &error).is_none() {
                    return;
                }
                std::thread::sleep(PROBE);
            }
        }
        match anew::open(connection, parts) {
            Some(opened) => connection = opened,
            None => return,
        }
        rest.longer(Instant::now());
        tracing::info!(file = %parts.file.display(), "the database was opened anew");
    }
}

/// What comes when the work is over.
enum Next {
    End,
    /// The database has to be opened anew.
    Anew,
}

/// Writes the log back into the database. A failure loses nothing: the next open does it.
fn end(log: &WriteBack<'_>, file: &Path) {
    if let Err(error) = log.last() {
        tracing::warn!(file = %file.display(), %error, "the log of the database was not written back");
    }
}

fn close(connection: Connection, file: &Path) {
    if let Err((_, error)) = connection.close() {
        tracing::warn!(file = %file.display(), %error, "the database was not closed");
    }
}

struct Writer<'c> {
    connection: &'c Connection,
    log: &'c WriteBack<'c>,
    queue: &'c Queue,
    file: &'c Path,
    meter: &'c Meter,
    disk: &'c Disk,
    begin: Statement<'c>,
    commit: Statement<'c>,
    tables: Tables<'c>,
    /// False after a rollback: what the tables keep in memory has to be read anew.
    loaded: bool,
    /// True where a commit failed of which all may stand in the log.
    doubtful: bool,
    /// Groups since pages were given back.
    groups: u32,
}

/// Where a transaction failed.
enum Failure {
    /// In a job: the others may do better without it.
    Job(rusqlite::Error),
    /// At its begin or its end: nothing is kept.
    Transaction(rusqlite::Error),
}

impl<'c> Writer<'c> {
    fn new(connection: &'c Connection, log: &'c WriteBack<'c>, parts: &'c Parts) -> rusqlite::Result<Self> {
        let Options { dead_letters_per_bot: dead_of_bot, records_of_kind, .. } = parts.options;
        let bounds = Bounds { dead_of_bot, records_of_kind };
        Ok(Self {
            connection,
            log,
            queue: &parts.queue,
            file: &parts.file,
            meter: &parts.meter,
            disk: &parts.disk,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            tables: Tables::new(connection, bounds)?,
            loaded: true,
            doubtful: false,
            groups: 0,
        })
    }

    fn work(&mut self) -> Next {
        while let Some(group) = self.queue.take(self.disk.refuses().then_some(PROBE)) {
            if group.is_empty() {
                self.probe();
            } else {
                self.write(group);
            }
            if !self.disk.refuses() {
                self.sort_in();
                self.give_back();
                self.shorten_log();
            }
            // Where a commit failed, after one that went well: it takes the place of what may be left of the other
            // in the log, which whoever reads that anew would believe though its callers were told that it failed.
            if self.log.is_unsure() && !self.doubtful {
                return Next::Anew;
            }
        }
        Next::End
    }

    /// Copies a long log into the database.
    fn shorten_log(&self) {
        if let Err(error) = self.log.if_long()
            && !(self.log.is_unsure() && self.refused(&error))
        {
            // It only grows, until a write finds no room.
            tracing::debug!(file = %self.file.display(), %error, "the log is not written back now");
        }
    }

    /// Learns whether the disk takes writes again.
    fn probe(&mut self) {
        let probed = self.transaction(|_| Ok(()));
        if let Err(Failure::Job(error) | Failure::Transaction(error)) = probed {
            self.refused(&error);
        }
    }

    /// Gives pages back that nothing uses, step by step as long as nobody waits, not even for the end.
    fn give_back(&mut self) {
        self.groups += 1;
        if self.groups < GROUPS_BETWEEN && !self.queue.is_empty() {
            return;
        }
        self.groups = 0;
        loop {
            let given = match self.tables.spare.is_much() {
                Ok(false) => return,
                Ok(true) => self.transaction(|tables| tables.spare.give_back()),
                Err(error) => Err(Failure::Transaction(error)),
            };
            if let Err(Failure::Job(error) | Failure::Transaction(error)) = given {
                if self.refused(&error) {
                    return;
                }
                tracing::warn!(file = %self.file.display(), %error, "the database stays as large as it is until the next start");
                return self.tables.spare.stop();
            }
            self.shorten_log();
            if !self.queue.is_empty() || self.queue.is_closed() || self.log.is_unsure() {
                return;
            }
        }
    }

    /// Keeps up with a group of the largest size, and is never long.
    fn sort_in(&mut self) {
        for _ in 0..SHARES {
            if !self.tables.seen.is_crowded() {
                return;
            }
            if let Err(Failure::Job(error) | Failure::Transaction(error)) =
                self.transaction(|tables| tables.seen.sort_in())
            {
                if !self.refused(&error) {
                    tracing::error!(file = %self.file.display(), %error, "keys of arrivals could not be sorted in");
                }
                return;
            }
        }
    }

    fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.run(&mut group) {
            Ok(()) => self.answer(group),
            Err(Failure::Job(error)) if group.len() > 1 && !disk::is_broken(&error) => self.one_by_one(group),
            Err(Failure::Job(error) | Failure::Transaction(error)) => self.fail(group, &error),
        }
    }

    /// A group in which a job failed: each job gets a transaction of its own, in the same order.
    fn one_by_one(&mut self, group: Vec<Box<dyn Job>>) {
        let mut jobs = group.into_iter();
        while let Some(job) = jobs.next() {
            let mut alone = vec![job];
            match self.run(&mut alone) {
                Ok(()) => self.answer(alone),
                Err(Failure::Job(error)) => self.fail(alone, &error),
                Err(Failure::Transaction(error)) => {
                    alone.extend(jobs);
                    return self.fail(alone, &error);
                }
            }
        }
    }

    fn run(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let began = Instant::now();
        let done = self.transaction(|tables| {
            group.iter_mut().try_for_each(|job| job.run(tables))?;
            tables.save()
        });
        match done {
            Ok(()) => self.meter.committed(group.len(), began.elapsed()),
            Err(_) => self.meter.failed(),
        }
        done
    }

    /// Runs statements as one transaction, of which nothing stays if any of it fails.
    fn transaction(&mut self, run: impl FnOnce(&mut Tables<'c>) -> rusqlite::Result<()>) -> Result<(), Failure> {
        let done = self.begin().and_then(|()| {
            run(&mut self.tables).map_err(Failure::Job)?;
            self.commit.execute([]).map(drop).map_err(|error| {
                self.doubtful |= !disk::is_half(&error);
                Failure::Transaction(error)
            })
        });
        match done {
            Ok(()) => {
                self.doubtful = false;
                self.tables.saved();
                self.disk.took();
            }
            Err(_) => self.roll_back(),
        }
        done
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.begin.execute([]).map_err(Failure::Transaction)?;
        if !self.loaded {
            self.tables.load().map_err(Failure::Transaction)?;
            self.loaded = true;
        }
        if self.disk.refuses() {
            // A transaction that changes nothing writes nothing, and would prove nothing.
            let same = self.connection.pragma_update(None, "user_version", schema::known());
            same.map_err(Failure::Transaction)?;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.loaded = false;
        // Some failures have already ended the transaction.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(file = %self.file.display(), %error, "a failed transaction cannot be rolled back");
        }
    }

    fn answer(&self, group: Vec<Box<dyn Job>>) {
        for mut job in group {
            job.afterwards(self.log);
            if let Some(unfinished) = job.answer() {
                self.queue.put_back(unfinished);
            }
        }
    }

    fn fail(&self, group: Vec<Box<dyn Job>>, error: &rusqlite::Error) {
        // Known before anybody is told, so that what a caller does next meets it.
        if !self.refused(error) {
            tracing::error!(file = %self.file.display(), jobs = group.len(), %error, "a write failed");
        }
        for job in group {
            let text = format!("{} in {}: {error}", job.operation(), self.file.display());
            job.fail(disk::store_error(error, text));
        }
    }

    /// Notes that the disk refused, if it was the disk, and makes room where that may help.
    fn refused(&self, error: &rusqlite::Error) -> bool {
        let Some(kind) = disk::kind(error) else { return false };
        self.disk.refused(kind, error);
        if kind == TroubleKind::Full {
            // The log then starts over in the room that it has, or gives it back. If even that is refused,
            // nothing has changed.
            let freed = self.log.all();
            tracing::debug!(file = %self.file.display(), ?freed, "the log is written back to make room");
        }
        true
    }
}

/// Ends the queue with the thread, also where it panics, so that no caller waits for ever.
pub(crate) struct EndOfQueue(pub(crate) Arc<Queue>);

impl Drop for EndOfQueue {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
