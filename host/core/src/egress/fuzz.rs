//! Addresses and patterns that nobody would write, against a second opinion of what they mean.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

use super::*;
use crate::testing::fuzz;
use crate::text::is_clean;

const ODD: &str = include_str!("../../tests/corpus/url/odd.txt");

const WORDS: [&[u8]; 40] = [
    b"https://",
    b"http://",
    b"*.",
    b".example.com",
    b"api",
    b"@",
    b":443",
    b":80",
    b":8080",
    b":0",
    b"%2e",
    b"%00",
    b".",
    b"xn--",
    b"xn--bcher-kva",
    b"0x7f",
    b"0177",
    b"127.1",
    b"2130706433",
    b"127.0.0.1",
    b"169.254.169.254",
    b"8.8.8.8",
    b"[::1]",
    b"[::ffff:",
    b"[64:ff9b::",
    b"]",
    b"\n",
    b"\nprivate ",
    b"\\",
    b"/",
    b"#",
    b"?",
    b"\t",
    b"\xef\xbc\x8e",
    b"\xe3\x80\x82",
    b"\xc2\xad",
    b"\xe2\x80\x8d",
    b"\xc3\x9f",
    b"\xe2\x91\xa0",
    b"\xef\xbc\x8f",
];

/// True if an address is surely one of nobody's own; written another way than `is_global`.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_near_v4(address),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Forms in which an address of IPv4 hides lie outside of 2000::/3, or are 6to4 and Teredo.
            !(0x2000..0x4000).contains(&first)
                || (first == 0x2001 && (second < 0x200 || second == 0xdb8))
                || first == 0x2002
        }
    }
}

fn is_near_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || matches!((first, second), (0 | 224.., _) | (100, 64..128) | (198, 18 | 19))
}

/// What a pattern covers, from the text of both alone.
fn covers(pattern: &str, target: &str) -> bool {
    match pattern.split_once("://*.") {
        Some((scheme, rest)) => target
            .strip_suffix(rest)
            .and_then(|front| front.strip_suffix('.'))
            .and_then(|front| front.strip_prefix(scheme)?.strip_prefix("://"))
            .is_some_and(|label| !label.is_empty() && !label.contains(['.', '[', ':'])),
        None => pattern == target,
    }
}

fn split(url: &str) -> (&str, &str) {
    url.split_once("://").unwrap_or((url, ""))
}

/// The patterns of the lines, and the one in which the address itself and its neighbours are meant.
fn patterns<'a>(url: &str, lines: impl Iterator<Item = &'a str>) -> Vec<Pattern> {
    let (scheme, authority) = split(url);
    let wide = authority.split_once('.').map(|(_, rest)| format!("{scheme}://*.{rest}"));
    let texts = lines
        .map(str::to_owned)
        .chain(wide)
        .chain(fuzz::number(url.as_bytes()).is_multiple_of(2).then(|| url.to_owned()));
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn check(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let url = lines.next().unwrap_or_default();
    let (private, hosts): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("private "));
    let allow_private: Vec<SocketAddr> =
        private.iter().filter_map(|line| line.strip_prefix("private ")?.parse().ok()).collect();
    let policy = Policy { hosts: patterns(url, hosts.into_iter()), allow_private, ..Policy::default() };
    for pattern in &policy.hosts {
        let told = pattern.to_string();
        assert_eq!(told.parse().as_ref(), Ok(pattern), "{told}");
        assert!(is_clean(&told) && pattern.includes(pattern), "{told}");
    }

    let (scheme, authority) = split(url);
    let target = match policy.admit("GET", scheme, authority) {
        Ok(target) => target,
        Err(denial) => {
            assert!(is_clean(&denial.to_string()), "{denial:?}");
            return match denial {
                Denial::Host(_) => "host".to_owned(),
                other => other.to_string(),
            };
        }
    };
    let told = target.to_string();
    assert_eq!(policy.admit("GET", split(&told).0, split(&told).1).as_ref(), Ok(&target), "{told}");
    let by = policy.hosts.iter().map(ToString::to_string).find(|pattern| covers(pattern, &told));
    assert!(by.is_some(), "{told} is in none of {:?}", policy.hosts);

    // Whoever reads the address as browsers do comes to the same server.
    let other = Url::parse(&told).unwrap();
    let host = match other.host().unwrap() {
        url::Host::Domain(name) => Host::Name(name.to_owned()),
        url::Host::Ipv4(address) => Host::Address(address.into()),
        url::Host::Ipv6(address) => Host::Address(address.into()),
    };
    assert_eq!(host, target.host, "{told}");
    assert_eq!(
        (other.scheme(), other.port_or_known_default()),
        (target.scheme.to_string().as_str(), Some(target.port))
    );
    assert!(other.username().is_empty() && other.password().is_none() && other.path() == "/");

    let Host::Address(address) = target.host else { return format!("name {}", by.is_some_and(|by| by.contains('*'))) };
    let address = SocketAddr::new(address, target.port);
    let reached = policy.admit_address(address);
    let listed = policy.allow_private.contains(&address);
    assert!(reached.is_err() || listed || !is_near(address.ip()), "{address}");
    assert!(reached.is_ok() || !listed, "{address} is listed");
    // In IPv6 it is no other address.
    if let IpAddr::V4(inner) = address.ip() {
        let mapped = SocketAddr::new(inner.to_ipv6_mapped().into(), target.port);
        assert!(policy.admit_address(mapped).is_err() || policy.allow_private.contains(&mapped), "{mapped}");
    }
    format!("address {reached:?}").split("why").nth(1).unwrap_or("reached").to_owned()
}

#[test]
fn fuzz_url_policy_lets_out_only_what_is_covered_and_global() {
    let mut seeds = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/url_policy"));
    let odd = ODD.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let odd = odd.map(|line| serde_json::from_str::<String>(line.split_once(' ').unwrap().1).unwrap());
    seeds.extend(odd.map(|url| format!("{url}\nhttps://api.example.com").into_bytes()));
    fuzz::run("url_policy", seeds, &WORDS, check);
}
