//! What Linux says of threads that asked for something.

use super::*;

/// What Linux says of this thread.
#[expect(unsafe_code, reason = "no crate has it")]
fn attributes() -> libc::sched_attr {
    let mut found = libc::sched_attr {
        size: 0,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the system writes at most `size` bytes, which `found` has.
    assert_eq!(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut found, size, 0) }, 0);
    found
}

/// Kernels that know no slices say nothing of them, or what they take themselves.
fn is_known() -> bool {
    slice(Duration::from_millis(7)).is_ok() && attributes().sched_runtime == 7_000_000
}

#[test]
fn a_prompt_thread_keeps_its_priority_and_those_it_starts_are_prompt_too() {
    std::thread::spawn(|| {
        let is_known = is_known();
        let before = attributes().sched_nice;
        prompt();
        let started = std::thread::spawn(attributes).join().unwrap();
        for of in [attributes(), started] {
            assert_eq!(of.sched_nice, before);
            assert!(!is_known || of.sched_runtime == 100_000, "{}", of.sched_runtime);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn a_lowered_thread_has_lower_priority_and_a_longer_slice() {
    std::thread::spawn(|| {
        let is_known = is_known();
        let before = attributes().sched_nice;
        prompt();
        lower();
        let lowered = attributes();
        assert_eq!(lowered.sched_nice, (before + NICE).min(19));
        assert!(!is_known || lowered.sched_runtime == 1_000_000, "{}", lowered.sched_runtime);
    })
    .join()
    .unwrap();
}
