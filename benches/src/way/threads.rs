//! Processor time of this process by thread, as the scheduler counts it.

use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds by kind of thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadTimes(BTreeMap<String, u64>);

/// As of now, of the threads that live.
pub(crate) fn by_thread() -> ThreadTimes {
    let mut times = ThreadTimes::default();
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return times };
    for task in tasks.filter_map(Result::ok) {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let nanos = read("schedstat").split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
        let name = read("comm");
        // Threads of one kind differ in a number at the end.
        let kind = name.trim().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
        *times.0.entry(kind).or_default() += nanos.unwrap_or(0);
    }
    times
}

impl ThreadTimes {
    /// What was used since `earlier`, most first.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<(String, u64)> {
        let used = |(kind, nanos): (&String, &u64)| {
            (kind.clone(), nanos.saturating_sub(earlier.0.get(kind).copied().unwrap_or(0)))
        };
        let mut all: Vec<_> = self.0.iter().map(used).collect();
        all.sort_by_key(|(_, nanos)| std::cmp::Reverse(*nanos));
        all
    }
}
