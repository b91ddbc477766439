//! Files: up in two steps, down from where a message says, and on from one message to another.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hodhod_core::event::{Media, MediaKind};
use hodhod_core::outgoing::{Body, Outgoing};
use hodhod_core::platform::{Download, FileError, Platform, SendError, Upload};
use hodhod_platforms::divar::Options;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::divar_kit::{API_KEY, Rig};
use super::server::{Server, Step, answer, endless, ok};

const UPLOAD_TOKEN: &str = "dXBsb2FkLXRva2Vu";

fn token() -> Vec<Step> {
    ok(&format!(r#"{{"token":"{UPLOAD_TOKEN}"}}"#))
}

fn upload(name: &str, mime: &str, bytes: &'static [u8]) -> Upload {
    let pieces = bytes.chunks(3).map(|piece| Ok(Bytes::from_static(piece)));
    let size = bytes.len() as u64;
    Upload { name: name.to_owned(), mime: mime.to_owned(), size, bytes: stream::iter(pieces).boxed() }
}

async fn bytes(download: Result<Download, FileError>) -> Result<Vec<u8>, FileError> {
    download?.bytes.try_fold(Vec::new(), async |all, piece| Ok([all, piece.to_vec()].concat())).await
}

fn image(file: String) -> Outgoing {
    let media = Media::new(MediaKind::Image, file);
    Outgoing { body: Body::Media(media), ..Outgoing::text("") }
}

#[tokio::test]
async fn a_file_goes_up_in_two_steps_and_its_token_goes_out_with_a_message() {
    let server = Server::new([token(), ok(r#"{"id":"m3dia-t0ken","status":"ok"}"#), ok("{}")]).await;
    let rig = Rig::with(server.options());
    let key = rig.divar.upload(upload("باغ ۱.jpg", "image/jpeg", b"\xff\xd8 a picture")).await.unwrap();
    assert_eq!(key, "token:m3dia-t0ken");
    let [first, second] = server.asked().try_into().unwrap();
    assert_eq!(first.line, "POST /experimental/open-platform/chat/upload");
    assert_eq!((first.header("x-api-key"), first.json()), (Some(API_KEY), json!({})));
    assert_eq!(second.line, "POST /upload/image");
    assert_eq!(second.header("authorization"), Some(format!("Bearer {UPLOAD_TOKEN}").as_str()));
    assert_eq!(second.header("x-api-key"), None, "the other server needs no key of the app");
    let form = second.text();
    assert!(form.contains(r#"name="file""#) && form.contains("filename") && form.contains("image/jpeg"), "{form}");
    let is_part = |part: &[u8]| second.body.windows(part.len()).any(|window| window == part);
    assert!(is_part(b"\r\n\r\n\xff\xd8 a picture\r\n--"));

    rig.divar.accepts(&"bot:c".into(), &image(key.clone())).unwrap();
    rig.divar.send(&"bot:c".into(), &image(key)).await.unwrap();
    assert_eq!(server.asked()[2].json(), json!({"text_message": "", "media_token": "m3dia-t0ken"}));
}

#[tokio::test]
async fn each_kind_of_file_goes_where_divar_takes_it() {
    for (name, mime, line) in [
        ("a.png", "image/png", "POST /upload/image"),
        ("a.mp4", "video/mp4", "POST /upload/video"),
        ("a.m4a", "audio/mp4", "POST /upload/voice"),
        ("a.pdf", "application/pdf", "POST /upload/file"),
    ] {
        let server = Server::new([token(), ok(r#"{"id":77}"#)]).await;
        let rig = Rig::with(server.options());
        assert_eq!(rig.divar.upload(upload(name, mime, b"x")).await.unwrap(), "token:77");
        assert_eq!(server.lines()[1], line);
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_does_not_begin_to_go_out() {
    let server = Server::new([token()]).await;
    let rig = Rig::with(server.options());
    for (mime, largest) in [("image/png", 5 << 20), ("audio/mp4", 3 << 19), ("video/mp4", 50 << 20), ("x/y", 5 << 20)] {
        let upload = Upload { size: largest + 1, ..upload("a", mime, b"x") };
        assert_eq!(rig.divar.upload(upload).await, Err(FileError::TooLarge(largest)));
    }
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn what_goes_wrong_with_an_upload_says_whether_to_try_again() {
    let outcome = async |script: [Vec<Step>; 2]| {
        let server = Server::new(script).await;
        let rig = Rig::with(server.options());
        let failed = rig.divar.upload(upload("a.png", "image/png", b"x")).await.unwrap_err();
        let told = format!("{failed:?} {:?}", rig.divar.health());
        assert!(!told.contains(UPLOAD_TOKEN) && !told.contains(API_KEY), "{told}");
        (failed, rig.divar.health().trouble)
    };
    let refused = answer("403 Forbidden", "", r#"{"code":7,"message":"CHAT_UPLOAD_MEDIA"}"#);
    let (failed, trouble) = outcome([refused, token()]).await;
    assert!(matches!(failed, FileError::Refused(_)) && trouble.unwrap().contains("CHAT_UPLOAD_MEDIA"));
    let unavailable = |failed: &FileError| matches!(failed, FileError::Unavailable(_));
    assert!(unavailable(&outcome([ok("{}"), token()]).await.0));
    assert!(unavailable(&outcome([token(), answer("500 Oops", "", "")]).await.0));
    assert!(unavailable(&outcome([token(), vec![Step::Break]]).await.0));
    assert!(unavailable(&outcome([token(), ok("<html>")]).await.0));
    let wait = answer("429 Too Many Requests", "Retry-After: 9\r\n", UPLOAD_TOKEN);
    assert_eq!(outcome([token(), wait]).await.0, FileError::Wait(Duration::from_secs(9)));
    for bad in [r#"{"status":"error"}"#, r#"{"id":"x","status":"virus"}"#] {
        assert!(matches!(outcome([token(), ok(bad)]).await.0, FileError::Refused(_)), "{bad}");
    }
    let quoted = answer("400 Bad Request", "", format!("bad token {UPLOAD_TOKEN}"));
    assert!(matches!(outcome([token(), quoted]).await.0, FileError::Refused(words) if words.contains("***")));
}

#[tokio::test]
async fn a_server_that_takes_a_file_and_then_says_nothing_is_given_up() {
    let server = Server::new([token(), vec![Step::Hold]]).await;
    let mut options = server.options();
    options.timing.file = Duration::from_millis(100);
    let failed = Rig::with(options).divar.upload(upload("a.png", "image/png", b"x")).await;
    assert!(matches!(failed, Err(FileError::Unavailable(_))), "{failed:?}");
}

/// A server that gives a file a byte each second.
fn dripping() -> Vec<Step> {
    vec![Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec()), Step::Drip]
}

/// What comes of it, and how long that takes, which is less than a day.
async fn in_a_day<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let what = timeout(Duration::from_secs(24 * 60 * 60), what).await.unwrap();
    (what, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_a_file_byte_by_byte_is_given_up_and_a_send_of_it_with_it() {
    let server = Server::new([dripping()]).await;
    let rig = Rig::with(server.options());
    let link = format!("link:{}", server.url("/a.png"));
    let (read, took) = in_a_day(async { bytes(rig.divar.download(&link).await).await }).await;
    assert!(matches!(&read, Err(FileError::Unavailable(words)) if words.contains("4096 bytes a second")), "{read:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");

    let server = Server::new([dripping(), token(), vec![Step::Hold]]).await;
    let rig = Rig::with(server.options());
    let message = image(format!("link:{}", server.url("/a.png")));
    let (sent, took) = in_a_day(rig.divar.send(&"bot:c".into(), &message)).await;
    assert!(matches!(&sent, Err(SendError::NotSent(_))), "{sent:?}");
    assert!(took < Duration::from_secs(90), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_a_file_byte_by_byte_is_given_up() {
    let server = Server::new([token(), vec![Step::Sip(2048)]]).await;
    let mut options = server.options();
    // A line to this machine holds megabytes, so that nobody sees for long that something is taken.
    options.timing.file = Duration::from_secs(30 * 60);
    let rig = Rig::with(options);
    let pieces = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 4096])));
    let size = 50 << 20;
    let film = Upload { name: "a.mp4".to_owned(), mime: "video/mp4".to_owned(), size, bytes: pieces.boxed() };
    let (put, took) = in_a_day(rig.divar.upload(film)).await;
    assert!(matches!(&put, Err(FileError::Unavailable(words)) if words.contains("4096 bytes a second")), "{put:?}");
    // Taking all of it would last seven hours. What the line holds seems to have been taken.
    assert!(took < Duration::from_secs(5 * 60 * 60), "{took:?}");
}

#[tokio::test]
async fn a_file_of_a_message_is_read_from_where_the_message_says() {
    let server = Server::new([answer("200 OK", "", b"\x00\xff bytes"), endless(b"of any length")]).await;
    let rig = Rig::with(server.options());
    let read = async || bytes(rig.divar.download(&format!("link:{}", server.url("/c/باغ.jpg?sig=a%2Bb"))).await).await;
    assert_eq!(read().await.unwrap(), b"\x00\xff bytes");
    assert_eq!(read().await.unwrap(), b"of any length");
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "GET /c/%D8%A8%D8%A7%D8%BA.jpg?sig=a%2Bb");
    assert_eq!((asked.header("x-api-key"), asked.header("authorization"), asked.header("cookie")), (None, None, None));
}

#[tokio::test]
async fn nothing_is_asked_of_an_address_that_is_not_out_in_the_world() {
    let server = Server::new([ok("secret")]).await;
    let rig = Rig::with(Options { allow_private: Vec::new(), ..server.options() });
    let port = server.address.port();
    for bad in [
        server.url("/a"),
        format!("https://127.0.0.1:{port}/a"),
        format!("https://localhost:{port}/a"),
        format!("https://[::ffff:127.0.0.1]:{port}/a"),
        format!("https://2130706433:{port}/a"),
        format!("https://0:{port}/a"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let refused = rig.divar.download(&format!("link:{bad}")).await.map(drop);
        assert!(matches!(refused, Err(FileError::Refused(_))), "{bad}: {refused:?}");
    }
    for bad in ["", "link:", "link:file:///etc/passwd", "x", "link:https://u:p@example.com/"] {
        assert!(matches!(rig.divar.download(bad).await.map(drop), Err(FileError::Refused(_))), "{bad}");
    }
    assert!(matches!(rig.divar.download("token:x").await.map(drop), Err(FileError::Unsupported(_))));
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_download_ends_at_its_limit_and_follows_nobody() {
    let read = async |step: Vec<Step>| {
        let server = Server::new([step]).await;
        let rig = Rig::with(Options { max_download: 1000, ..server.options() });
        bytes(rig.divar.download(&format!("link:{}", server.url("/a"))).await).await
    };
    assert_eq!(read(answer("200 OK", "", [b'x'; 1001])).await, Err(FileError::TooLarge(1000)));
    assert_eq!(read(endless(&[b'x'; 100_000])).await, Err(FileError::TooLarge(1000)));
    assert_eq!(read(answer("200 OK", "", [b'x'; 1000])).await.unwrap().len(), 1000);
    let moved = answer("302 Found", "Location: http://169.254.169.254/\r\n", "");
    assert!(matches!(read(moved).await, Err(FileError::Refused(_))));
    assert!(matches!(read(answer("404 Not Found", "", "")).await, Err(FileError::Refused(_))));
    assert!(matches!(read(answer("503 Busy", "Retry-After: 5\r\n", "")).await, Err(FileError::Wait(_))));
    assert!(matches!(read(answer("500 Oops", "", "")).await, Err(FileError::Unavailable(_))));
    let cut = vec![Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()), Step::Break];
    assert!(matches!(read(cut).await, Err(FileError::Unavailable(_))));
}

#[tokio::test]
async fn a_file_of_a_message_goes_on_to_another_chat_by_way_of_an_upload() {
    for file in [answer("200 OK", "", b"a picture"), endless(b"a picture")] {
        let server = Server::new([file, token(), ok(r#"{"id":"m","status":"OK"}"#), ok("{}")]).await;
        let rig = Rig::with(server.options());
        let message = image(format!("link:{}", server.url("/c/%D8%A8.png?sig=1")));
        rig.divar.accepts(&"bot:c".into(), &message).unwrap();
        rig.divar.send(&"bot:c".into(), &message).await.unwrap();
        let lines = [
            "GET /c/%D8%A8.png?sig=1",
            "POST /experimental/open-platform/chat/upload",
            "POST /upload/image",
            "POST /v1/open-platform/chat/bot/conversations/c/messages",
        ];
        assert_eq!(server.lines(), lines);
        assert!(server.asked()[2].text().contains("a picture"));
        assert_eq!(server.asked()[3].json()["media_token"], "m");
    }
}

#[tokio::test]
async fn a_message_whose_file_cannot_be_had_did_not_go_out() {
    let sent = async |script: [Vec<Step>; 2]| {
        let server = Server::new(script).await;
        let rig = Rig::with(server.options());
        let sent = rig.divar.send(&"bot:c".into(), &image(format!("link:{}", server.url("/a.png")))).await;
        assert!(server.lines().iter().all(|line| !line.ends_with("/messages")), "{:?}", server.lines());
        sent.unwrap_err()
    };
    assert!(matches!(sent([answer("404 Not Found", "", ""), token()]).await, SendError::Refused(_)));
    assert!(matches!(sent([vec![Step::Break], token()]).await, SendError::NotSent(_)));
    let file = || answer("200 OK", "", "x");
    assert!(matches!(sent([file(), answer("500 Oops", "", "")]).await, SendError::NotSent(_)));
    assert!(matches!(sent([file(), answer("403 No", "", "")]).await, SendError::Refused(_)));
    // Larger than pictures may be, which shows only on the way.
    let large = endless(&vec![b'x'; (5 << 20) + 1]);
    let failed = sent([large, token()]).await;
    assert!(matches!(&failed, SendError::Refused(words) if words.contains("5242880")), "{failed:?}");
}
