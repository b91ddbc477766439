//! What a bot is told of each kind of message, and what becomes of the many shapes they come in.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::event::{Contact, Content, Event, Location, Media, MediaKind, Message};
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};
use insta::assert_snapshot;
use serde_json::{Value, json};

const NOW: Millis = Millis(1_763_700_000_000);

/// All events that these lines bring, and what was skipped.
fn read_all(objects: &[&str]) -> (Vec<Incoming>, Vec<(&'static str, u64)>) {
    let mut decoder = Decoder::new("shop".into(), &Options::default());
    let events = objects.iter().flat_map(|json| decoder.push(format!("data:{json}\n\n").as_bytes(), NOW)).collect();
    (events, decoder.skipped())
}

fn read(json: impl ToString) -> Message {
    let (mut events, skipped) = read_all(&[json.to_string().trim()]);
    assert_eq!(events.len(), 1, "{skipped:?}");
    let incoming = events.remove(0);
    let Event::Message(message) = (*incoming.event).clone() else { panic!("{incoming:?}") };
    assert_eq!(incoming.key, message.id);
    message
}

fn skip_of(json: impl ToString) -> &'static str {
    let (events, skipped) = read_all(&[&json.to_string()]);
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(skipped.len(), 1);
    skipped[0].0
}

fn text(changes: Value) -> Value {
    changed(json!({"from": "zahra", "type": "TEXT", "time": "1763690000000", "body": "x"}), changes)
}

fn file(changes: Value) -> Value {
    changed(json!({"from": "zahra", "type": "FILE", "time": "1763690000000", "body": " ", "fileUrl": "k3y"}), changes)
}

/// `null` takes a field away.
fn changed(mut object: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(key)),
            value => object[key] = value.clone(),
        }
    }
    object
}

fn media(json: impl ToString) -> Media {
    match read(json).content {
        Content::Media(media) => media,
        other => panic!("{other:?}"),
    }
}

