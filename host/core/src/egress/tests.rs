//! What is let out, and what is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use secrecy::SecretString;

use super::*;

const ODD: &str = include_str!("../../tests/corpus/url/odd.txt");

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn policy(hosts: &[&str]) -> Policy {
    Policy { hosts: hosts.iter().map(|host| pattern(host)).collect(), ..Policy::default() }
}

fn target(url: &str) -> Target {
    read(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn read(url: &str) -> Result<Target, BadTarget> {
    let (scheme, authority) = url.split_once("://").unwrap_or((url, ""));
    Target::parse(scheme, authority)
}

/// What becomes of an address, in the words of the corpus.
fn verdict(url: &str) -> String {
    match read(url) {
        Err(bad) => format!("{bad:?}"),
        Ok(Target { host: Host::Name(_), .. }) => "name".to_owned(),
        Ok(Target { host: Host::Address(address), .. }) => {
            is_global(address).map_or_else(|why| format!("{why:?}"), |()| "global".to_owned())
        }
    }
}

fn odd() -> impl Iterator<Item = (&'static str, String)> {
    let lines = ODD.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (verdict, url) = line.split_once(' ').unwrap();
        (verdict, serde_json::from_str(url).unwrap_or_else(|error| panic!("{line}: {error}")))
    })
}

#[test]
fn every_odd_spelling_has_its_verdict() {
    let wrong: Vec<_> = odd().filter(|(expected, url)| verdict(url) != *expected).collect();
    let told: Vec<_> =
        wrong.iter().map(|(expected, url)| format!("{url:?}: {} not {expected}", verdict(url))).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert!(odd().count() > 150);
}

#[test]
fn no_odd_spelling_is_let_out_under_the_name_of_another() {
    let policy = policy(&["https://api.example.com"]);
    for (_, url) in odd() {
        let (scheme, authority) = url.split_once("://").unwrap();
        if let Ok(target) = policy.admit("GET", scheme, authority) {
            assert_eq!(target.to_string(), "https://api.example.com", "{url:?}");
        }
    }
}

#[test]
fn nothing_is_allowed_where_nothing_was_listed() {
    let denied = Policy::default().admit("GET", "https", "api.example.com").unwrap_err();
    assert_eq!(denied.to_string(), "https://api.example.com is not among the hosts it was granted");
}

#[test]
fn a_host_is_granted_with_its_scheme_and_its_port() {
    let policy = policy(&["https://api.example.com", "http://plain.example.com:8080"]);
    let admitted = |scheme, authority| policy.admit("GET", scheme, authority).is_ok();
    assert!(admitted("https", "api.example.com") && admitted("HTTPS", "API.example.com:443"));
    assert!(admitted("http", "plain.example.com:8080"));
    for (scheme, authority) in [
        ("http", "api.example.com"),
        ("http", "api.example.com:443"),
        ("https", "api.example.com:8443"),
        ("https", "example.com"),
        ("https", "www.api.example.com"),
        ("https", "api.example.com.evil.example"),
        ("https", "api-example.com"),
        ("https", "plain.example.com:8080"),
        ("http", "plain.example.com"),
    ] {
        assert!(matches!(policy.admit("GET", scheme, authority), Err(Denial::Host(_))), "{scheme} {authority}");
    }
}

#[test]
fn a_star_stands_for_one_label_in_front() {
    let policy = policy(&["https://*.example.org:8443"]);
    let admitted = |authority| policy.admit("GET", "https", authority).is_ok();
    assert!(admitted("a.example.org:8443") && admitted("xn--bcher-kva.example.org:8443"));
    for authority in [
        "example.org:8443",
        "a.b.example.org:8443",
        "a.example.org",
        "aexample.org:8443",
        "a.example.org.evil.example:8443",
        ".example.org:8443",
        "127.0.0.1:8443",
    ] {
        assert!(!admitted(authority), "{authority}");
    }
}

#[test]
fn what_stands_for_too_much_is_no_pattern() {
    for (text, why) in [
        ("*", BadPattern::NoScheme),
        ("api.example.com", BadPattern::NoScheme),
        ("https://*", BadPattern::Star),
        ("https://*.com", BadPattern::Star),
        ("https://*.*.com", BadPattern::Star),
        ("https://*.*.example.com", BadPattern::Star),
        ("https://a*.example.com", BadPattern::Star),
        ("https://*.127.0.0.1", BadPattern::Star),
        ("https://*.2130706433", BadPattern::Star),
        ("https://*.[::1]", BadPattern::Star),
        ("https://*.", BadPattern::Target(BadTarget::Empty)),
        ("*://api.example.com", BadPattern::Target(BadTarget::Scheme)),
        ("https://api.example.com:*", BadPattern::Star),
        ("https://api.example.com/", BadPattern::Path),
        ("https://api.example.com/v1", BadPattern::Path),
        ("https://api.example.com?x", BadPattern::Path),
        ("https://user@api.example.com", BadPattern::Target(BadTarget::User)),
    ] {
        assert_eq!(text.parse::<Pattern>(), Err(why), "{text}");
    }
}

