//! What the platforms' HTTP clients have in common: how an answer is read, how long a server asks to
//! wait, how long a file may be on its way, and how an error is told without the address that it met.

mod answer;
mod retry_after;
pub(crate) mod transfer;

pub(crate) use answer::{chain, read_some};
pub(crate) use retry_after::retry_after;

/// True for a host that is this machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']);
    host == "localhost" || address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
