//! Where a request comes from, where proxies stand between.
//!
//! Each proxy adds the address that it was called from to the end of `X-Forwarded-For`. Whoever calls may write
//! there what they like, so only what a trusted proxy added is believed: from the end, the first address that
//! is no such proxy. Of a connection that comes from nobody trusted the header says nothing.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// Where a request comes from whose connection comes from `peer`.
pub(super) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.contains(address);
    let peer = peer.to_canonical();
    if !is_proxy(&peer) {
        return peer;
    }
    let values = headers.get_all("x-forwarded-for").iter();
    let added: Vec<_> = values.flat_map(|value| value.to_str().unwrap_or("?").split(',')).map(str::trim).collect();
    for text in added.into_iter().rev() {
        // What is no address was not added by a proxy that can be trusted.
        let Ok(address) = text.parse::<IpAddr>() else { return peer };
        let address = address.to_canonical();
        if !is_proxy(&address) {
            return address;
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let proxies = ["127.0.0.1", "10.0.0.1"].map(|proxy| proxy.parse().unwrap());
        of(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn what_a_stranger_writes_into_the_header_is_not_believed() {
        assert_eq!(from("203.0.113.9", &["78.111.6.41"]), "203.0.113.9");
        assert_eq!(from("127.0.0.1", &["78.111.6.41, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(from("127.0.0.1", &["78.111.6.41", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(from("127.0.0.1", &["78.111.6.41, 203.0.113.9, 10.0.0.1"]), "203.0.113.9");
        assert_eq!(from("::ffff:127.0.0.1", &["::ffff:78.111.6.41"]), "78.111.6.41");
        assert_eq!(from("127.0.0.1", &["78.111.6.41, unknown"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["10.0.0.1"]), "127.0.0.1");
    }
}