fn body(json: impl ToString) -> String {
    match read(json).content {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

/// The content and the notes, with long keys shortened to their beginning and length.
fn shown(json: &str) -> String {
    let message = read(json);
    let mut value = json!({"content": message.content, "annotations": message.annotations});
    fn shorten(value: &mut Value) {
        match value {
            Value::String(text) if text.len() > 60 && text.is_ascii() => *text = format!("{:.4}… {}", text, text.len()),
            Value::Array(items) => items.iter_mut().for_each(shorten),
            Value::Object(fields) => fields.values_mut().for_each(shorten),
            _ => {}
        }
    }
    shorten(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn a_text_is_delivered_exactly_as_it_was_written() {
    let json = include_str!("data/soroush/text.json");
    let wire: Value = serde_json::from_str(json).unwrap();
    let wanted = wire["body"].as_str().unwrap();
    assert!(wanted.starts_with(' ') && wanted.ends_with('\n') && wanted.contains('\u{200c}') && wanted.contains('۳'));
    assert_eq!(body(json), wanted);
    for kept in ["  a  ", "ي ی ك ک", "٣ ۳ 3", "می\u{200c}خواهم", "\u{202b}x\u{202c}", "\u{200c}", "👩‍👧", "\"{}\\"]
    {
        assert_eq!(body(text(json!({"body": kept}))), kept);
    }
}

#[test]
fn a_body_that_is_missing_or_blank_is_the_empty_string() {
    for blank in [json!(" "), json!(""), json!("\n\t\u{a0}"), json!(false), json!([1])] {
        assert_eq!(body(text(json!({"body": blank}))), "");
    }
    assert_eq!(body(text(json!({"body": null}))), "");
    assert_eq!(body(r#"{"type":"TEXT","from":"a","body":null}"#), "");
    assert_eq!(body(text(json!({"body": 12}))), "12");
}

#[test]
fn coming_and_going_are_events_of_the_chat() {
    let start = read(include_str!("data/soroush/start.json"));
    assert_eq!(start.content, Content::Start(None));
    assert_eq!(start.sent_at, Millis(1_763_690_000_123));
    assert!(start.private);
    assert_eq!(start.chat.to_string(), format!("shop/{}", start.sender.id.unwrap()));
    assert_eq!(start.annotations, []);
    assert_eq!(read(include_str!("data/soroush/stop.json")).content, Content::Stop);
}

#[test]
fn an_image_brings_all_that_is_known_of_it() {
    assert_snapshot!(shown(include_str!("data/soroush/image.json")), @r#"
    {
      "annotations": [
        [
          "soroush.file-id",
          "401f808250218c791b1431b0650fc9daae1332bc.jpg"
        ]
      ],
      "content": {
        "media": {
          "file": "5fqU… 315",
          "height": 720,
          "kind": "image",
          "name": "باغ.jpg",
          "size": 221904,
          "thumbnail": "9hGl… 507",
          "width": 1080
        }
      }
    }
    "#);
}

#[test]
fn a_video_keeps_its_caption_and_has_the_size_of_its_thumbnail() {
    assert_snapshot!(shown(include_str!("data/soroush/video.json")), @r#"
    {
      "annotations": [
        [
          "soroush.file-id",
          "0e0fb2841106172dcd03401db7e986a70e0a3f05.mp4"
        ]
      ],
      "content": {
        "media": {
          "caption": "پرواز",
          "duration": 99010,
          "file": "hmI5… 315",
          "height": 288,
          "kind": "video",
          "name": "flight.mp4",
          "size": 4194304,
          "thumbnail": "TZz_… 315",
          "width": 512
        }
      }
    }
    "#);
}

#[test]
fn a_thumbnail_beside_a_picture_of_known_size_is_noted() {
    let fields = json!({
        "fileType": "VIDEO", "imageWidth": 1280, "imageHeight": 720, "thumbnailWidth": 512, "thumbnailHeight": 288,
    });
    let media = media(file(fields));
    assert_eq!((media.width, media.height), (Some(1280), Some(720)));
}

#[test]
fn numbers_are_read_from_strings_and_doubles() {
    let media = media(include_str!("data/soroush/animation.json"));
    assert_eq!((media.kind, media.size), (MediaKind::Animation, Some(81920)));
    assert_eq!((media.width, media.height), (Some(320), Some(240)));
}

#[test]
fn zero_and_nonsense_count_as_unknown() {
    let fields =
        json!({"fileType": "VIDEO", "fileSize": 0, "fileDuration": "0", "imageWidth": -5, "imageHeight": {"a": [1]}});
    let media = media(file(fields));
    assert_eq!((media.size, media.duration, media.width, media.height), (None, None, None, None));
}

#[test]
fn a_voice_message_is_known_without_its_file_type() {
    let media = media(include_str!("data/soroush/voice_clean.json"));
    assert_eq!((media.kind, media.duration), (MediaKind::Voice, Some(2900)));
}

#[test]
fn blanks_in_a_key_are_no_part_of_it() {
    let clean = read(include_str!("data/soroush/voice_clean.json"));
    assert_eq!(read(include_str!("data/soroush/voice_with_blanks.json")), clean, "also the same message");
    assert_eq!(media(include_str!("data/soroush/voice_with_blanks.json")).file.len(), 315);
    assert_eq!(read(text(json!({"from": " za\nhra "}))).chat.id.as_str(), "zahra");
}

#[test]
fn each_kind_of_file_has_its_kind() {
    for (file_type, kind) in [
        (json!("IMAGE"), MediaKind::Image),
        (json!("GIF"), MediaKind::Animation),
        (json!("VIDEO"), MediaKind::Video),
        (json!("PUSH_TO_TALK"), MediaKind::Voice),
        (json!("ATTACHMENT"), MediaKind::Document),
        (json!("FILE_TYPE_OTHER"), MediaKind::Document),
        (json!("STICKER"), MediaKind::Document),
        (json!(null), MediaKind::Document),
    ] {
        assert_eq!(media(file(json!({"fileType": file_type}))).kind, kind, "{file_type}");
    }
    let with_thumbnail = file(json!({"fileDuration": 5, "thumbnailUrl": "t"}));
    assert_eq!(media(with_thumbnail).kind, MediaKind::Document);
}

#[test]
fn a_sound_file_is_known_by_its_name() {
    assert_eq!(media(include_str!("data/soroush/song.json")).kind, MediaKind::Audio);
    assert_eq!(media(include_str!("data/soroush/document.json")).kind, MediaKind::Document);
    let unnamed = file(json!({"fileType": "ATTACHMENT", "fileId": "0011.ogg"}));
    assert_eq!(media(unnamed).kind, MediaKind::Audio);
    assert_eq!(media(file(json!({"fileType": "ATTACHMENT", "fileName": "mp3"}))).kind, MediaKind::Document);
}

#[test]
fn an_unknown_kind_of_file_is_a_document_with_a_note() {
    let message = read(file(json!({"fileType": "STICKER", "fileId": "7"})));
    let notes = [("soroush.file-type", "STICKER"), ("soroush.file-id", "7")];
    assert_eq!(message.annotations, notes.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_file_without_a_usable_key_is_dropped_and_a_bad_thumbnail_is_left_out() {
    for bad in [json!(null), json!(" "), json!("http://a/b"), json!(".."), json!("../x"), json!("a%2e"), json!(["k"])] {
        assert_eq!(skip_of(file(json!({"fileUrl": bad}))), "no-file", "{bad}");
    }
    let with_url = file(json!({"fileType": "IMAGE", "thumbnailUrl": "http://a/b"}));
    assert_eq!(media(with_url).thumbnail, None);
}

#[test]
fn a_card_is_a_contact_and_the_same_fields_elsewhere_are_notes() {
    let card = read(include_str!("data/soroush/card.json"));
    let contact = Contact { name: Some("مریم".to_owned()), phone: Some("989121234567".to_owned()) };
    assert_eq!(card.content, Content::Contact(contact.clone()));
    assert_eq!(card.annotations, [("soroush.avatar-url".to_owned(), "a1B2".to_owned())]);
    let typed = text(json!({"type": "CONTACT", "nickName": "مریم", "phoneNo": 989_121_234_567.0}));
    assert_eq!(read(typed).content, Content::Contact(contact));

    let message = read(text(json!({"nickName": "admin", "phoneNo": "+98912", "avatarUrl": "a"})));
    assert_eq!(message.sender.name, None, "a name in a message proves nothing");
    let notes = [("soroush.nick-name", "admin"), ("soroush.phone-no", "+98912"), ("soroush.avatar-url", "a")];
    assert_eq!(message.annotations, notes.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_place_is_taken_in_each_form_and_only_on_earth() {
    let place = Location { latitude: 35.699756, longitude: 51.338076 };
    assert_eq!(read(include_str!("data/soroush/location.json")).content, Content::Location(place));
    let typed = |latitude: Value| text(json!({"type": "LOCATION", "latitude": latitude, "longitude": "51.5 "}));
    assert_eq!(
        read(typed(json!(" -35.25"))).content,
        Content::Location(Location { latitude: -35.25, longitude: 51.5 })
    );
    assert_eq!(read(typed(json!(35))).annotations, [("soroush.body".to_owned(), "x".to_owned())]);
    for bad in [json!(null), json!("NaN"), json!(91), json!("-90.1"), json!("شمال")] {
        assert_eq!(skip_of(typed(bad.clone())), "no-place", "{bad}");
    }
}

#[test]
fn a_message_needs_a_sender() {
    for bad in
        [json!(null), json!(""), json!(" "), json!("a b/c"), json!("زهرا"), json!({"id": "a"}), json!("a".repeat(600))]
    {
        assert_eq!(skip_of(text(json!({"from": bad}))), "no-sender", "{bad}");
    }
    assert_eq!(read(text(json!({"from": 17}))).chat.id.as_str(), "17");
}

#[test]
fn the_time_is_the_platforms_or_else_that_of_arrival() {
    for time in [json!("1763690000000"), json!(" 1763690000000 "), json!(1_763_690_000_000_u64), json!(1.763_69e12)] {
        assert_eq!(read(text(json!({"time": time}))).sent_at, Millis(1_763_690_000_000));
    }
    for bad in [json!(null), json!(""), json!("yesterday"), json!(0), json!(-1), json!(true)] {
        assert_eq!(read(text(json!({"time": bad}))).sent_at, NOW, "{bad}");
    }
}

#[test]
fn a_message_that_comes_again_has_the_same_id_and_another_has_not() {
    let id = |json: Value| read(json).id;
    let first = id(text(json!({})));
    assert_eq!(first.len(), 32);
    assert_eq!(id(text(json!({"time": 1_763_690_000_000_u64, "from": " zahra", "more": [1]}))), first);
    let others = [
        text(json!({"from": "ali"})),
        text(json!({"time": "1763690000001"})),
        text(json!({"body": "y"})),
        text(json!({"type": "START"})),
        file(json!({"body": "x"})),
        file(json!({"body": "x", "fileUrl": "k4y"})),
        text(json!({"type": "LOCATION", "latitude": 1, "longitude": 2})),
        text(json!({"type": "LOCATION", "latitude": 2, "longitude": 1})),
        text(json!({"type": "CONTACT", "nickName": "a"})),
        text(json!({"type": "CONTACT", "nickName": "b"})),
    ];
    let mut ids: Vec<_> = others.into_iter().map(id).chain([first]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 11);
}

#[test]
fn without_a_time_no_message_is_taken_for_a_repetition() {
    let untimed = text(json!({"time": null})).to_string();
    let (events, _) = read_all(&[&untimed, &untimed]);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].key, events[1].key);
}

#[test]
fn fields_of_impossible_types_and_unknown_fields_spoil_nothing() {
    let odd = json!({
        "fileName": {"a": {"b": [null, "x"]}}, "nickName": [["x"]], "phoneNo": true, "keyboard": [[{"text": "a"}]], "v3": {"x": 1},
    });
    assert_eq!(read(text(odd)).annotations, []);
}

#[test]
fn half_a_character_does_not_cost_the_message() {
    let (events, skipped) =
        read_all(&[r#"{"type":"TEXT","from":"a","time":"5","body":"x\ud83d","nickName":"\ude00"}"#]);
    assert_eq!(skipped, [("mended", 1)]);
    let Event::Message(message) = &*events[0].event else { panic!() };
    assert_eq!(message.content, Content::Text("x\u{fffd}".to_owned()));
}

#[test]
fn types_that_say_nothing_to_a_bot_are_skipped() {
    for kind in ["CHANGE", "KEYBOARD_CHANGE", "INFORMATION", "SELF_SEEN"] {
        assert_eq!(skip_of(text(json!({"type": kind}))), "ignored-type");
    }
    assert_eq!(skip_of(text(json!({"type": "POLL"}))), "unknown-type");
    assert_eq!(skip_of(text(json!({"type": 5}))), "unknown-type");
    assert_eq!(skip_of(text(json!({"type": null}))), "no-type");
    assert_eq!(skip_of(json!({"from": "u", "to": "b", "body": "x"})), "no-type");
}

#[test]
fn messages_over_the_age_are_dropped_where_the_operator_wants_it() {
    let options = Options { max_age: Some(std::time::Duration::from_secs(3600)), ..Options::default() };
    let mut decoder = Decoder::new("shop".into(), &options);
    let at = |age: u64| format!("data:{}\n\n", text(json!({"time": NOW.0 - age * 1000})));
    assert_eq!(decoder.push(at(3601).as_bytes(), NOW).len(), 0);
    assert_eq!(decoder.push(at(3600).as_bytes(), NOW).len(), 1);
    assert_eq!(decoder.skipped(), [("too-old", 1)]);
}
