//! One JSON object of the stream becomes one event.
//!
//! Where the developer page contradicts itself its examples decide, and where they are silent the
//! message is delivered with less rather than not at all: only a message without a sender, and a
//! file or place without what makes it one, is dropped.
//!
//! Nothing that came with a message proves who wrote it except `from`. A name or a phone number in
//! it is the content of a card, or an annotation.

use hodhod_core::event::{Contact, Content, Event, Location, Media, MediaKind, Message, Sender};
use hodhod_core::ids::{Chat, ChatId, ConnectionName, SenderId};
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use sha2::{Digest, Sha256};

use super::keys::{clean_id, clean_key};
use super::status::{Skip, Status};
use super::wire::{Scalar, Wire, mend_halves};

/// Sound has no kind of its own on this platform: it comes as an attachment, known by its name.
const AUDIO_EXTENSIONS: [&str; 11] = ["aac", "aif", "aiff", "amr", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav"];

/// What one JSON object was.
#[derive(Debug)]
pub(super) enum Read {
    /// Something for a bot.
    Event(Box<Incoming>),
    /// A sign of life.
    Heartbeat,
    /// Nothing that a bot can be told.
    Skipped(Skip),
}

/// Reads one object that arrived at `received`.
pub(super) fn read(json: &str, connection: &ConnectionName, received: Millis, status: &Status) -> Read {
    let parsed = match serde_json::from_str::<Wire<'_>>(json) {
        Ok(wire) => return convert(&wire, connection, received, status),
        Err(_) => mend_halves(json),
    };
    match parsed.as_deref().map(serde_json::from_str::<Wire<'_>>) {
        Some(Ok(wire)) => {
            status.skip(Skip::Mended);
            convert(&wire, connection, received, status)
        }
        _ => Read::Skipped(Skip::NotJson),
    }
}

fn convert(wire: &Wire<'_>, connection: &ConnectionName, received: Millis, status: &Status) -> Read {
    let mut notes = Notes::default();
    let Some(kind) = wire.kind.as_words() else { return Read::Skipped(Skip::NoType) };
    let content = match kind.trim() {
        "TEXT" => Ok(Content::Text(wire.body.as_words().unwrap_or_default().into_owned())),
        "FILE" => file(wire, &mut notes, status),
        "LOCATION" => place(wire).ok_or(Skip::NoPlace),
        // Listed among the kinds of files, and never seen.
        "CONTACT" => Ok(card(wire)),
        "START" => Ok(Content::Start(None)),
        "STOP" => Ok(Content::Stop),
        // The misspelt one is what a known server sends.
        "HEALTH_CEHCK" | "HEALTH_CHECK" => return Read::Heartbeat,
        "CHANGE" | "KEYBOARD_CHANGE" | "INFORMATION" | "SELF_SEEN" => Err(Skip::IgnoredType),
        other => {
            status.note_unknown("type", other);
            Err(Skip::UnknownType)
        }
    };
    let content = match content {
        Ok(content) => content,
        Err(why) => return Read::Skipped(why),
    };
    let Some(from) = wire.from.as_text().and_then(|from| clean_id(&from)) else {
        return Read::Skipped(Skip::NoSender);
    };

    // Each fact goes into a field of the content or into an annotation, never into both.
    if matches!(content, Content::Location(_) | Content::Contact(_) | Content::Start(_) | Content::Stop) {
        notes.add("soroush.body", &wire.body);
    }
    if !matches!(content, Content::Contact(_)) {
        notes.add("soroush.nick-name", &wire.nick_name);
        notes.add("soroush.phone-no", &wire.phone_no);
    }
    notes.add("soroush.avatar-url", &wire.avatar_url);

    let written = wire.time.as_u64().filter(|millis| *millis > 0).map(Millis);
    let mut identity = Identity::new(&from, kind.trim(), wire, &content);
    if written.is_none() {
        // A second "yes" looks like the first one again; without a time none is a repetition.
        identity.add(&status.next_untimed().to_le_bytes());
    }
    let sent_at = written.unwrap_or(received);
    let id = identity.finish(sent_at);
    let message = Message {
        id: id.clone(),
        platform: "soroush".to_owned(),
        chat: Chat { connection: connection.clone(), id: ChatId::from(from.as_str()) },
        // The interface knows neither groups nor posts of channels.
        private: true,
        sender: Sender { id: Some(SenderId::from(from.as_str())), name: None, automated: false },
        sent_at,
        edited: false,
        content,
        reply_to: None,
        annotations: notes.0,
    };
    Read::Event(Box::new(Incoming::new(id, Event::Message(message))))
}

