//! Between the core's words and the generated ones.

use hodhod_core::event as core;
use hodhod_core::ids::Chat;
use hodhod_core::outgoing as out;
use hodhod_core::turn::Refusal;

use crate::bindings::hodhod::bot::messenger as wit_out;
use crate::bindings::hodhod::bot::types as wit;

pub(crate) fn event(event: &core::Event) -> wit::Event {
    match event {
        core::Event::Message(message) => wit::Event::Message(self::message(message)),
        core::Event::Timer(timer) => wit::Event::Timer(wit::Timer {
            id: timer.id.clone(),
            chat: timer.chat.as_ref().map(chat),
            due: timer.due.0,
            payload: timer.payload.clone(),
        }),
        core::Event::Delivery(delivery) => wit::Event::Delivery(wit::Delivery {
            message: delivery.message.clone(),
            chat: chat(&delivery.chat),
            outcome: outcome(&delivery.outcome),
        }),
        core::Event::Other(name, json) => wit::Event::Other(extra(name, json)),
    }
}

fn extra(name: &str, json: &str) -> wit::Extra {
    wit::Extra { name: name.to_owned(), json: json.to_owned() }
}

fn outcome(outcome: &core::Outcome) -> wit::Outcome {
    match outcome {
        core::Outcome::Delivered(id) => wit::Outcome::Delivered(id.clone()),
        core::Outcome::Failed(why) => wit::Outcome::Failed(why.clone()),
        core::Outcome::InDoubt(why) => wit::Outcome::InDoubt(why.clone()),
    }
}

fn message(message: &core::Message) -> wit::Message {
    wit::Message {
        id: message.id.clone(),
        platform: message.platform.clone(),
        chat: chat(&message.chat),
        private: message.private,
        sender: wit::Sender {
            id: message.sender.id.as_ref().map(ToString::to_string),
            name: message.sender.name.clone(),
            automated: message.sender.automated,
        },
        sent_at: message.sent_at.0,
        edited: message.edited,
        content: content(&message.content),
        reply_to: message.reply_to.clone(),
        annotations: message.annotations.clone(),
    }
}

fn content(content: &core::Content) -> wit::Content {
    match content {
        core::Content::Text(text) => wit::Content::Text(text.clone()),
        core::Content::Media(media) => wit::Content::Media(media_out(media)),
        core::Content::Location(at) => {
            wit::Content::Location(wit::Location { latitude: at.latitude, longitude: at.longitude })
        }
        core::Content::Contact(contact) => {
            wit::Content::Contact(wit::Contact { name: contact.name.clone(), phone: contact.phone.clone() })
        }
        core::Content::Button(data) => wit::Content::Button(data.clone()),
        core::Content::Start(payload) => wit::Content::Start(payload.clone()),
        core::Content::Stop => wit::Content::Stop,
        core::Content::Opening { source, data } => {
            wit::Content::Opening(wit::Opening { source: source.clone(), data: data.clone() })
        }
        core::Content::Other(name, json) => wit::Content::Other(extra(name, json)),
    }
}

pub(crate) fn chat(chat: &Chat) -> wit::Chat {
    wit::Chat { connection: chat.connection.to_string(), id: chat.id.to_string() }
}

fn media_out(media: &core::Media) -> wit::Media {
    wit::Media {
        kind: match media.kind {
            core::MediaKind::Image => wit::MediaKind::Image,
            core::MediaKind::Animation => wit::MediaKind::Animation,
            core::MediaKind::Video => wit::MediaKind::Video,
            core::MediaKind::Voice => wit::MediaKind::Voice,
            core::MediaKind::Audio => wit::MediaKind::Audio,
            core::MediaKind::Document => wit::MediaKind::Document,
        },
        file: media.file.clone(),
        name: media.name.clone(),
        mime: media.mime.clone(),
        size: media.size,
        width: media.width,
        height: media.height,
        duration: media.duration,
        thumbnail: media.thumbnail.clone(),
        caption: media.caption.clone(),
    }
}

fn media_in(media: wit::Media) -> core::Media {
    core::Media {
        kind: match media.kind {
            wit::MediaKind::Image => core::MediaKind::Image,
            wit::MediaKind::Animation => core::MediaKind::Animation,
            wit::MediaKind::Video => core::MediaKind::Video,
            wit::MediaKind::Voice => core::MediaKind::Voice,
            wit::MediaKind::Audio => core::MediaKind::Audio,
            wit::MediaKind::Document => core::MediaKind::Document,
        },
        file: media.file,
        name: media.name,
        mime: media.mime,
        size: media.size,
        width: media.width,
        height: media.height,
        duration: media.duration,
        thumbnail: media.thumbnail,
        caption: media.caption,
    }
}

pub(crate) fn chat_in(chat: wit::Chat) -> Chat {
    Chat::new(chat.connection, chat.id)
}

pub(crate) fn outgoing(message: wit_out::Outgoing) -> out::Outgoing {
    out::Outgoing {
        body: match message.body {
            wit_out::Body::Text(text) => out::Body::Text(text),
            wit_out::Body::Media(media) => out::Body::Media(media_in(media)),
            wit_out::Body::Location(at) => {
                out::Body::Location(core::Location { latitude: at.latitude, longitude: at.longitude })
            }
            wit_out::Body::KeyboardOnly => out::Body::KeyboardOnly,
        },
        keyboard: message.keyboard.map(|keyboard| match keyboard {
            wit_out::Keyboard::Show(rows) => {
                out::Keyboard::Show(rows.into_iter().map(|row| row.into_iter().map(button).collect()).collect())
            }
            wit_out::Keyboard::Hide => out::Keyboard::Hide,
        }),
        reply_to: message.reply_to,
        report: message.report,
        annotations: message.annotations,
    }
}

fn button(button: wit_out::Button) -> out::Button {
    let press = match button.press {
        wit_out::Press::Event(data) => out::Press::Event(data),
        wit_out::Press::Url(url) => out::Press::Url(url),
        wit_out::Press::App(json) => out::Press::App(json),
        wit_out::Press::Native(json) => out::Press::Native(json),
    };
    out::Button { label: button.label, press }
}

pub(crate) fn answer(answer: wit_out::Answer) -> out::Answer {
    match answer {
        wit_out::Answer::Notice(text) => out::Answer::Notice(text),
        wit_out::Answer::Url(url) => out::Answer::Url(url),
    }
}

pub(crate) fn refusal(refusal: Refusal) -> wit::Error {
    match refusal {
        Refusal::Denied(text) => wit::Error::Denied(text),
        Refusal::Unsupported(text) => wit::Error::Unsupported(text),
        Refusal::Invalid(text) => wit::Error::Invalid(text),
        Refusal::TooLarge(limit) => wit::Error::TooLarge(limit),
        Refusal::Quota(text) => wit::Error::QuotaExceeded(text),
        Refusal::Wait(wait) => wit::Error::RateLimited(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        Refusal::Unavailable(text) => wit::Error::Unavailable(text),
    }
}
