//! A disk that fails to order, and a loss of power: the test's half of `disk.c`.
//!
//! The two share a file of orders, whose shape is that of `struct control` there.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const SOURCE: &str = include_str!("disk.c");
const CONTROL: &str = "HODHOD_FAULTS_CONTROL";
const FOLDER: &str = "HODHOD_FAULTS_FOLDER";

const RULES: u64 = 16;
const RULE: u64 = 128;
const RULES_AT: u64 = 32;
const FILES: u64 = 4;
const FILE: u64 = 512;
const FILES_AT: u64 = RULES_AT + RULES * RULE;
const PAGES: u64 = 12_288;
const PAGE: u64 = 32;
const PAGES_AT: u64 = FILES_AT + FILES * FILE;
const BEFORE_AT: u64 = PAGES_AT + PAGES * PAGE;
const BYTES: u64 = 4096;
/// States of a page.
const FREE: u64 = 0;
const DIRTY: u64 = 1;
const CUT: u64 = 3;
/// For a file that was not cut.
const UNCUT: u64 = u64::MAX;
const END: u64 = BEFORE_AT + PAGES * BYTES;

/// The system's number for "no space left on device".
pub const ENOSPC: u64 = 28;
/// The system's number for "input/output error".
pub const EIO: u64 = 5;

/// For orders that hold until they are taken back.
pub const ENDLESS: u64 = u64::MAX;

/// What a process does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It writes.
    Write = 1,
    /// It syncs.
    Sync = 2,
    /// It makes the file.
    Create = 3,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error with this number.
    Fail(u64),
    /// It takes so many microseconds longer.
    Delay(u64),
    /// Half of what is written gets there, and the process is gone.
    Tear,
    /// The process is gone before it.
    Kill,
}

/// One order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// To what it applies.
    pub operation: Operation,
    /// A part of the path of the files that are meant; empty for all.
    pub file: &'static str,
    /// How many pass before.
    pub skip: u64,
    /// How many it applies to.
    pub times: u64,
    /// What comes of them.
    pub fault: Fault,
}

/// A disk below one folder.
#[derive(Debug)]
pub struct Disk {
    control: File,
    folder: PathBuf,
    home: Option<TempDir>,
}

