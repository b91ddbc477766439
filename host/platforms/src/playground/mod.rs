//! Local messengers that speak the real interfaces.
//!
//! Each is a true HTTP server on loopback: hodhod's own connections are pointed at it in the end-to-end
//! tests and in the terminal chat, and so can any other client be, for example a platform's official SDK.

pub mod divar;
mod line;
pub mod soroush;
