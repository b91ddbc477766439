//! What a turn promises: each event reaches its method, and a turn that fails leaves nothing.

use std::time::Duration;

use hodhod_plugin::testing::{TestHost, Turn};
use hodhod_plugin::{
    Answer, Body, Bot, Button, Chat, Contact, Content, Context, Delivery, Event, Extra, Failure, Keyboard, Location,
    Media, MediaKind, Opening, Outcome, Outgoing, Result, Timer, log,
};

/// Replies with the name of the method that was called.
#[derive(Default)]
struct Names;

fn name(ctx: &Context, name: &str) -> Result {
    ctx.reply(name)?;
    Ok(())
}

impl Bot for Names {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        name(ctx, &format!("text {text}"))
    }
    fn on_start(&mut self, ctx: &Context, payload: Option<&str>) -> Result {
        name(ctx, &format!("start {payload:?}"))
    }
    fn on_stop(&mut self, ctx: &Context) -> Result {
        name(ctx, "stop")
    }
    fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
        name(ctx, &format!("media {}", media.file))
    }
    fn on_location(&mut self, ctx: &Context, _: &Location) -> Result {
        name(ctx, "location")
    }
    fn on_contact(&mut self, ctx: &Context, _: &Contact) -> Result {
        name(ctx, "contact")
    }
    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        name(ctx, &format!("opening {}", opening.source))
    }
    fn on_other(&mut self, ctx: &Context, kind: &str, json: &str) -> Result {
        name(ctx, &format!("other {kind} {json}"))
    }
    fn on_timer(&mut self, ctx: &Context, timer: &Timer) -> Result {
        name(ctx, &format!("timer {} {}", timer.id, timer.payload))
    }
    fn on_delivery(&mut self, ctx: &Context, delivery: &Delivery) -> Result {
        name(ctx, &format!("delivery {}", delivery.message))
    }
    fn on_event_other(&mut self, _: &Context, kind: &str, _: &str) -> Result {
        log::info(kind);
        Ok(())
    }
}

fn chat() -> Chat {
    Chat { connection: "test".into(), id: "chat-1".into() }
}

fn contents() -> [(Content, &'static str); 10] {
    [
        (Content::Text("می‌روم ي ۱".into()), "text می‌روم ي ۱"),
        (Content::Media(Media::new(MediaKind::Image, "f")), "media f"),
        (Content::Location(Location { latitude: 1.0, longitude: 2.0 }), "location"),
        (Content::Contact(Contact { name: None, phone: None }), "contact"),
        (Content::Button("/x".into()), "text /x"),
        (Content::Start(None), "start None"),
        (Content::Start(Some("p".into())), "start Some(\"p\")"),
        (Content::Stop, "stop"),
        (Content::Opening(Opening { source: "chat".into(), data: "{}".into() }), "opening chat"),
        (Content::Other(Extra { name: "poll".into(), json: "[]".into() }), "other poll []"),
    ]
}

fn events() -> [Event; 3] {
    [
        Event::Timer(Timer { id: "t".into(), chat: Some(chat()), due: 1, payload: "p".into() }),
        Event::Delivery(Delivery { message: "m".into(), chat: chat(), outcome: Outcome::Delivered(None) }),
        Event::Other(Extra { name: "odd".into(), json: "{}".into() }),
    ]
}

#[test]
fn each_content_reaches_its_method() {
    let mut host = TestHost::<Names>::new();
    for (content, answer) in contents() {
        assert_eq!(host.content(content).texts(), [answer]);
    }
}

#[test]
fn each_event_reaches_its_method() {
    let mut host = TestHost::<Names>::new();
    let turns = events().map(|event| host.event(&event));
    let [timer, delivery, other] = turns;
    assert_eq!(timer.texts(), ["timer t p"]);
    assert_eq!(delivery.texts(), ["delivery m"]);
    assert_eq!(other.lines, [(log::Level::Info, "odd".into())]);
}

#[test]
fn a_bot_that_writes_no_method_does_nothing_and_is_content() {
    #[derive(Default)]
    struct Idle;
    impl Bot for Idle {}
    let nothing = Turn { result: Ok(()), sent: vec![], answers: vec![], asked: vec![], lines: vec![] };
    let mut host = TestHost::<Idle>::new();
    for (content, _) in contents() {
        assert_eq!(host.content(content), nothing);
    }
    for event in events() {
        assert_eq!(host.event(&event), nothing);
    }
}

/// Does a bit of everything, and then fails or not.
#[derive(Default)]
struct Busy;

impl Bot for Busy {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let n = ctx.chat_values().update("n", |n: u64| n + 1)?;
        ctx.reply(Outgoing::text(n.to_string()).keyboard(Keyboard::row([Button::event("a", "b")])).report())?;
        ctx.respond(Answer::notice("دیده شد"))?;
        ctx.set_timer("t", Duration::from_secs(60), "later")?;
        log::warn(format_args!("{text} after {n}"));
        match text {
            "retry" => Err(Failure::retry(Duration::from_secs(2))),
            "reject" => Err(Failure::reject("no")),
            _ => Ok(()),
        }
    }

    fn on_timer(&mut self, ctx: &Context, timer: &Timer) -> Result {
        ctx.reply(timer.payload.as_str())?;
        Ok(())
    }
}

