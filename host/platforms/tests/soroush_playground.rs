//! The connection against the local Soroush server, which somebody else wrote: two readings of one
//! description must agree.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::event::{Content, Event, Location, Media, MediaKind, Message};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Incoming, Intake, Platform, SendError, Sent};
use hodhod_core::store::StoreError;
use hodhod_platforms::playground::soroush::{
    Chunks, FileKind, Framing, IncomingFile, LineEnd, SendFault, SoroushServer, StreamCut, StreamEnd, StreamFaults,
    Terminator,
};
use hodhod_platforms::soroush::{Options, Soroush, SoroushConfig, Timing};

const TOKEN: &str = "pl4yground-token_";

/// Remembers what it took, each key once.
#[derive(Default)]
struct Kept {
    keys: Mutex<BTreeSet<String>>,
    messages: Mutex<Vec<Message>>,
}

impl Intake for Kept {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        let mut new = 0;
        for incoming in events {
            if let Event::Message(message) = &*incoming.event
                && self.keys.lock().unwrap().insert(incoming.key)
            {
                self.messages.lock().unwrap().push(message.clone());
                new += 1;
            }
        }
        async move { Ok(new) }.boxed()
    }
}

impl Kept {
    fn contents(&self) -> Vec<Content> {
        self.messages.lock().unwrap().iter().map(|message| message.content.clone()).collect()
    }
}

async fn server() -> SoroushServer {
    let server = SoroushServer::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    server.add_bot(TOKEN);
    server
}

fn soroush(server: &SoroushServer) -> Soroush {
    let timing =
        Timing { first_delay: Duration::from_millis(2), max_delay: Duration::from_millis(20), ..Timing::default() };
    let options = Options { base_url: server.base_url(), timing, ..Options::default() };
    Soroush::new(SoroushConfig { name: "shop".into(), token: TOKEN.into(), options }).unwrap()
}