#[test]
fn a_pattern_is_told_as_it_is_written() {
    for text in ["https://api.example.com", "https://*.example.org:8443", "http://127.0.0.1:8080", "https://[::1]:1"] {
        assert_eq!(pattern(text).to_string(), text);
    }
    assert_eq!(pattern("HTTPS://API.Example.com:443").to_string(), "https://api.example.com");
}

#[test]
fn tunnels_and_echoes_are_no_methods() {
    let policy = policy(&["https://api.example.com"]);
    for method in Method::ALL {
        policy.admit(method.as_str(), "https", "api.example.com").unwrap();
    }
    for method in ["CONNECT", "TRACE", "connect", "get", "", "GET ", "BREW"] {
        let denied = policy.admit(method, "https", "api.example.com");
        assert!(matches!(denied, Err(Denial::Method(_))), "{method}");
        assert!(method.parse::<Method>().is_err(), "{method}");
    }
    let policy = Policy { methods: vec![Method::Get], ..policy };
    policy.admit("GET", "https", "api.example.com").unwrap();
    assert!(matches!(policy.admit("POST", "https", "api.example.com"), Err(Denial::Method(_))));
}

#[test]
fn an_address_that_is_not_global_is_allowed_with_its_port_only() {
    let policy = Policy { allow_private: vec!["127.0.0.1:8080".parse().unwrap()], ..Policy::default() };
    let admitted = |address: &str| policy.admit_address(address.parse().unwrap()).is_ok();
    assert!(admitted("127.0.0.1:8080") && admitted("8.8.8.8:443"));
    for address in ["127.0.0.1:8081", "127.0.0.2:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080", "10.0.0.1:443"] {
        assert!(!admitted(address), "{address}");
    }
}

fn key(host: &str, place: Place, template: Option<&str>) -> Secret {
    Secret::new(pattern(host), place, template, &SecretString::from("p/ss word")).unwrap()
}

#[test]
fn a_secret_goes_to_its_host_only() {
    let place = || Place::Header("Authorization".to_owned());
    let secrets = vec![key("https://api.example.com", place(), Some("Bearer {}"))];
    let policy = Policy { secrets, ..Policy::default() };
    let (bound, other) = (target("https://api.example.com"), target("https://www.example.com"));
    let header = policy.secrets(&bound).next().unwrap().header().unwrap().0.to_owned();
    assert_eq!(header, "authorization");
    for url in ["https://www.example.com", "http://api.example.com", "https://api.example.com:8443"] {
        assert_eq!(policy.secrets(&target(url)).count(), 0, "{url}");
    }
    assert_eq!(policy.redact(&bound, b"you said p/ss word").unwrap(), b"you said ***");
    assert_eq!(policy.redact(&bound, b"?k=p%2Fss+word&k=p/ss word").unwrap(), b"?k=***&k=***");
    assert_eq!(policy.redact(&bound, b"p/ss"), None);
    for quoted in ["p%2fss%20word", "%70/ss%20word", "p%2Fss word", "p\\/ss\\ word", "p/ss+word", "p%252Fss%2520word"] {
        let said = format!("/login?next={quoted}&");
        assert_eq!(policy.redact(&bound, said.as_bytes()).unwrap(), b"/login?next=***&", "{quoted}");
    }
    assert_eq!(policy.redact(&bound, b"p%2Fss%2"), None);
    assert_eq!(policy.redact(&other, b"you said p/ss word"), None);
}

#[test]
fn a_secret_with_a_percent_sign_is_found_as_it_is_and_encoded() {
    let host = pattern("https://api.example.com");
    let value = SecretString::from("a%25b");
    let secret = Secret::new(host, Place::Header("authorization".to_owned()), None, &value).unwrap();
    for quoted in ["a%25b", "a%2525b", "%61%2525b", "a\\%25b"] {
        assert_eq!(secret.redact(format!("-{quoted}-").as_bytes()).unwrap(), b"-***-", "{quoted}");
    }
    assert_eq!(secret.redact(b"a%b a%2b a"), None);
    assert!(secret.is_in_name("x-A%25B-x") && !secret.is_in_name("x-a-b"));
}

#[test]
fn a_secret_in_the_query_takes_the_place_of_the_guests() {
    let secrets = vec![key("https://api.example.com", Place::Query("key".to_owned()), None)];
    let policy = Policy { secrets, ..Policy::default() };
    let bound = target("https://api.example.com");
    for (asked, sent) in [
        ("/", "/?key=p%2Fss+word"),
        ("/a?", "/a?key=p%2Fss+word"),
        ("/a?x=1&y", "/a?x=1&y&key=p%2Fss+word"),
        ("/a?key=mine&x=1&k%65y=mine&key", "/a?x=1&key=p%2Fss+word"),
    ] {
        assert_eq!(policy.with_query_secrets(&bound, asked), sent);
    }
    let other = target("https://www.example.com");
    assert_eq!(policy.with_query_secrets(&other, "/a?key=mine"), "/a?key=mine");
}

