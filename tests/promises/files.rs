//! Files arrive, go back and are made anew, byte for byte.

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{Call, FileKind, IncomingFile, Rules, Sent, StoredFile};
use hodhod_tests::{BotSetup, Running, Setup, TOKEN};
use serde_json::{Value, json};

/// Bytes of every value in no simple order, so that a piece in a wrong place is seen.
fn noise(length: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

fn send(setup: &Setup, name: &str, bytes: &Bytes, caption: Option<&str>, kind: FileKind) {
    let file = IncomingFile { name: name.into(), bytes: bytes.clone(), caption: caption.map(str::to_owned), kind };
    setup.server.send_file(TOKEN, "sara", file).unwrap();
}

/// Sends a document to `guests` that asks it for something.
fn ask(setup: &Setup, bytes: &Bytes, what: &str) {
    send(setup, "داده.bin", bytes, Some(what), FileKind::Attachment);
}

async fn started(bots: impl IntoIterator<Item = BotSetup>) -> (Setup, Running) {
    let setup = Setup::new(bots).await;
    setup.server.set_rules(Rules { refuse_unknown_files: true, ..Rules::default() });
    let host = setup.start_ready().await;
    (setup, host)
}

async fn sent(setup: &Setup, count: usize) -> Vec<Sent> {
    setup.sent_when("the bot has answered", |sent| sent.len() >= count).await
}

/// The file of a message, as a person fetches it.
async fn fetched(setup: &Setup, sent: &Sent) -> StoredFile {
    let key = sent.file().unwrap();
    let stored = setup.server.file(key).unwrap();
    let url = format!("{}/{TOKEN}/downloadFile/{key}", setup.server.base_url());
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), stored.bytes);
    stored
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_every_kind_comes_back_with_the_same_bytes() {
    let (setup, host) = started([BotSetup::new("echo")]).await;
    let thumbnail = noise(900);
    let kinds = [
        ("گل.jpg", "IMAGE", FileKind::Image { width: 640, height: 480, thumbnail: thumbnail.clone() }),
        ("wave.gif", "GIF", FileKind::Gif { width: 64, height: 48, thumbnail: thumbnail.clone() }),
        (
            "flight.mp4",
            "VIDEO",
            FileKind::Video { duration: 99_010, width: 512, height: 288, thumbnail: thumbnail.clone() },
        ),
        ("voice.m4a", "PUSH_TO_TALK", FileKind::Voice { duration: 2670 }),
        ("song.mp3", "ATTACHMENT", FileKind::Attachment),
        ("گزارش ۱.pdf", "ATTACHMENT", FileKind::Attachment),
        ("empty", "ATTACHMENT", FileKind::Attachment),
    ];
    for (count, (name, kind, file)) in kinds.into_iter().enumerate() {
        let bytes = if name == "empty" { Bytes::new() } else { noise(200_000 + count) };
        send(&setup, name, &bytes, Some("پرواز"), file.clone());
        let sent = sent(&setup, count + 1).await.remove(count);
        assert_eq!((sent.kind(), sent.to(), sent.body()), ("FILE", "sara", "پرواز"), "{name}");
        assert_eq!(fetched(&setup, &sent).await.bytes, bytes, "{name}");
        let json = &sent.json;
        assert_eq!((&json["fileType"], &json["fileName"]), (&kind.into(), &name.into()), "{name}");
        assert_eq!(json["fileSize"], bytes.len(), "{name}");
        let numbers: &[(&str, u64)] = match &file {
            FileKind::Image { .. } => &[("imageWidth", 640), ("imageHeight", 480)],
            FileKind::Gif { .. } => &[("imageWidth", 64), ("imageHeight", 48)],
            FileKind::Video { .. } => &[("thumbnailWidth", 512), ("thumbnailHeight", 288), ("fileDuration", 99_010)],
            FileKind::Voice { .. } => &[("fileDuration", 2670)],
            FileKind::Attachment => &[],
        };
        for (field, number) in numbers {
            assert_eq!(json[field], Value::from(*number), "{name} {field}");
        }
        if let Some(key) = sent.thumbnail() {
            assert_eq!(setup.server.file(key).unwrap().bytes, thumbnail, "{name}");
        }
        assert_eq!(sent.thumbnail().is_some(), ["IMAGE", "GIF", "VIDEO"].contains(&kind), "{name}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_read_and_uploaded_anew_has_the_same_bytes() {
    let (setup, host) = started([BotSetup::new("guests").limits("cpu = \"5 s\", wall = \"30 s\"")]).await;
    // Also when the platform fails twice.
    setup.server.refuse(Call::UploadFile, 2, 503);
    let picture = FileKind::Image { width: 640, height: 480, thumbnail: noise(900) };
    let files = [
        (400_000, 65_536, FileKind::Attachment, "ATTACHMENT"),
        (3_000_001, 1_048_576, picture, "IMAGE"),
        (20_000, 4096, FileKind::Voice { duration: 2670 }, "PUSH_TO_TALK"),
        (1, 10, FileKind::Attachment, "ATTACHMENT"),
    ];
    for (count, (length, piece, file, kind)) in files.into_iter().enumerate() {
        let bytes = noise(length);
        send(&setup, "داده.bin", &bytes, Some(&format!("reupload {piece}")), file);
        let sent = sent(&setup, count + 1).await.remove(count);
        assert_eq!(sent.body(), "again");
        let copy = fetched(&setup, &sent).await;
        assert_eq!(copy.bytes, bytes);
        assert_eq!(sent.json["fileType"], kind);
        assert_eq!(copy.name, "file.bin", "names of people do not go into the form");
        assert_eq!((&sent.json["fileName"], &sent.json["fileSize"]), (&"داده.bin".into(), &length.into()));
    }
    let left = std::fs::read_dir(setup.state().join("spool")).unwrap().count();
    assert_eq!(left, 0, "nothing is left in the spool");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_length_than_was_told_is_read_and_the_operator_is_warned() {
    let (setup, host) = started([BotSetup::new("guests")]).await;
    let bytes = noise(1000);
    for (count, told) in [1000_u64, 1001].into_iter().enumerate() {
        let key = setup.server.put_file("a.bin", bytes.clone()).unwrap();
        let message = json!({ "from": "sara", "type": "FILE", "body": "reupload 400", "fileType": "ATTACHMENT",
            "fileUrl": key, "fileName": "a.bin", "fileSize": told });
        setup.server.inject(TOKEN, message).unwrap();
        let copy = sent(&setup, count + 1).await.remove(count);
        assert_eq!(fetched(&setup, &copy).await.bytes, bytes);
        let warned = setup.log().lines().filter(|line| line.contains("another length than its message said")).count();
        assert_eq!(warned, count, "{}", setup.log());
    }
    assert!(setup.log().contains("\"told\":1001,\"came\":1000"), "{}", setup.log());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_file_and_the_name_of_an_attachment_are_the_operators_to_choose() {
    let bot = BotSetup::new("guests");
    let setup = Setup::new([bot]).await.connection("max_upload = \"100 KiB\"\nattachment_name = \"FILE_TYPE_OTHER\"");
    let host = setup.start_ready().await;
    setup.say("sara", "upload 102401");
    setup.say("sara", "upload 102400");
    let sent = sent(&setup, 2).await;
    assert_eq!(sent[0].body(), "too large: the most is 102400");
    assert_eq!((sent[1].kind(), &sent[1].json["fileType"]), ("FILE", &json!("FILE_TYPE_OTHER")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_reads_what_it_was_given_and_nothing_else() {
    let bots = ["one", "other"].map(|name| BotSetup::new("guests").called(name));
    let (setup, host) = started(bots).await;
    ask(&setup, &Bytes::from_static(b"secret"), "name");
    let names: Vec<String> = sent(&setup, 2).await.iter().map(|sent| sent.body().to_owned()).collect();
    assert_ne!(names[0], names[1], "each bot has a name of its own");
    setup.say("sara", &format!("read-file {}", names[0]));
    let mut answers: Vec<String> = sent(&setup, 4).await[2..].iter().map(|sent| sent.body().to_owned()).collect();
    answers.sort();
    assert_eq!(answers, ["invalid: this bot was given no such file", "s"]);

    let forged = names[0].replacen(|c: char| c.is_ascii_hexdigit(), "x", 1);
    setup.say("sara", &format!("read-file {forged}"));
    for sent in &sent(&setup, 6).await[4..] {
        assert_eq!(sent.body(), "invalid: this bot was given no such file");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_download_limit_upload_and_limit_piece_are_told_to_the_bot() {
    let limits = "download = \"100 KiB\", upload = \"100 KiB\", cpu = \"5 s\"";
    let (setup, host) = started([BotSetup::new("guests").limits(limits)]).await;
    ask(&setup, &noise(102_401), "read 0 10");
    setup.say("sara", "upload 102401");
    ask(&setup, &noise(10), "read 0 1048577");
    ask(&setup, &Bytes::from_static(b"0123456789"), "read 3 4");
    setup.say("sara", "upload 102400");
    let answers: Vec<String> = sent(&setup, 5).await.iter().map(|sent| sent.body().to_owned()).collect();
    let too_large = |most| format!("too large: the most is {most}");
    assert_eq!(answers[..4], [too_large(102_400), too_large(102_400), too_large(1 << 20), "3456".to_owned()]);
    let filled = setup.server.sent(TOKEN).unwrap().remove(4);
    assert_eq!(fetched(&setup, &filled).await.bytes, vec![b'h'; 102_400]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_has_lost_a_file_is_told_to_the_bot() {
    let (setup, host) = started([BotSetup::new("guests")]).await;
    setup.server.refuse(Call::DownloadFile, 1, 404);
    ask(&setup, &noise(10), "read 0 1");
    let answer = sent(&setup, 1).await.remove(0).body().to_owned();
    assert!(answer.starts_with("invalid: HTTP 404"), "{answer}");
    setup.server.refuse(Call::DownloadFile, 1, 500);
    ask(&setup, &noise(10), "read 0 1");
    let answer = sent(&setup, 2).await.remove(1).body().to_owned();
    assert!(answer.starts_with("unavailable: HTTP 500"), "{answer}");
    host.stop().await;
}
