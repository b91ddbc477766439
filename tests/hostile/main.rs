//! Guests that mean ill, one attack a test: what becomes of each, and of a neighbour beside it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod kit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The attacks.
#[path = "."]
mod hostile {
    mod cpu;
    mod divar;
    mod effects;
    mod floods;
    mod handles;
    mod http;
    mod lists;
    mod load;
    mod memory;
    mod outside;
    mod reach;
    mod strings;
    mod values;
}
