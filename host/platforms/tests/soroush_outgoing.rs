//! What may be sent, and what may not. The JSON itself is looked at on the wire, in
//! `soroush_http`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::event::{Location, Media, MediaKind};
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Platform, Unsendable};
use hodhod_platforms::soroush::{ConfigError, Options, Soroush, SoroushConfig};

fn soroush() -> Soroush {
    let config = SoroushConfig { name: "shop".into(), token: "t0k-en_".into(), options: Options::default() };
    Soroush::new(config).unwrap()
}

fn accepts(message: &Outgoing) -> Result<(), Unsendable> {
    soroush().accepts(&"someone".into(), message)
}

fn with_keyboard(keyboard: Keyboard) -> Outgoing {
    Outgoing { keyboard: Some(keyboard), ..Outgoing::text("x") }
}

fn with_button(label: &str, press: Press) -> Outgoing {
    with_keyboard(Keyboard::Show(vec![vec![Button { label: label.to_owned(), press }]]))
}

fn with_body(body: Body) -> Outgoing {
    Outgoing { body, ..Outgoing::text("") }
}

fn with_file(file: &str, thumbnail: Option<&str>) -> Outgoing {
    with_body(Body::Media(Media { thumbnail: thumbnail.map(str::to_owned), ..Media::new(MediaKind::Image, file) }))
}

#[test]
fn what_the_platform_can_carry_is_accepted() {
    for message in [
        Outgoing::text("سلام"),
        Outgoing { reply_to: Some("any".to_owned()), ..Outgoing::text("a reply goes out as a plain message") },
        with_keyboard(Keyboard::Hide),
        with_button("۱", Press::Event("0".to_owned())),
        Outgoing { keyboard: Some(Keyboard::Hide), ..with_body(Body::KeyboardOnly) },
        with_body(Body::Location(Location { latitude: -90.0, longitude: 180.0 })),
        with_file("k3y", Some("th-mb")),
        Outgoing { annotations: vec![("soroush.file-id".into(), "echoed".into())], ..Outgoing::text("x") },
    ] {
        assert_eq!(accepts(&message), Ok(()), "{message:?}");
    }
}

#[test]
fn buttons_that_do_more_than_answer_are_unsupported() {
    for press in [Press::Url("https://a".into()), Press::App("{}".into()), Press::Native("{}".into())] {
        let refused = accepts(&with_button("x", press));
        assert!(matches!(refused, Err(Unsendable::Unsupported(_))), "{refused:?}");
    }
}

#[test]
fn malformed_messages_are_refused_before_they_are_stored() {
    let annotated = |value: &str| Outgoing {
        annotations: vec![("soroush.major-type".into(), value.into())],
        ..Outgoing::text("x")
    };
    for message in [
        Outgoing::text(""),
        with_button("", Press::Event("a".into())),
        with_button(" \u{a0}", Press::Event("a".into())),
        with_button("a", Press::Event(String::new())),
        with_button("a", Press::Event(" ".into())),
        with_keyboard(Keyboard::Show(vec![])),
        with_keyboard(Keyboard::Show(vec![vec![]])),
        with_body(Body::KeyboardOnly),
        with_body(Body::Location(Location { latitude: f64::NAN, longitude: 0.0 })),
        with_body(Body::Location(Location { latitude: 90.1, longitude: 0.0 })),
        with_body(Body::Location(Location { latitude: 0.0, longitude: f64::INFINITY })),
        with_file("https://example.org/a.png", None),
        with_file("..", None),
        with_file("", None),
        with_file("k3y", Some("a/b")),
        annotated("GROUP"),
        annotated("channel"),
    ] {
        let refused = accepts(&message);
        assert!(matches!(refused, Err(Unsendable::Invalid(_))), "{message:?}: {refused:?}");
    }
}

#[test]
fn a_configuration_that_cannot_work_says_why() {
    let error = |token: &str, options: Options| {
        let config = SoroushConfig { name: "shop".into(), token: token.into(), options };
        let error = Soroush::new(config).expect_err(token);
        assert!(!error.to_string().contains("s3cret"), "{error}");
        error
    };
    let base = |base_url: &str| Options { base_url: base_url.to_owned(), ..Options::default() };
    assert!(matches!(error(" \n", Options::default()), ConfigError::NoToken));
    assert!(matches!(error("s3cret/x", Options::default()), ConfigError::BadToken));
    assert!(matches!(error("..", Options::default()), ConfigError::BadToken));
    assert!(matches!(
        error("123456789:s3cretAAABBBCCCDDDEEEFFFGGGHHHIIIJJ", Options::default()),
        ConfigError::NewToken
    ));
    for bad in ["bot.splus.ir", "ftp://a", "https://a?b", "https://a#b", "https://s3cret:s3cret@a", "https://"] {
        assert!(matches!(error("a", base(bad)), ConfigError::BadBase(_)), "{bad}");
    }
    let prefix = Options { get_message_prefix: Some("v2/..".to_owned()), ..Options::default() };
    assert!(matches!(error("a", prefix), ConfigError::BadPrefix));
}

#[test]
fn the_token_is_in_no_debug_text() {
    let config = SoroushConfig { name: "shop".into(), token: "s3cret".into(), options: Options::default() };
    assert!(format!("{config:?}").contains("***"));
    let texts = format!("{config:?} {config:#?} {:?}", Soroush::new(config.clone()).unwrap());
    assert!(!texts.contains("s3cret"), "{texts}");
}
