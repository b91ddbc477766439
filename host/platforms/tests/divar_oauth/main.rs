//! Consent, against a server on loopback that plays Divar's two: the one that asks people, and the one of the
//! calls. Time is the test's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod callback;
mod calls;
mod consent;
mod disk;
mod forgotten;
mod kit;
mod page;
mod play;
mod refresh;
mod revoke;
mod secrets;
mod subscribe;
mod write;
