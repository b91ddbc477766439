//! What the process takes of its machine, under the names that every program gives it in Prometheus.
//!
//! Linux tells all of it. What it does not tell is left out: a page without it is better than none.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// A snapshot of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    /// Processor time, in seconds.
    pub(crate) cpu: f64,
    /// Bytes in memory.
    pub(crate) resident: Option<u64>,
    /// Bytes of address space, most of which is the pool's and never touched.
    pub(crate) virtual_: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Open files, connections among them.
    pub(crate) open_files: Option<u64>,
    /// Open files that it may have.
    pub(crate) most_files: Option<u64>,
}

impl Process {
    /// Of this process.
    pub(crate) fn of_self() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |name| Some(field(&status, name)?.saturating_mul(1024));
        Self {
            #[expect(clippy::cast_precision_loss, reason = "a time; an hour in a million years is enough")]
            cpu: time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
            resident: bytes("VmRSS"),
            virtual_: bytes("VmSize"),
            threads: field(&status, "Threads"),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            most_files: getrlimit(Resource::Nofile).current,
        }
    }
}

/// A number of `/proc/self/status`, as in `VmRSS:      1234 kB`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all_of_it() {
        let process = Process::of_self();
        assert!(process.cpu > 0.0 && process.threads >= Some(1), "{process:?}");
        assert!(process.resident > Some(1 << 20) && process.virtual_ > process.resident, "{process:?}");
        assert!(process.open_files > Some(2) && process.most_files > process.open_files, "{process:?}");
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let status = "Name:\tVmRSS: 7\nVmRSSX:\t 8 kB\nVmRSS:\t 9 kB\nThreads:\tmany\n";
        assert_eq!(field(status, "VmRSS"), Some(9));
        assert_eq!((field(status, "Threads"), field(status, "VmSize")), (None, None));
    }
}
