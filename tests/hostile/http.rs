//! Guests that may ask one server, and ask for others.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use futures::future::BoxFuture;
use hodhod_core::egress::Policy;
use hodhod_engine::{Network, Resolve};

use crate::kit::Attack;

const DENIED: &str = "ErrorCode::HttpRequestDenied";
const FULL: &str = "ErrorCode::ConnectionLimitReached";
const PROHIBITED: &str = "ErrorCode::DestinationIpProhibited";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

/// Answers look-ups from a list: the first time with the first, and so on; then with the last.
struct Names(Vec<Vec<SocketAddr>>, AtomicUsize);

impl Resolve for Names {
    fn resolve(&self, _name: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        let answer = self.0.get(turn).or(self.0.last()).cloned().unwrap_or_default();
        Box::pin(async move { Ok(answer) })
    }
}

/// Knows no name.
pub(crate) fn nobody() -> impl Resolve {
    Names(vec![], AtomicUsize::new(0))
}

/// A server on this machine that answers everybody the same, and the heads of what it was asked.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = heads.clone();
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut head) = (stream.unwrap(), Vec::new());
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                noted.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                // Whoever asked may be gone.
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, heads }
    }

    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn policy(hosts: &[String], private: &[SocketAddr]) -> Policy {
    Policy {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        allow_private: private.to_vec(),
        ..Policy::default()
    }
}

fn attack(asked: &str, policy: Policy, names: Vec<Vec<SocketAddr>>) -> Attack {
    let network = Network::new(Arc::new(Names(names, AtomicUsize::new(0))), None).unwrap();
    // Debug builds wait for more than release builds do.
    Attack::asks(asked, policy, network).limits(|limits| limits.http_minute = 1_000_000)
}

/// An address of this machine, spelt so; the operator has granted that very spelling.
fn is_prohibited(host: &str) {
    let server = Server::start(OK.to_owned());
    let port = server.address.port();
    let attack =
        attack(&format!("GET\thttp\t{host}:{port}\t/"), policy(&[format!("http://{host}:{port}")], &[]), vec![]);
    let seen = attack.run().ends_well();
    assert_eq!(seen.texts(), [PROHIBITED]);
    assert_eq!(server.asked(), 0, "nobody came");
}

#[test]
fn this_machine() {
    is_prohibited("127.0.0.1");
}

#[test]
fn this_machine_as_one_number() {
    is_prohibited("2130706433");
}

#[test]
fn this_machine_in_octal() {
    is_prohibited("0177.0.0.1");
}

#[test]
fn this_machine_in_hex() {
    is_prohibited("0x7f000001");
}

#[test]
fn this_machine_without_zeros() {
    is_prohibited("127.1");
}

#[test]
fn this_machine_as_nowhere() {
    is_prohibited("0.0.0.0");
}

#[test]
fn this_machine_mapped_into_ipv6() {
    is_prohibited("[::ffff:127.0.0.1]");
}

#[test]
fn this_machine_behind_nat64() {
    is_prohibited("[64:ff9b::7f00:1]");
}

#[test]
fn this_machine_behind_6to4() {
    is_prohibited("[2002:7f00:1::]");
}

#[test]
fn the_servers_of_the_cloud() {
    is_prohibited("169.254.169.254");
}