#[test]
fn a_turn_that_fails_leaves_nothing_but_its_log_lines() {
    let mut host = TestHost::<Busy>::new();
    for (text, failure) in [("retry", Failure::Retry(2_000)), ("reject", Failure::Reject("no".into()))] {
        let turn = host.text(text);
        assert_eq!(turn.result, Err(failure));
        assert!(turn.sent.is_empty() && turn.answers.is_empty() && host.timers().is_empty());
        assert_eq!(turn.lines.len(), 1);
    }
    assert_eq!(host.text("ok").texts(), ["1"]);
}

#[test]
fn a_turn_that_ends_well_keeps_everything() {
    let mut host = TestHost::<Busy>::new();
    let turn = host.text("ok");
    assert_eq!(turn.answers, [Answer::Notice("دیده شد".into())]);
    assert_eq!(turn.lines, [(log::Level::Warn, "ok after 1".into())]);
    assert!(turn.sent.iter().all(|(to, message)| *to == chat() && message.report && message.keyboard.is_some()));

    let now = 1_600_000_000_000;
    assert!(host.timers().get("t").is_some_and(|timer| timer.due > now && timer.chat == Some(chat())));
    assert_eq!(host.ring("t").map(|turn| turn.texts().concat()), Some("later".into()));
    assert_eq!(host.ring("t"), None);
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    #[derive(Default)]
    struct Reader;
    impl Bot for Reader {
        fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
            let bytes = ctx.read_file(&media.file, 5)?;
            let copy = ctx.upload("copy", "text/plain", &bytes)?;
            let bytes = ctx.read_file(&copy, 5)?;
            ctx.reply(Media::new(media.kind, copy).caption(String::from_utf8_lossy(&bytes)))?;
            Ok(())
        }
    }
    let mut host = TestHost::<Reader>::new().file("fits", b"12345").file("large", b"123456");
    let turn = host.content(Content::Media(Media::new(MediaKind::Document, "fits")));
    let expected = Body::Media(Media::new(MediaKind::Document, "copy").caption("12345"));
    assert!(turn.sent.iter().all(|(_, message)| message.body == expected) && turn.sent.len() == 1, "{turn:?}");

    let turn = host.content(Content::Media(Media::new(MediaKind::Document, "large")));
    assert_eq!(turn.result, Err(Failure::Reject("too large: the most is 5".into())));
}

#[test]
fn a_file_too_large_for_memory_goes_in_pieces() {
    #[derive(Default)]
    struct Copier;
    impl Bot for Copier {
        fn on_media(&mut self, ctx: &Context, media: &Media) -> Result {
            let upload = ctx.start_upload("copy", "text/plain")?;
            let mut offset = 0;
            loop {
                let piece = ctx.read_piece(&media.file, offset, 4)?;
                if piece.is_empty() {
                    break;
                }
                upload.write(&piece)?;
                offset += piece.len() as u64;
            }
            let copy = ctx.read_file(&upload.finish()?, 100)?;
            ctx.reply(String::from_utf8_lossy(&copy).into_owned())?;
            Ok(())
        }
    }
    let mut host = TestHost::<Copier>::new().file("f", b"123456789");
    assert_eq!(host.content(Content::Media(Media::new(MediaKind::Document, "f"))).texts(), ["123456789"]);
}

#[test]
fn a_reply_to_an_event_without_a_chat_is_refused() {
    let timer = Timer { id: "t".into(), chat: None, due: 1, payload: String::new() };
    let turn = TestHost::<Names>::new().event(&Event::Timer(timer));
    assert_eq!(turn.result, Err(Failure::Reject("invalid: this event belongs to no chat".into())));
}
