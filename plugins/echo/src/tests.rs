//! What the echo promises.

use hodhod_plugin::log::Level;
use hodhod_plugin::testing::{TestHost, Turn};
use hodhod_plugin::{
    Answer, Body, Chat, Contact, Content, Delivery, Event, Extra, Failure, Location, Media, MediaKind, Opening, Outcome,
};

use super::{Echo, GREETING, LARGEST};

fn tell(content: Content) -> Turn {
    TestHost::<Echo>::new().content(content)
}

fn bodies(turn: Turn) -> Vec<Body> {
    turn.sent.into_iter().map(|(_, message)| message.body).collect()
}

#[test]
fn text_comes_back_exactly() {
    for text in ["نمی‌دانم", "كيف ي ی ک", "۰۱۲ ٣٤٥ 678", "  a\n\tb ", "👨‍👩‍👧 \u{202E}x\u{202C}", "/start", "/count 2"]
    {
        assert_eq!(tell(Content::Text(text.into())).texts(), [text]);
    }
}

#[test]
fn a_place_and_a_file_come_back_as_they_were() {
    let place = Location { latitude: 35.699_739, longitude: 51.338_097 };
    assert_eq!(bodies(tell(Content::Location(place))), [Body::Location(place)]);

    let film = Media { duration: Some(2670), thumbnail: Some("t".into()), ..Media::new(MediaKind::Video, "f") };
    assert_eq!(bodies(tell(Content::Media(film.clone()))), [Body::Media(film)]);
}

#[test]
fn a_file_of_every_kind_comes_back_as_it_was() {
    use MediaKind::{Animation, Audio, Document, Image, Video, Voice};
    for kind in [Image, Animation, Video, Voice, Audio, Document] {
        let bare = Media::new(kind, "f");
        let full = Media {
            name: Some("گل.jpg".into()),
            size: Some(2048),
            width: Some(320),
            height: Some(240),
            duration: Some(2670),
            thumbnail: Some("t".into()),
            ..Media::new(kind, "f").caption("پرواز")
        };
        for media in [bare, full] {
            let sent = tell(Content::Media(media.clone())).sent;
            let bodies: Vec<Body> = sent.into_iter().map(|(_, message)| message.body).collect();
            assert_eq!(bodies, [Body::Media(media)]);
        }
    }
}

#[test]
fn a_start_is_greeted_with_the_words_of_the_operator() {
    assert_eq!(tell(Content::Start(None)).texts(), [GREETING]);
    let mut host = TestHost::<Echo>::new().config("greeting", "درود");
    assert_eq!(host.content(Content::Start(Some("x".into()))).texts(), ["درود"]);
}

#[test]
fn what_cannot_be_sent_back_is_named() {
    let contact = |name: Option<&str>, phone: Option<&str>| {
        Content::Contact(Contact { name: name.map(Into::into), phone: phone.map(Into::into) })
    };
    assert_eq!(tell(contact(Some("سارا"), Some("+989120000000"))).texts(), ["مخاطب: سارا، +989120000000"]);
    assert_eq!(tell(contact(None, Some("0912"))).texts(), ["مخاطب: 0912"]);

    assert_eq!(tell(Content::Button("/yes".into())).texts(), ["دکمه: /yes"]);
    assert_eq!(tell(Content::Other(Extra { name: "poll".into(), json: "{}".into() })).texts(), ["پیام: poll"]);
}

#[test]
fn an_opening_is_answered_at_once() {
    let turn = tell(Content::Opening(Opening { source: "post".into(), data: "{}".into() }));
    assert_eq!(turn.answers, [Answer::Notice("باز شد: post".into())]);
}

#[test]
fn a_person_who_left_hears_nothing() {
    assert!(tell(Content::Stop).sent.is_empty());
}

#[test]
fn a_count_goes_on_from_turn_to_turn() {
    let mut host = TestHost::<Echo>::new();
    assert_eq!([host.text("/count"), host.text("/count")].each_ref().map(Turn::texts), [["1"], ["2"]]);
    host.chat.id = "chat-2".into();
    assert_eq!(host.text("/count").texts(), ["1"], "each chat has its own");
}

#[test]
fn a_text_for_later_comes_when_its_timer_is_due() {
    let mut host = TestHost::<Echo>::new();
    assert!(host.text("/later 90000 سلام، \nدوباره").sent.is_empty());
    assert_eq!(host.timers().len(), 1);
    assert_eq!(host.ring("later").unwrap().texts(), ["سلام، \nدوباره"]);
    for text in ["/later", "/later 5", "/later 5 ", "/later -1 a", "/later +1 a", "/later ۵ a", "/later 1000000000 a"]
    {
        assert_eq!(host.text(text).texts(), [text], "it is a text like any other");
        assert!(host.timers().is_empty());
    }
}

#[test]
fn a_copy_is_a_file_of_its_own() {
    let media = Media { name: Some("گل.jpg".into()), ..Media::new(MediaKind::Image, "f").caption("/copy") };
    let mut host = TestHost::<Echo>::new().file("f", b"bytes");
    let sent = bodies(host.content(Content::Media(media.clone())));
    assert_eq!(sent, [Body::Media(Media { file: "گل.jpg".into(), ..media.clone() })]);

    let mut host = TestHost::<Echo>::new().file("f", &vec![0; LARGEST + 1]);
    let turn = host.content(Content::Media(media));
    assert_eq!(turn.result, Err(Failure::Reject("too large: the most is 4194304".into())));
}

#[test]
fn a_message_that_never_arrives_is_a_warning() {
    let delivery = |outcome| {
        let chat = Chat { connection: "test".into(), id: "chat-1".into() };
        TestHost::<Echo>::new().event(&Event::Delivery(Delivery { message: "1.0".into(), chat, outcome })).lines
    };
    assert_eq!(delivery(Outcome::Failed("blocked".into())), [(Level::Warn, "not delivered: blocked".into())]);
    assert_eq!(delivery(Outcome::Delivered(None)), [(Level::Debug, "delivery".into())]);
}

#[test]
fn an_event_that_has_no_word_here_is_left_alone() {
    let turn = TestHost::<Echo>::new().event(&Event::Other(Extra { name: "x".into(), json: "{}".into() }));
    assert_eq!((turn.result, turn.sent), (Ok(()), Vec::new()));
}