fn file(wire: &Wire<'_>, notes: &mut Notes, status: &Status) -> Result<Content, Skip> {
    let file_type = wire.file_type.as_words();
    let kind = match file_type.as_deref().map(str::trim) {
        Some("IMAGE") => MediaKind::Image,
        Some("GIF") => MediaKind::Animation,
        Some("VIDEO") => MediaKind::Video,
        Some("PUSH_TO_TALK") => MediaKind::Voice,
        // Two spellings, one of each official SDK.
        Some("ATTACHMENT" | "FILE_TYPE_OTHER") => attachment(wire),
        Some("CONTACT") if wire.phone_no.as_words().is_some() || wire.nick_name.as_words().is_some() => {
            return Ok(card(wire));
        }
        Some(other) => {
            status.note_unknown("fileType", other);
            notes.push("soroush.file-type", other);
            attachment(wire)
        }
        // Missing in the developer page's own example of a voice message.
        None if wire.file_duration.as_u64().is_some() && wire.thumbnail_url.as_words().is_none() => MediaKind::Voice,
        None => attachment(wire),
    };
    let key = wire.file_url.as_text().and_then(|key| clean_key(&key)).ok_or(Skip::NoFile)?;
    notes.add("soroush.file-id", &wire.file_id);
    let whole = (pixels(&wire.image_width), pixels(&wire.image_height));
    // Of a video only the size of its thumbnail is told; with that it goes out again as it came.
    let (width, height) = if kind == MediaKind::Video && whole == (None, None) {
        (pixels(&wire.thumbnail_width), pixels(&wire.thumbnail_height))
    } else {
        notes.add("soroush.thumbnail-width", &wire.thumbnail_width);
        notes.add("soroush.thumbnail-height", &wire.thumbnail_height);
        whole
    };
    Ok(Content::Media(Media {
        kind,
        file: key,
        name: wire.file_name.as_words().map(|name| name.into_owned()),
        mime: None,
        // Clients fill in 0 where they do not know.
        size: wire.file_size.as_u64().filter(|size| *size > 0),
        width,
        height,
        duration: wire.file_duration.as_u64().filter(|millis| *millis > 0),
        thumbnail: wire.thumbnail_url.as_text().and_then(|key| clean_key(&key)),
        caption: wire.body.as_words().map(|body| body.into_owned()),
    }))
}

fn attachment(wire: &Wire<'_>) -> MediaKind {
    let name = wire.file_name.as_words().or_else(|| wire.file_id.as_words()).unwrap_or_default();
    let is_audio = name
        .trim()
        .rsplit_once('.')
        .is_some_and(|(_, extension)| AUDIO_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)));
    if is_audio { MediaKind::Audio } else { MediaKind::Document }
}

fn pixels(scalar: &Scalar<'_>) -> Option<u32> {
    scalar.as_u64().and_then(|pixels| u32::try_from(pixels).ok()).filter(|pixels| *pixels > 0)
}

fn place(wire: &Wire<'_>) -> Option<Content> {
    let latitude = wire.latitude.as_f64().filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude = wire.longitude.as_f64().filter(|degrees| degrees.abs() <= 180.0)?;
    Some(Content::Location(Location { latitude, longitude }))
}

fn card(wire: &Wire<'_>) -> Content {
    let words = |scalar: &Scalar<'_>| scalar.as_words().map(|text| text.into_owned());
    Content::Contact(Contact { name: words(&wire.nick_name), phone: words(&wire.phone_no) })
}

/// Facts that have no field of their own.
#[derive(Default)]
struct Notes(Vec<(String, String)>);

impl Notes {
    fn add(&mut self, name: &str, value: &Scalar<'_>) {
        if let Some(value) = value.as_words() {
            self.push(name, &value);
        }
    }

    fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

/// Messages have no id. One is made of what identifies them, so that the same message has the same
/// id when the platform sends it again.
struct Identity(Sha256);

impl Identity {
    fn new(from: &str, kind: &str, wire: &Wire<'_>, content: &Content) -> Self {
        let mut identity = Self(Sha256::new());
        identity.add(from.as_bytes());
        identity.add(kind.as_bytes());
        identity.add(wire.body.as_text().unwrap_or_default().as_bytes());
        match content {
            Content::Media(media) => identity.add(media.file.as_bytes()),
            Content::Location(place) => {
                identity.add(&place.latitude.to_bits().to_le_bytes());
                identity.add(&place.longitude.to_bits().to_le_bytes());
            }
            // Two cards can be sent in one go, within a millisecond.
            Content::Contact(contact) => {
                identity.add(contact.name.as_deref().unwrap_or_default().as_bytes());
                identity.add(contact.phone.as_deref().unwrap_or_default().as_bytes());
            }
            _ => {}
        }
        identity
    }

    /// Adds a field with its length, so that no two sequences of fields look alike.
    fn add(&mut self, field: &[u8]) {
        self.0.update((field.len() as u64).to_le_bytes());
        self.0.update(field);
    }

    /// 128 bits are plenty: nobody gains by making his own messages collide.
    fn finish(mut self, sent_at: Millis) -> String {
        self.add(&sent_at.0.to_le_bytes());
        let digest = self.0.finalize();
        format!("{:032x}", u128::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()))
    }
}
