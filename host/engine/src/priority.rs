//! Which thread goes first where there are more of them than processors.
//!
//! Beside a lower priority for those that compute, this is about slices. What happens to one message passes from thread
//! to thread, and each step begins with a thread that wakes. Linux may let the thread that it finds at work go on until
//! its slice is over, whatever its priority, if that was only just given the processor; and beside a bot that computes
//! that is so at every step, because it was given the processor when the step before was over. A thread that asks for a
//! shorter slice than the one at work does not wait for it. So whoever serves all asks for the shortest, and whoever
//! computes for a longer one. Not for a long one: a thread that yields gives up all of its slice, and those that compute
//! yield often.
//!
//! Linux knows such slices since 6.12 (`sched_runtime` in sched(7)); where it does not, they are no harm.

use std::io;
use std::time::Duration;

use rustix::process::nice;

/// How much lower the priority of those that compute is, as `nice` counts. With nothing left over they still get about
/// a tenth of a processor.
const NICE: i32 = 10;

/// The shortest slice that Linux gives.
const SHORT: Duration = Duration::from_micros(100);

/// Longer than that.
const LONG: Duration = Duration::from_millis(1);

/// This thread, and those that it starts, go on as soon as they wake. For threads that have little to do at once.
pub fn prompt() {
    if let Err(error) = slice(SHORT) {
        tracing::debug!(%error, "a short slice cannot be asked for");
    }
}

/// Lowers the priority of this thread, and of those that it starts, for good. For work that turns need not wait for.
pub fn lower() {
    if let Err(error) = try_lower() {
        tracing::warn!(%error, "the priority of a thread cannot be lowered");
    }
}

pub(crate) fn try_lower() -> io::Result<()> {
    nice(NICE)?;
    if let Err(error) = slice(LONG) {
        tracing::debug!(%error, "a longer slice cannot be asked for");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate has it")]
fn slice(slice: Duration) -> io::Result<()> {
    let bits = |flag: std::ffi::c_int| u64::try_from(flag).unwrap_or_default();
    let wanted = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default(),
        sched_policy: 0,
        sched_flags: bits(libc::SCHED_FLAG_KEEP_POLICY),
        sched_nice: rustix::process::getpriority_process(None)?,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the system reads as many bytes as `size` says, which are those of `wanted`, and changes this thread alone.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn slice(_slice: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
