//! Where a request comes from.
//!
//! Anybody can write `X-Forwarded-For`, and each proxy on the way adds at its end where it was reached from. So it
//! is read from the end, only where the other side of the connection is a proxy that the operator trusts, and only
//! as far as such proxies go: the last address that is none of them is the client. What cannot be read ends it at
//! the proxy that wrote it.

use std::net::{IpAddr, SocketAddr};

use hodhod_core::network::Network;
use http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client, behind the proxies that are trusted.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut client = peer.to_canonical();
    let fields = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
    // Several fields are one list.
    let mut hops = fields.into_iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    while is_trusted(client) {
        let Some(address) = hops.next().and_then(address) else { break };
        client = address;
    }
    client
}

/// An address as proxies write it, with a port or without one.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip())).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found behind 127.0.0.1 and 10.0.0.0/8.
    fn found(peer: &str, fields: &[&str]) -> String {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(FORWARDED_FOR, http::HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        origin(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_stranger_is_where_they_are_whatever_they_write() {
        for fields in [&["78.111.6.41"][..], &["127.0.0.1"], &["10.0.0.1, 78.111.6.41"], &[]] {
            assert_eq!(found("192.0.2.7", fields), "192.0.2.7");
        }
    }

    #[test]
    fn behind_a_trusted_proxy_the_last_address_that_is_none_is_the_client() {
        assert_eq!(found("127.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", &["78.111.6.41, 192.0.2.7"]), "192.0.2.7", "the rest is the client's own");
        assert_eq!(found("127.0.0.1", &["78.111.6.41,192.0.2.7 , 10.1.1.1"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", &["78.111.6.41", "192.0.2.7", "10.1.1.1"]), "192.0.2.7", "several fields");
        assert_eq!(found("::ffff:127.0.0.1", &["::ffff:192.0.2.7"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(found("127.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(found("127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_wrote_it() {
        for field in ["unknown", "", ",", "192.0.2.7,", "192.0.2.7, _hidden", "192.0.2.7 192.0.2.8", "سلام"] {
            assert_eq!(found("127.0.0.1", &[field]), "127.0.0.1", "{field:?}");
        }
        assert_eq!(found("127.0.0.1", &["192.0.2.7, x, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(found("127.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "proxies all the way");
        assert_eq!(found("127.0.0.1", &[]), "127.0.0.1");
    }
}
