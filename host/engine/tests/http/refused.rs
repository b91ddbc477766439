//! What does not get out.

use hodhod_core::runtime::Limits;
use std::sync::atomic::Ordering;

use super::OK;
use super::kit::{Asker, always, get, names, policy};

const DENIED: &str = "ErrorCode::HttpRequestDenied";
const PROHIBITED: &str = "ErrorCode::DestinationIpProhibited";

#[tokio::test]
async fn what_was_not_granted_is_refused_and_nobody_is_connected_to() {
    let (server, heads) = always(OK).await;
    let (other, others) = always(OK).await;
    let asker = Asker::of(server, Limits::default());
    assert_eq!(asker.ask(&get(other)).await, DENIED);
    assert_eq!(asker.ask(&format!("GET\thttps\t{server}\t/")).await, DENIED);
    assert_eq!(asker.ask("GET\thttps\tapi.example.com\t/").await, DENIED);
    for method in ["CONNECT", "TRACE", "BREW", "get"] {
        let answer = asker.ask(&format!("{method}\thttp\t{server}\t/")).await;
        assert_eq!(answer, "ErrorCode::HttpRequestMethodInvalid", "{method}");
    }
    assert!(heads.lock().unwrap().is_empty() && others.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_spelling_of_an_address_of_this_machine_is_connected_to() {
    let (server, heads) = always(OK).await;
    let port = server.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "2852039166",
    ] {
        let granted = format!("http://{host}:{port}");
        let asker = Asker::new(policy(&[&granted], &[]), Limits::default(), names([&[]]), None);
        assert_eq!(asker.ask(&format!("GET\thttp\t{host}:{port}\t/")).await, PROHIBITED, "{host}");
    }
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_also_where_it_leads_elsewhere_too() {
    let (server, heads) = always(OK).await;
    let outside = "93.184.215.14:80".parse().unwrap();
    for answers in [vec![server], vec![outside, server], vec![server, outside]] {
        let asker = Asker::new(policy(&["http://evil.test"], &[]), Limits::default(), names([&answers]), None);
        assert_eq!(asker.ask("GET\thttp\tevil.test\t/").await, PROHIBITED);
    }
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_is_looked_up_once_so_that_it_cannot_lead_elsewhere_the_second_time() {
    let (server, heads) = always(OK).await;
    let (inside, insiders) = always(OK).await;
    let granted = format!("http://api.test:{}", server.port());
    let names = names([&[server], &[inside]]);
    let asker = Asker::new(policy(&[&granted], &[server]), Limits::default(), names.clone(), None);
    let answer = asker.ask(&format!("GET\thttp\tapi.test:{}\t/", server.port())).await;
    assert!(answer.ends_with("> hello"), "{answer}");
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    assert_eq!((heads.lock().unwrap().len(), insiders.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (inside, insiders) = always(OK).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
    let (server, _) = always(redirect).await;
    let answer = Asker::of(server, Limits::default()).ask(&get(server)).await;
    assert!(answer.starts_with("302\n"), "{answer}");
    assert!(insiders.lock().unwrap().is_empty());
}

#[tokio::test]
async fn fields_of_the_connection_and_smuggled_lines_are_refused() {
    let (server, heads) = always(OK).await;
    let asker = Asker::of(server, Limits::default());
    for field in [
        "Host: evil.test",
        "connection: keep-alive",
        "Transfer-Encoding: chunked",
        "upgrade: h2c",
        "TE: trailers",
        "Proxy-Authorization: x",
        "proxy-anything: x",
        "keep-alive: 1",
        "Trailer: x",
        "expect: 100-continue",
        "x: a\\r\\nHost: evil.test",
        "x\\r\\ny: b",
        "x: a\\0b",
        "content-length: +5",
        "content-length: 5, 6",
        "content-length: 0\ncontent-length: 5",
    ] {
        let answer = asker.ask(&format!("{}\n{field}", get(server))).await;
        assert!(answer.contains("HeaderError"), "{field}: {answer}");
    }
    for path in ["/ HTTP/1.1\\r\\nx: y", "http://evil.test/", "*", "evil"] {
        let answer = asker.ask(&format!("GET\thttp\t{server}\t{path}")).await;
        assert_eq!(answer, "the path is refused", "{path}");
    }
    assert!(heads.lock().unwrap().is_empty());
}
