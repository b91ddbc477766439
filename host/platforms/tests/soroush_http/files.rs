//! What files promise: the bytes as they are, an error in the place of a file known as one, and a
//! word on whether trying again may help.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hodhod_core::platform::{FileBytes, FileError, Platform, Upload};
use hodhod_platforms::playground::soroush::{Call, SoroushServer};
use hodhod_platforms::soroush::{Options, Timing};
use tokio::time::{Instant, timeout};

use crate::kit::*;

const KEY: &str = "k3y-_of.a~file";

fn streamed(bytes: &[u8]) -> FileBytes {
    let pieces: Vec<_> = bytes.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

fn upload(bytes: &[u8]) -> Upload {
    Upload {
        name: "گل 🌹.jpg".to_owned(),
        mime: "image/jpeg".to_owned(),
        size: bytes.len() as u64,
        bytes: streamed(bytes),
    }
}

/// What a download becomes: its size and its bytes.
async fn downloaded(options: Options, key: &str) -> Result<(Option<u64>, Vec<u8>), FileError> {
    let download = soroush(options).download(key).await?;
    let pieces: Vec<Bytes> = download.bytes.try_collect().await?;
    Ok((download.size, pieces.concat()))
}

async fn fetched(steps: Vec<Step>) -> Result<(Option<u64>, Vec<u8>), FileError> {
    let server = Server::new([steps]).await;
    downloaded(server.options(), KEY).await
}

async fn put(steps: Vec<Step>) -> Result<String, FileError> {
    let server = Server::new([steps]).await;
    server.soroush().upload(upload(b"abc")).await
}

fn refused<T: Debug>(result: Result<T, FileError>) -> String {
    assert!(matches!(result, Err(FileError::Refused(_))), "{result:?}");
    result.err().map(words).unwrap()
}

fn unavailable<T: Debug>(result: Result<T, FileError>) -> String {
    assert!(matches!(result, Err(FileError::Unavailable(_))), "{result:?}");
    result.err().map(words).unwrap()
}

fn words(error: FileError) -> String {
    error.to_string().split_once(": ").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_download_asks_for_the_key_as_it_is_and_gives_the_bytes() {
    let server = Server::new([vec![answer("200 OK", "", "bytes")]]).await;
    let got = downloaded(server.options(), "k3y-_of \n.a~file").await;
    assert_eq!(got, Ok((Some(5), b"bytes".to_vec())));
    let request = server.requests().remove(0);
    assert!(request.starts_with(&format!("GET /{TOKEN}/downloadFile/{KEY} HTTP/1.1\r\n")), "{request}");
}

#[tokio::test]
async fn what_is_no_key_is_asked_of_nobody() {
    let server = Server::new([vec![answer("200 OK", "", "x")]]).await;
    for bad in ["", "..", "a/b", "http://a", "a?b", "کلید"] {
        refused(downloaded(server.options(), bad).await);
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn files_of_every_length_come_with_and_without_their_length() {
    for length in [0, 1, 4095, 4096, 4097, 200_000] {
        let whole: String = "0123456789".chars().cycle().take(length).collect();
        let got = fetched(vec![answer("200 OK", "", &whole)]).await;
        assert_eq!(got, Ok((Some(length as u64), whole.clone().into_bytes())));
        let head = say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let (_, bytes) = fetched(vec![head, say(whole.clone())]).await.unwrap();
        assert_eq!(bytes, whole.into_bytes());
    }
}

#[tokio::test]
async fn an_error_in_the_place_of_a_file_is_one_and_a_file_that_looks_like_json_is_none() {
    for error in [
        r#"{"resultCode":404,"resultMessage":"Invalid File Url"}"#,
        r#" {"resultCode":"404","resultMessage":"Invalid File Url"} "#,
        r#"{"resultCode":404,"description":"Invalid File Url"}"#,
    ] {
        assert_eq!(refused(fetched(vec![answer("200 OK", "", error)]).await), "404 Invalid File Url");
    }
    refused(fetched(vec![answer("200 OK", "", r#"{"resultCode":200,"resultMessage":"OK"}"#)]).await);
    let padded = format!(r#"{{"resultCode":404,"x":"{}"}}"#, "x".repeat(4096));
    for file in [
        "{}",
        r#"{"resultMessage":"of somebody's own"}"#,
        r#"{"resultCode":"none"}"#,
        r#"{"resultCode":200,"data":[1]}"#,
        r#"[{"resultCode":404}]"#,
        r#"{"resultCode":404"#,
        &padded,
    ] {
        let (_, bytes) = fetched(vec![answer("200 OK", "", file)]).await.unwrap();
        assert_eq!(bytes, file.as_bytes());
    }
}

#[tokio::test]
async fn a_status_says_whether_trying_again_may_help() {
    for status in ["400 Bad", "401 No", "404 Not Found", "413 Large"] {
        refused(fetched(vec![answer(status, "", "no")]).await);
        refused(put(vec![answer(status, "", "no")]).await);
    }
    for status in ["301 Moved", "408 Slow", "429 Much", "500 Oops", "503 Busy", "504 Gate"] {
        assert!(unavailable(fetched(vec![answer(status, "", "<html>")]).await).contains("<html>"));
        unavailable(put(vec![answer(status, "", "<html>")]).await);
    }
    for status in ["429 Much", "503 Busy"] {
        let wait = Err(FileError::Wait(Duration::from_secs(7)));
        assert_eq!(fetched(vec![answer(status, "Retry-After: 7\r\n", "")]).await.map(drop), wait);
        assert_eq!(put(vec![answer(status, "Retry-After: 7\r\n", "")]).await.map(drop), wait);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Server::new([vec![answer("200 OK", "", "x")]]).await;
    let location = format!("Location: {}/x\r\n", elsewhere.base());
    unavailable(fetched(vec![answer("302 Found", &location, "")]).await);
    unavailable(put(vec![answer("307 Temporary", &location, "")]).await);
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_download_that_breaks_off_or_falls_silent_is_no_whole_file() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let begun = || say(format!("{head}{}", "x".repeat(50_000)));
    unavailable(fetched(vec![begun()]).await);
    unavailable(fetched(vec![begun(), Step::Break]).await);
    let quiet = Timing { file: Duration::from_millis(50), ..quick() };
    for steps in [vec![begun(), Step::Hold], vec![say("HTTP/1.1 200 OK\r\n\r\nx"), Step::Hold], vec![Step::Hold]] {
        let server = Server::new([steps]).await;
        let why = unavailable(downloaded(Options { timing: quiet.clone(), ..server.options() }, KEY).await);
        // Who gave a few bytes and then nothing is both.
        assert!(why.contains("said nothing") || why.contains("bytes a second"), "{why}");
    }
}

/// What comes of it, and how long that takes, which is less than a day.
async fn in_a_day<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let what = timeout(Duration::from_secs(24 * 60 * 60), what).await.unwrap();
    (what, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_gives_a_file_byte_by_byte_is_given_up_and_an_error_of_it_too() {
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        // What could still be an error is read for a while before it counts as a file.
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n",
    ];
    for head in heads {
        let server = Server::new([vec![say(head), Step::Drip]]).await;
        let (read, took) = in_a_day(downloaded(server.options(), KEY)).await;
        unavailable(read);
        assert!(took < Duration::from_secs(60), "{head}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_goes_out_byte_by_byte_is_given_up() {
    let server = Server::new([vec![Step::Hold]]).await;
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Bytes::from_static(b"x")), ()))
    });
    let (put, took) =
        in_a_day(server.soroush().upload(Upload { size: 1 << 20, bytes: drops.boxed(), ..upload(b"") })).await;
    assert!(unavailable(put).contains("4096 bytes a second"));
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[tokio::test]
async fn an_upload_is_a_form_with_one_part_of_known_length_and_a_plain_name() {
    let answered = answer("200 OK", "", r#"{"fileUrl":"new \n k3y","resultCode":200,"resultMessage":"OK"}"#);
    let server = Server::new([vec![answered]]).await;
    assert_eq!(server.soroush().upload(upload(b"some bytes")).await.as_deref(), Ok("newk3y"));
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("POST /{TOKEN}/uploadFile HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("\r\naccept: application/json"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
    let boundary = head.split_once("multipart/form-data; boundary=").unwrap().1.lines().next().unwrap();
    let part = "Content-Disposition: form-data; name=\"file\"; filename=\"file.jpg\"\r\nContent-Type: image/jpeg";
    assert_eq!(body, format!("--{boundary}\r\n{part}\r\n\r\nsome bytes\r\n--{boundary}--\r\n"));
}

#[tokio::test]
async fn only_a_result_with_a_key_is_an_upload() {
    let refused_with = refused(put(vec![answer("200 OK", "", r#"{"resultCode":7,"resultMessage":"no room"}"#)]).await);
    assert_eq!(refused_with, "7 no room");
    for body in ["", "<Result/>", "{}", r#"{"resultCode":200}"#, r#"{"resultCode":200,"fileUrl":"a/b"}"#, "[]"] {
        unavailable(put(vec![answer("200 OK", "", body)]).await);
    }
    for steps in [vec![], vec![Step::Break]] {
        unavailable(put(steps).await);
    }
    let server = Server::new([vec![Step::Hold]]).await;
    let timing = Timing { file: Duration::from_millis(50), ..quick() };
    unavailable(soroush(Options { timing, ..server.options() }).upload(upload(b"x")).await);
}

#[tokio::test]
async fn a_file_over_the_cap_is_not_begun() {
    let server = Server::new([vec![answer("500 Oops", "", "")]]).await;
    let capped = soroush(Options { max_upload: 2, ..server.options() });
    assert_eq!(capped.upload(upload(b"abc")).await, Err(FileError::TooLarge(2)));
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_source_that_fails_or_ends_early_is_no_upload() {
    let server = SoroushServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    server.add_bot(TOKEN);
    let soroush = soroush(Options { base_url: server.base_url(), timing: quick(), ..Options::default() });
    let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err(FileError::Unavailable("disk".to_owned()))]);
    for bytes in [broken.boxed(), streamed(b"short")] {
        unavailable(soroush.upload(Upload { bytes, size: 1000, ..upload(b"") }).await);
    }
}

#[tokio::test]
async fn what_was_uploaded_to_the_local_server_is_downloaded_from_it() {
    let server = SoroushServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    server.add_bot(TOKEN);
    let soroush = soroush(Options { base_url: server.base_url(), timing: quick(), ..Options::default() });
    for length in [0, 1, 100, 3_000_000] {
        let whole: Vec<u8> = (0..=255).cycle().take(length).collect();
        let key = soroush.upload(upload(&whole)).await.unwrap();
        assert_eq!(server.file(&key).unwrap().bytes, whole);
        assert_eq!(server.file(&key).unwrap().name, "file.jpg");
        let download = soroush.download(&key).await.unwrap();
        assert_eq!(download.size, Some(length as u64));
        assert_eq!(download.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), whole);
    }
    server.refuse(Call::DownloadFile, 1, 500);
    unavailable(soroush.download("gone").await.map(|download| download.size));
    assert_eq!(refused(soroush.download("gone").await.map(|download| download.size)), "404 Invalid File Url");
}