/// Receives until so many messages have come.
async fn receive(server: &SoroushServer, kept: &Kept, count: usize) {
    let soroush = soroush(server);
    let enough = async {
        while kept.messages.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let until = tokio::time::timeout(Duration::from_secs(20), enough);
    tokio::select! {
        () = soroush.receive(kept) => {}
        done = until => assert!(done.is_ok(), "{:?}", kept.contents()),
    }
}

fn framings() -> Vec<Framing> {
    let mut framings = Vec::new();
    for terminator in [Terminator::Prompt, Terminator::LateBlankLine, Terminator::LateLineEnd] {
        for line_end in [LineEnd::Lf, LineEnd::CrLf, LineEnd::Cr] {
            for chunks in [Chunks::Coalesced, Chunks::Events, Chunks::Bytes(7)] {
                let common = Framing { line_end, terminator, chunks, byte_order_mark: true, ..Framing::default() };
                framings.extend([
                    Framing { bare_json: true, ..common },
                    Framing { ids: true, comments: true, retry: Some(Duration::from_millis(1)), ..common },
                    Framing { space_after_colon: true, byte_order_mark: false, ..common },
                ]);
            }
        }
    }
    framings
}

#[tokio::test]
async fn every_form_of_the_stream_brings_every_message_without_waiting_for_the_next() {
    let wanted = ["سلام", " می\u{200c}خواهم ۳ نان ", "{\"}\n\ndata:", "😀"];
    for framing in framings() {
        let server = server().await;
        server.set_stream_faults(StreamFaults { framing, duplicates: true, ..StreamFaults::default() });
        for text in wanted {
            server.say(TOKEN, "zahra", text).unwrap();
        }
        let kept = Kept::default();
        receive(&server, &kept, wanted.len()).await;
        assert_eq!(kept.contents(), wanted.map(|text| Content::Text(text.to_owned())), "{framing:?}");
    }
}

#[tokio::test]
async fn messages_survive_every_end_of_the_stream() {
    for end in [StreamEnd::Clean, StreamEnd::Reset] {
        let server = server().await;
        server.set_stream_faults(StreamFaults { cut: Some(StreamCut { after: 3, end }), ..StreamFaults::default() });
        for number in 0..20 {
            server.say(TOKEN, "zahra", &number.to_string()).unwrap();
        }
        let kept = Kept::default();
        receive(&server, &kept, 20).await;
        let wanted: Vec<_> = (0..20).map(|number| Content::Text(number.to_string())).collect();
        assert_eq!(kept.contents(), wanted, "{end:?}");
    }
}

#[tokio::test]
async fn each_thing_that_a_person_does_is_understood() {
    let server = server().await;
    server.start_bot(TOKEN, "zahra").unwrap();
    server.share_location(TOKEN, "zahra", 35.7, 51.4).unwrap();
    let bytes = || vec![1, 2, 3].into();
    for kind in [
        FileKind::Image { width: 3, height: 2, thumbnail: bytes() },
        FileKind::Gif { width: 3, height: 2, thumbnail: bytes() },
        FileKind::Video { duration: 5, width: 3, height: 2, thumbnail: bytes() },
        FileKind::Voice { duration: 5 },
        FileKind::Attachment,
    ] {
        let file = IncomingFile { name: "a.bin".to_owned(), bytes: bytes(), caption: Some("x".to_owned()), kind };
        server.send_file(TOKEN, "zahra", file).unwrap();
    }
    server.leave(TOKEN, "zahra").unwrap();
    let kept = Kept::default();
    receive(&server, &kept, 8).await;

    let contents = kept.contents();
    assert_eq!(contents[0], Content::Start(None));
    assert_eq!(contents[1], Content::Location(Location { latitude: 35.7, longitude: 51.4 }));
    assert_eq!(contents[7], Content::Stop);
    let kinds = [MediaKind::Image, MediaKind::Animation, MediaKind::Video, MediaKind::Voice, MediaKind::Document];
    for (content, kind) in contents[2..7].iter().zip(kinds) {
        let Content::Media(media) = content else { panic!("{content:?}") };
        assert_eq!((media.kind, media.size, media.caption.as_deref()), (kind, Some(3), Some("x")));
    }
}

#[tokio::test]
async fn each_thing_that_a_bot_can_send_is_taken() {
    let server = server().await;
    let file = server.put_file("a.bin", vec![1, 2, 3].into()).unwrap();
    let media = |kind| Media::new(kind, file.clone());
    let key = Button { label: "۱".to_owned(), press: Press::Event("one".to_owned()) };
    let show = Outgoing { keyboard: Some(Keyboard::Show(vec![vec![key]])), ..Outgoing::text("سلام") };
    let mut messages = vec![
        show.clone(),
        Outgoing { body: Body::KeyboardOnly, ..show },
        Outgoing { keyboard: Some(Keyboard::Hide), ..Outgoing::text("x") },
        Outgoing { body: Body::Location(Location { latitude: 1.0, longitude: 2.0 }), ..Outgoing::text("") },
    ];
    for kind in [
        MediaKind::Image,
        MediaKind::Animation,
        MediaKind::Video,
        MediaKind::Voice,
        MediaKind::Audio,
        MediaKind::Document,
    ] {
        messages.push(Outgoing { body: Body::Media(media(kind)), ..Outgoing::text("") });
    }
    let soroush = soroush(&server);
    for message in &messages {
        let outcome = soroush.send(&ChatId::from("zahra"), message).await;
        assert_eq!(outcome, Ok(Sent { id: None }), "{message:?}");
    }
    assert_eq!(server.sent(TOKEN).unwrap().len(), messages.len());
}

#[tokio::test]
async fn what_became_of_a_send_is_never_said_wrongly() {
    let server = server().await;
    let soroush = soroush(&server);
    let faults = [
        SendFault::Status { code: 500, retry_after: None },
        SendFault::Status { code: 503, retry_after: Some(Duration::from_secs(3)) },
        SendFault::Status { code: 400, retry_after: None },
        SendFault::Result { code: 325, message: "no".to_owned() },
        SendFault::Body("<xml/>".to_owned()),
        SendFault::Close { accepted: true },
        SendFault::Close { accepted: false },
    ];
    for fault in faults {
        server.fail_sends(1, fault.clone());
        let outcome = soroush.send(&ChatId::from("zahra"), &Outgoing::text("x")).await;
        let arrived = !server.take_sent(TOKEN).unwrap().is_empty();
        let honest = match outcome {
            Ok(_) => arrived,
            Err(SendError::InDoubt(_)) => true,
            Err(SendError::Refused(_) | SendError::Wait(_) | SendError::NotSent(_)) => !arrived,
        };
        assert!(honest, "{fault:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_bad_token_is_found_out() {
    let server = SoroushServer::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let soroush = soroush(&server);
    let kept = Kept::default();
    let told = async {
        while soroush.health().trouble.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = soroush.receive(&kept) => {}
        told = tokio::time::timeout(Duration::from_secs(20), told) => assert!(told.is_ok()),
    }
    assert!(soroush.health().trouble.unwrap().contains("the token is probably not valid"));
    let outcome = soroush.send(&ChatId::from("zahra"), &Outgoing::text("x")).await;
    assert!(matches!(outcome, Err(SendError::Refused(_))), "{outcome:?}");
}