impl Disk {
    /// A disk that is well, for the processes that are started with its [`environment`](Self::environment).
    pub fn new(folder: &Path) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut compiler = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-xc", "-", "-ldl", "-lpthread", "-o"])
            .arg(home.path().join("disk.so"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("cc, which Rust links with, is there");
        compiler.stdin.take().expect("it is piped").write_all(SOURCE.as_bytes()).expect("cc reads");
        assert!(compiler.wait().expect("cc ends").success(), "disk.c is C");
        let mut options = OpenOptions::new();
        let control = options.create(true).truncate(false).read(true).write(true).open(home.path().join("control"));
        let control = control.expect("a file");
        control.set_len(END).expect("a sparse file");
        let parent = folder.parent().expect("a folder has one").canonicalize().expect("it is there");
        Self { control, folder: parent.join(folder.file_name().expect("a name")), home: Some(home) }
    }

    /// The disk that this process was started on, if it was started on one.
    pub fn inherited() -> Option<Self> {
        let control = OpenOptions::new().read(true).write(true).open(std::env::var_os(CONTROL)?);
        Some(Self { control: control.expect("a file"), folder: std::env::var_os(FOLDER)?.into(), home: None })
    }

    /// What a process has to be started with.
    pub fn environment(&self) -> [(&'static str, OsString); 3] {
        let home = self.home.as_ref().expect("it was made here").path();
        [
            ("LD_PRELOAD", home.join("disk.so").into()),
            (CONTROL, home.join("control").into()),
            (FOLDER, self.folder.clone().into()),
        ]
    }

    /// Gives an order.
    pub fn order(&self, order: Order) {
        let free = (0..RULES).map(|rule| RULES_AT + rule * RULE).find(|at| self.number(at + 16) == 0);
        let at = free.expect("few orders hold at once");
        let (what, argument) = match order.fault {
            Fault::Fail(error) => (1, error),
            Fault::Delay(micros) => (2, micros),
            Fault::Tear => (3, 0),
            Fault::Kill => (4, 0),
        };
        let mut name = [0; 80];
        name[..order.file.len()].copy_from_slice(order.file.as_bytes());
        self.control.write_all_at(&name, at + 48).expect("it is written");
        for (place, number) in [(0, order.operation as u64), (8, order.skip), (24, what), (32, argument)] {
            self.set(at + place, number);
        }
        // Last, as this is what makes it hold.
        self.set(at + 16, order.times);
    }

    /// Takes all orders and the quota back.
    pub fn heal(&self) {
        (0..RULES).for_each(|rule| self.set(RULES_AT + rule * RULE + 16, 0));
        self.set(0, 0);
    }

    /// How often orders were carried out.
    pub fn done(&self) -> u64 {
        (0..RULES).map(|rule| self.number(RULES_AT + rule * RULE + 40)).sum()
    }

    /// The files may grow to so many bytes together.
    pub fn set_quota(&self, bytes: u64) {
        self.set(0, bytes);
    }

    /// Bytes of all files below the folder.
    pub fn used(&self) -> u64 {
        fn used(folder: &Path) -> u64 {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| {
                    entry.metadata().map_or(0, |about| if about.is_dir() { used(&entry.path()) } else { about.len() })
                })
                .sum()
        }
        used(&self.folder)
    }

    /// Remembers from now on what a loss of power would take. No process may have the files open.
    pub fn track(&self) {
        self.set(8, 1);
    }

    /// The power is gone: of what was written to the database and its log and not synced, `stays` says which
    /// pages got to the disk nevertheless, and whether a file was cut there too. The process has to be dead.
    /// Gives how many pages are lost.
    pub fn cut_power(&self, mut stays: impl FnMut() -> bool) -> usize {
        assert_eq!(self.number(16), 0, "more was written than the disk remembers");
        let mut lost = 0;
        for file in 0..FILES {
            let at = FILES_AT + file * FILE;
            let (inode, mut size, cut) = (self.number(at), self.number(at + 8), self.number(at + 16));
            if inode == 0 {
                continue;
            }
            let mut path = vec![0; 488];
            self.control.read_exact_at(&mut path, at + 24).expect("it is there");
            path.truncate(path.iter().position(|byte| *byte == 0).expect("it ends"));
            let path = String::from_utf8(path).expect("a path");
            let on_disk = OpenOptions::new().read(true).write(true).open(&path).expect("the file is there");
            let about = on_disk.metadata().expect("it has a size");
            assert_eq!(about.ino(), inode, "{path} is another file");
            let written = about.len();
            // A file is cut as a whole, and where it is not, nothing that was written behind the cut has a place.
            let (end, room) = match cut {
                UNCUT => (UNCUT, UNCUT),
                cut if stays() => (cut, UNCUT),
                cut => (UNCUT, cut),
            };
            size = size.min(end);
            for page in 0..PAGES {
                let at = PAGES_AT + page * PAGE;
                let (of, number, state) = (self.number(at), self.number(at + 8), self.number(at + 16));
                if of != inode || state == FREE {
                    continue;
                }
                self.set(at + 16, FREE);
                let (from, to) = (number * BYTES, (number + 1) * BYTES);
                // What a failed sync left behind never gets there.
                if state == DIRTY && to <= room && stays() {
                    size = size.max(written.min(to));
                    continue;
                }
                if state == CUT && end != UNCUT {
                    continue;
                }
                lost += 1;
                let mut before = vec![0; usize::try_from(BYTES).expect("a page")];
                let length = self.number(at + 24).min(end.saturating_sub(from));
                self.control.read_exact_at(&mut before, BEFORE_AT + page * BYTES).expect("it is there");
                before[usize::try_from(length).expect("a page")..].fill(0);
                on_disk.write_all_at(&before, from).expect("it is written");
            }
            on_disk.set_len(size).expect("it is cut");
            self.set(at, 0);
        }
        lost
    }

    fn number(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, at).expect("it is there");
        u64::from_le_bytes(bytes)
    }

    fn set(&self, at: u64, number: u64) {
        self.control.write_all_at(&number.to_le_bytes(), at).expect("it is written");
    }
}