#[test]
fn an_address_with_a_zone() {
    let server = Server::start(OK.to_owned());
    let port = server.address.port();
    let asked = format!("GET\thttp\t[fe80::1%25eth0]:{port}\t/");
    let seen = attack(&asked, policy(&[format!("http://[fe80::1]:{port}")], &[]), vec![]).run().ends_well();
    assert!(
        [DENIED, "the authority is refused", "ErrorCode::HttpRequestUriInvalid"].contains(&&*seen.texts()[0]),
        "{:?}",
        seen.texts()
    );
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_server_that_was_not_granted() {
    let (granted, other) = (Server::start(OK.to_owned()), Server::start(OK.to_owned()));
    let asked = format!("GET\thttp\t{}\t/", other.address);
    let policy = policy(&[format!("http://{}", granted.address)], &[granted.address, other.address]);
    assert_eq!(attack(&asked, policy, vec![]).run().ends_well().texts(), [DENIED]);
    assert_eq!((granted.asked(), other.asked()), (0, 0));
}

#[test]
fn a_server_behind_a_name_and_a_password() {
    let server = Server::start(OK.to_owned());
    let asked = format!("GET\thttp\t{}@{}\t/", "api.test", server.address);
    let seen = attack(&asked, policy(&["http://api.test".to_owned()], &[server.address]), vec![]).run().ends_well();
    assert!(
        ["the authority is refused", DENIED, "ErrorCode::HttpRequestUriInvalid"].contains(&&*seen.texts()[0]),
        "{:?}",
        seen.texts()
    );
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_name_that_leads_to_this_machine() {
    let server = Server::start(OK.to_owned());
    let outside = "93.184.215.14:80".parse().unwrap();
    let policy = policy(&["http://evil.test".to_owned()], &[]);
    let seen = attack("GET\thttp\tevil.test\t/", policy, vec![vec![outside, server.address]]).run().ends_well();
    assert_eq!(seen.texts(), [PROHIBITED]);
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_name_that_leads_elsewhere_the_second_time() {
    let (server, inside) = (Server::start(OK.to_owned()), Server::start(OK.to_owned()));
    let port = server.address.port();
    let policy = policy(&[format!("http://api.test:{port}")], &[server.address]);
    let names = vec![vec![server.address], vec![inside.address]];
    let seen = attack(&format!("GET\thttp\tapi.test:{port}\t/"), policy, names).run().ends_well();
    assert!(seen.texts()[0].ends_with("> hello"), "{:?}", seen.texts());
    assert_eq!(inside.asked(), 0, "where it leads later is refused");
}

#[test]
fn a_redirect_to_this_machine() {
    let inside = Server::start(OK.to_owned());
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        inside.address
    );
    let server = Server::start(redirect);
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let seen = attack(&format!("GET\thttp\t{}\t/", server.address), policy, vec![]).run().ends_well();
    assert!(seen.texts()[0].starts_with("302\n"), "{:?}", seen.texts());
    assert_eq!(inside.asked(), 0);
}

/// A field that is refused before anything is sent.
fn is_no_field(field: &str) {
    let server = Server::start(OK.to_owned());
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let seen = attack(&format!("GET\thttp\t{}\t/\n{field}", server.address), policy, vec![]).run().ends_well();
    assert!(seen.texts()[0].contains("HeaderError"), "{:?}", seen.texts());
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_field_with_another_field_in_it() {
    is_no_field("x: a\\r\\nHost: evil.test");
}

#[test]
fn a_host_of_its_own() {
    is_no_field("Host: evil.test");
}

#[test]
fn a_transfer_encoding_of_its_own() {
    is_no_field("Transfer-Encoding: chunked");
}

#[test]
fn a_path_with_another_request_in_it() {
    let server = Server::start(OK.to_owned());
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let asked = format!("GET\thttp\t{}\t/ HTTP/1.1\\r\\nx: y", server.address);
    assert_eq!(attack(&asked, policy, vec![]).run().ends_well().texts(), ["the path is refused"]);
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_tunnel() {
    let server = Server::start(OK.to_owned());
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let asked = format!("CONNECT\thttp\t{}\t/", server.address);
    assert_eq!(attack(&asked, policy, vec![]).run().ends_well().texts(), ["ErrorCode::HttpRequestMethodInvalid"]);
    assert_eq!(server.asked(), 0);
}

#[test]
fn more_requests_than_a_minute_has() {
    let server = Server::start(OK.to_owned());
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let one = format!("GET\thttp\t{}\t/", server.address);
    let attack = attack(&vec![one; 5].join("\n\n"), policy, vec![]).limits(|limits| limits.http_minute = 3);
    let text = attack.run().ends_well().texts().join("");
    assert_eq!((text.matches("> hello").count(), text.matches(FULL).count()), (3, 2), "{text}");
    assert_eq!(server.asked(), 3);
}

#[test]
fn forty_requests_at_once() {
    let server = Server::start(OK.to_owned());
    let policy = policy(&[format!("http://{}", server.address)], &[server.address]);
    let one = format!("GET\thttp\t{}\t/", server.address);
    let attack = attack(&vec![one; 40].join("\n\n"), policy, vec![]).limits(|limits| {
        limits.http_at_once = 2;
        limits.cpu = std::time::Duration::from_secs(2);
    });
    let text = attack.run().ends_well().texts().join("");
    assert_eq!(text.matches("> hello").count(), 40, "each has its turn: {text}");
}