#[test]
fn what_cannot_be_a_secret_is_refused_without_telling_it() {
    let make = |place: Place, template, value: &str| {
        Secret::new(pattern("https://api.example.com"), place, template, &SecretString::from(value)).unwrap_err()
    };
    let header = |name: &str| Place::Header(name.to_owned());
    assert_eq!(make(header("x y"), None, "v"), BadSecret::Name);
    assert_eq!(make(header(""), None, "v"), BadSecret::Name);
    for name in ["Host", "Transfer-Encoding", "Proxy-Authorization", "Content-Length"] {
        assert_eq!(make(header(name), None, "v"), BadSecret::Forbidden, "{name}");
    }
    assert_eq!(make(header("x"), Some("Bearer"), "v"), BadSecret::Template);
    assert_eq!(make(header("x"), Some("{} {}"), "v"), BadSecret::Template);
    assert_eq!(make(header("x"), Some("{}\r\nx: y"), "v"), BadSecret::Template);
    assert_eq!(make(header("x"), None, "a\r\nHost: b"), BadSecret::Value);
    assert_eq!(make(header("x"), None, ""), BadSecret::Value);
    assert_eq!(make(Place::Query(String::new()), None, "v"), BadSecret::Parameter);
    let secret = key("https://api.example.com", header("x"), None);
    assert!(!format!("{secret:?}").contains("word"), "{secret:?}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(scheme in "\\PC*", authority in any::<String>(), method in any::<String>()) {
        let policy = policy(&["https://api.example.com", "https://*.example.org"]);
        let _verdict = policy.admit(&method, &scheme, &authority);
        let _verdict = policy.admit("GET", "https", &authority);
        let _pattern = authority.parse::<Pattern>();
        let _path = Policy { secrets: vec![key("https://a.b", Place::Query(scheme.clone()+"k"), None)], ..Policy::default() }
            .with_query_secrets(&target("https://a.b"), &authority);
    }

    #[test]
    fn what_is_read_reads_the_same_again(authority in "[-_.a-zA-Z0-9x:\\[\\]%@ßµ。１ａ\u{200d}*/\\\\]{0,24}") {
        if let Ok(target) = Target::parse("https", &authority) {
            let told = target.to_string();
            prop_assert_eq!(read(&told), Ok(target), "{}", told);
        }
    }

    #[test]
    fn a_star_never_covers_more_than_a_label(front in "[-_.a-zA-Z0-9%@:/*\\\\]{0,12}", back in "[.a-z@:]{0,6}") {
        let policy = policy(&["https://*.example.org"]);
        let authority = format!("{front}.example.org{back}");
        if let Ok(Target { host: Host::Name(name), port, .. }) = policy.admit("GET", "https", &authority) {
            prop_assert_eq!(port, 443);
            prop_assert!(name.ends_with(".example.org") && name.split('.').count() == 3, "{}", name);
        }
    }

    #[test]
    fn an_address_in_any_numbers_is_that_address(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = address.octets();
        let spellings = [
            address.to_string(), bits.to_string(), format!("0x{bits:x}"), format!("0{bits:o}"),
            format!("0{a:o}.0x{b:x}.{c}.0{d:o}"), format!("{a}.{}", bits & 0xff_ffff), format!("{a}.{b}.{}", bits & 0xffff),
        ];
        for spelling in spellings {
            let target = Target::parse("http", &spelling);
            prop_assert_eq!(target.map(|target| target.host), Ok(Host::Address(address.into())), "{}", spelling);
        }
    }

    #[test]
    fn no_address_hides_in_another(bits in any::<u32>()) {
        let inner = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = inner.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for outer in [
            inner.to_ipv6_mapped(), inner.to_ipv6_compatible(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low), Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        ] {
            prop_assert!(is_global(outer.into()).is_err(), "{}", outer);
        }
    }

    #[test]
    fn only_global_unicast_is_global(bits in any::<u128>()) {
        let address = Ipv6Addr::from_bits(bits);
        if is_global(IpAddr::V6(address)).is_ok() {
            prop_assert_eq!(address.segments()[0] >> 13, 1);
            prop_assert!(!address.is_loopback() && !address.is_multicast() && !address.is_unique_local());
        }
    }

    #[test]
    fn an_address_of_ipv4_that_is_global_is_of_no_special_kind(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        if is_global(address.into()).is_ok() {
            prop_assert!(!address.is_private() && !address.is_loopback() && !address.is_link_local());
            prop_assert!(!address.is_multicast() && !address.is_broadcast() && !address.is_documentation());
            prop_assert!(!address.is_unspecified() && (1..=223).contains(&address.octets()[0]));
        }
    }
}
