//! What the echo promises.

use hodhod_plugin::testing::{TestHost, Turn};
use hodhod_plugin::{Answer, Body, Contact, Content, Extra, Location, Media, MediaKind, Opening};

use super::{Echo, GREETING};

fn tell(content: Content) -> Turn {
    TestHost::<Echo>::new().content(content)
}

#[test]
fn text_comes_back_exactly() {
    for text in ["نمی‌دانم", "كيف ي ی ک", "۰۱۲ ٣٤٥ 678", "  a\n\tb ", "👨‍👩‍👧 \u{202E}x\u{202C}", "/start"]
    {
        assert_eq!(tell(Content::Text(text.into())).texts(), [text]);
    }
}

#[test]
fn a_place_comes_back_as_it_was() {
    let place = Location { latitude: 35.699_739, longitude: 51.338_097 };
    let bodies: Vec<Body> = tell(Content::Location(place)).sent.into_iter().map(|(_, message)| message.body).collect();
    assert_eq!(bodies, [Body::Location(place)]);
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
