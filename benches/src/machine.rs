//! The machine: what stands above each table, and what else it was doing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::rounds::percentile;

/// Ticks of `/proc/stat` in a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// One line about processor, cores and kernel.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

/// The file system that a folder is on: its type and where it comes from.
pub fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let holding = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    holding.max_by_key(|(length, _)| *length).map_or_else(|| "unknown file system".to_owned(), |(_, text)| text)
}

/// Median and 99th percentile of writing 4 KiB and waiting until they are on disk: the least that
/// anything durable takes here.
///
/// # Errors
/// When the folder cannot be written to.
pub fn raw_sync(folder: &Path) -> std::io::Result<(Duration, Duration)> {
    const WRITES: u64 = 2000;
    const PAGE: [u8; 4096] = [7; 4096];
    let path = folder.join("raw-sync");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    // Written once before, so that only data and no sizes go to disk.
    for _ in 0..WRITES {
        file.write_all(&PAGE)?;
    }
    file.sync_all()?;
    drop(file);
    let mut file = OpenOptions::new().write(true).open(&path)?;
    let mut taken = Vec::new();
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        taken.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    fs::remove_file(&path)?;
    taken.sort_unstable();
    Ok((Duration::from_nanos(percentile(&taken, 50.0)), Duration::from_nanos(percentile(&taken, 99.0))))
}

/// Processor time from a point on, of this process and of all others.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    began: Instant,
    own: f64,
    all: f64,
}

impl Load {
    /// From now on.
    pub fn start() -> Self {
        Self { began: Instant::now(), own: own_seconds(), all: all_seconds() }
    }

    /// Processor seconds of this process.
    pub fn own(&self) -> f64 {
        own_seconds() - self.own
    }

    /// How many cores others kept busy, on average. More than a few hundredths spoils a measurement.
    pub fn others(&self) -> f64 {
        let others = (all_seconds() - self.all) - self.own();
        (others / self.began.elapsed().as_secs_f64()).max(0.0)
    }
}

/// User and system time of this process, ended threads among it.
fn own_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; the fields after it are numbers.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// What all processes and the kernel used, time that the hypervisor took away included.
fn all_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers = stat.lines().next().unwrap_or("").split_whitespace().skip(1);
    let fields: Vec<f64> = numbers.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6, 7].iter().filter_map(|place| fields.get(*place)).sum::<f64>() / TICKS
}
