//! What a host has to survive: every way for a turn to end badly, or late.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use hodhod_plugin::raw::wasi::logging::logging::{Level, log};

const MIB: usize = 1024 * 1024;

/// Stops at an instruction that cannot be reached: a trap without any words.
pub(crate) fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    panic("there is no trap outside of a component");
}

/// Panics, with words on standard error.
#[expect(clippy::panic, reason = "this is the bot that panics")]
pub(crate) fn panic(words: &str) -> ! {
    panic!("{words}");
}

/// Works without end and without calling the host.
pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns).wrapping_add(1);
    }
}

/// Calls the host ten thousand times, each time with a MiB to read, and without any loop.
pub(crate) fn call_on() -> Option<String> {
    macro_rules! ten {
        ($call:expr) => {{
            $call;
            $call;
            $call;
            $call;
            $call;
            $call;
            $call;
            $call;
            $call;
            $call;
        }};
    }
    let text = "x".repeat(MIB);
    ten!(ten!(ten!(ten!(log(Level::Trace, "", &text)))));
    Some("called".into())
}

/// Calls itself without end. The frames are small, so that the stack ends that the host limits,
/// and not the part of the memory that a component uses as one.
pub(crate) fn recurse() -> ! {
    descend(1);
    trap()
}

#[inline(never)]
fn descend(depth: u64) -> u64 {
    // Never zero, though the compiler cannot know; and the sum keeps this from being a loop.
    if black_box(depth) == 0 { 0 } else { descend(depth.wrapping_add(1) | 1).wrapping_add(depth) }
}

/// Takes memory, and uses it, until there is none.
pub(crate) fn alloc_without_end() -> ! {
    let mut blocks = Vec::new();
    loop {
        blocks.push(block());
        black_box(&blocks);
    }
}

/// Takes so many MiB of memory, uses them, and gives them back.
pub(crate) fn alloc(mib: u64) -> Option<String> {
    let blocks: Vec<_> = (0..mib).map(|_| block()).collect();
    black_box(&blocks);
    Some("allocated".into())
}

fn block() -> Vec<u8> {
    black_box(vec![1; MIB])
}

/// Works for so many milliseconds.
pub(crate) fn burn(ms: u64) -> Option<String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(ms) {
        black_box(());
    }
    Some("burnt".into())
}

/// Waits for so many milliseconds.
pub(crate) fn sleep(ms: u64) -> Option<String> {
    thread::sleep(Duration::from_millis(ms));
    Some("slept".into())
}
