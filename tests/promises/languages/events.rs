//! What the bots are told.

use hodhod_core::event::{
    Contact, Content, Delivery, Event, Location, Media, MediaKind, Message, Outcome, Sender, Timer,
};
use hodhod_core::ids::Chat;
use hodhod_core::time::Millis;

/// Every kind of event and content, and what is refused for every reason.
pub(super) fn events() -> Vec<Event> {
    let texts =
        ["نمی‌دانم ۱۲۳", " a\n\tb ", "👨‍👩‍👧 \u{202E}x\u{202C}", "/start", "/count", "/count 2", "/count ", "/later 5"];
    let texts = texts.into_iter().chain([
        "/keep a یک",
        "/keep a ",
        "/keep  a",
        "/keep a",
        "/keep",
        "/kept",
        "/kept x",
        "/forget a",
        "/forget",
        "/forget ",
        "/never",
        "/never mind",
        "/settings",
        "/settings x",
        "/buttons",
        "/hide",
        "/hide me",
    ]);
    let beyond = "a text that the platform cannot carry";
    let media = Media::new(MediaKind::Video, "k");
    let full = Media {
        kind: MediaKind::Document,
        name: Some("گل.bin".to_owned()),
        mime: Some("a/b".to_owned()),
        size: Some(1 << 40),
        width: Some(u32::MAX),
        height: Some(0),
        duration: Some(2670),
        thumbnail: Some("t".to_owned()),
        caption: Some("/copying".to_owned()),
        ..media.clone()
    };
    let contact = |name: Option<&str>, phone: Option<&str>| {
        Content::Contact(Contact { name: name.map(Into::into), phone: phone.map(Into::into) })
    };
    let mut contents: Vec<Content> = texts.chain([beyond]).map(|text| Content::Text(text.into())).collect();
    contents.extend([
        Content::Media(media),
        Content::Media(full),
        Content::Location(Location { latitude: 35.699_739, longitude: 51.338_097 }),
        Content::Location(Location { latitude: 91.0, longitude: 0.0 }),
        contact(Some("سارا"), Some("+989120000000")),
        contact(None, Some("0912")),
        contact(None, None),
        Content::Button("/yes".to_owned()),
        Content::Start(None),
        Content::Start(Some("x".to_owned())),
        Content::Stop,
        Content::Opening { source: "post".to_owned(), data: "{}".to_owned() },
        Content::Opening { source: "link".to_owned(), data: "{}".to_owned() },
        Content::Other("poll".to_owned(), "{}".to_owned()),
    ]);
    let mut events: Vec<Event> = contents.into_iter().map(|content| Event::Message(message(content))).collect();

    let count = || message(Content::Text("/count".to_owned()));
    let chat = Chat::new("shop", "a");
    let timer = |id: &str, chat: Option<&Chat>| {
        Event::Timer(Timer { id: id.to_owned(), chat: chat.cloned(), due: Millis(7), payload: "بعد".to_owned() })
    };
    let delivery = |outcome| Event::Delivery(Delivery { message: "1.0".to_owned(), chat: chat.clone(), outcome });
    events.extend([
        Event::Message(Message { edited: true, ..message(Content::Text("edited".to_owned())) }),
        Event::Message(Message { sender: Sender::default(), private: false, ..count() }),
        // No bucket, and a connection of somebody else.
        Event::Message(Message { chat: Chat::new("shop", ""), ..count() }),
        Event::Message(Message { chat: Chat::new("bank", "a"), ..message(Content::Text("psst".to_owned())) }),
        timer("later", Some(&chat)),
        timer("another", Some(&chat)),
        timer("later", None),
        delivery(Outcome::Delivered(None)),
        delivery(Outcome::Failed("blocked".to_owned())),
        delivery(Outcome::InDoubt("cut off".to_owned())),
        Event::Other("news".to_owned(), "{}".to_owned()),
    ]);
    events
}

fn message(content: Content) -> Message {
    Message {
        id: "m".to_owned(),
        platform: "soroush".to_owned(),
        chat: Chat::new("shop", "a"),
        private: true,
        sender: Sender { id: Some("sara".into()), name: Some("سارا".to_owned()), automated: false },
        sent_at: Millis(1_763_690_000_000),
        edited: false,
        content,
        reply_to: Some("before".to_owned()),
        annotations: vec![("divar.post-token".to_owned(), "gZd7omnS".to_owned())],
    }
}
