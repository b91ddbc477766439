//! A message becomes the JSON that `sendMessage` takes.
//!
//! What the platform cannot carry is refused here, before anything is stored, and by the same
//! function that makes the JSON: what [`check`] lets through is sent.
//!
//! Two things are left out on purpose. A reply goes out as a plain message, because messages have
//! no ids that it could name. A card (`CONTACT`) is not offered, because no one has seen it work.

use hodhod_core::event::{Location, Media, MediaKind};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::Unsendable;
use serde::Serialize;
use serde_json::Value;

use super::config::Options;
use super::keys::{clean_id, clean_key};

/// Set to `CHANNEL`, a message goes to the channel whose name is the chat id; the bot must be one of
/// its administrators. The developer page does not know it, the SDKs' users do.
const MAJOR_TYPE: &str = "soroush.major-type";

/// What a file is called that has no name; the field is required.
const NO_NAME: &str = "file";

/// The body of a `sendMessage`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    to: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    major_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    file: Option<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<Value>,
    /// An empty array takes the keyboard away; without the field it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyboard: Option<Vec<Vec<Key<'a>>>>,
}

/// The fields of a file. Required ones that are not known are 0 or empty, as in the SDKs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    file_type: &'static str,
    file_url: String,
    file_name: &'a str,
    file_size: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_width: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_height: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_width: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_height: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_duration: Option<Value>,
}

/// One button. Pressing it brings the command back as a plain text.
#[derive(Debug, Serialize)]
struct Key<'a> {
    text: &'a str,
    command: &'a str,
}

/// The JSON of a message to a chat.
pub(super) fn encode(chat: &ChatId, message: &Outgoing, options: &Options) -> Result<Vec<u8>, Unsendable> {
    let to = address(chat)?;
    let request = Request { to: &to, ..request(message, options)? };
    serde_json::to_vec(&request).map_err(|error| invalid(&error.to_string()))
}

/// Says whether there can be such a chat, and whether the platform can carry the message.
pub(super) fn check(chat: &ChatId, message: &Outgoing, options: &Options) -> Result<(), Unsendable> {
    address(chat)?;
    request(message, options).map(drop)
}

fn address(chat: &ChatId) -> Result<String, Unsendable> {
    clean_id(chat.as_str()).ok_or_else(|| invalid("the chat id holds characters that no Soroush id has"))
}

fn request<'a>(message: &'a Outgoing, options: &Options) -> Result<Request<'a>, Unsendable> {
    let major_type = major_type(message)?;
    let keyboard = message.keyboard.as_ref().map(keyboard).transpose()?;
    let common = Request { major_type, keyboard, ..Request::default() };
    Ok(match &message.body {
        Body::Text(text) if text.is_empty() => return Err(invalid("the text is empty")),
        Body::Text(text) => Request { kind: "TEXT", body: Some(text), ..common },
        Body::Media(media) => Request {
            kind: "FILE",
            body: Some(media.caption.as_deref().unwrap_or_default()),
            file: Some(file(media, message, options)?),
            ..common
        },
        Body::Location(place) => {
            let (latitude, longitude) = degrees(place, options)?;
            Request { kind: "LOCATION", latitude: Some(latitude), longitude: Some(longitude), ..common }
        }
        Body::KeyboardOnly if common.keyboard.is_none() => {
            return Err(invalid("a message that only changes the keyboard needs a keyboard"));
        }
        // The developer page's table says KEYBOARD_CHANGE, its example and all SDKs say CHANGE.
        Body::KeyboardOnly => Request { kind: "CHANGE", ..common },
    })
}

fn major_type(message: &Outgoing) -> Result<Option<&'static str>, Unsendable> {
    match annotation(message, MAJOR_TYPE) {
        None => Ok(None),
        Some("CHANNEL") => Ok(Some("CHANNEL")),
        Some(_) => Err(invalid("the annotation \"soroush.major-type\" can only be \"CHANNEL\"")),
    }
}

fn annotation<'a>(message: &'a Outgoing, name: &str) -> Option<&'a str> {
    message.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn keyboard(keyboard: &Keyboard) -> Result<Vec<Vec<Key<'_>>>, Unsendable> {
    let rows = match keyboard {
        Keyboard::Hide => return Ok(Vec::new()),
        // The platform would take the keyboard away, which nobody means who shows one.
        Keyboard::Show(rows) if rows.is_empty() => {
            return Err(invalid("the keyboard has no rows; to remove it, hide it"));
        }
        Keyboard::Show(rows) => rows,
    };
    rows.iter()
        .map(|row| match row.is_empty() {
            true => Err(invalid("a row of the keyboard has no buttons")),
            false => row.iter().map(key).collect(),
        })
        .collect()
}

fn key(button: &Button) -> Result<Key<'_>, Unsendable> {
    let command = match &button.press {
        Press::Event(command) => command.as_str(),
        Press::Url(_) => return Err(unsupported("a button that opens a web address")),
        Press::App(_) => return Err(unsupported("a button that opens a page of the bot")),
        Press::Native(_) => return Err(unsupported("a button with an action of the platform")),
    };
    if button.label.trim().is_empty() {
        return Err(invalid("a button has no label"));
    }
    if command.trim().is_empty() {
        return Err(invalid("a button has no string that the bot gets when it is pressed"));
    }
    Ok(Key { text: &button.label, command })
}

fn file<'a>(media: &'a Media, message: &Outgoing, options: &Options) -> Result<File<'a>, Unsendable> {
    let file_url = clean_key(&media.file).ok_or_else(|| invalid("the file is not a key of this platform"))?;
    let thumbnail = match media.thumbnail.as_deref().map(clean_key) {
        Some(None) => return Err(invalid("the thumbnail is not a key of this platform")),
        Some(Some(key)) => key,
        // Pictures reached channels only with some thumbnail, and the picture itself will do.
        None if annotation(message, MAJOR_TYPE).is_some() => file_url.clone(),
        None => String::new(),
    };
    let number = |value: u64| if options.quote_numbers { value.to_string().into() } else { Value::from(value) };
    let pixels = |value: Option<u32>| Some(number(value.unwrap_or(0).into()));
    // What an incoming video brought along goes out again with it.
    let noted = |name: &str| annotation(message, name).and_then(|value| value.trim().parse().ok());

    let bare = File {
        file_type: options.attachment_name.as_str(),
        file_url,
        file_name: media.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(NO_NAME),
        file_size: number(media.size.unwrap_or(0)),
        thumbnail_url: None,
        image_width: None,
        image_height: None,
        thumbnail_width: None,
        thumbnail_height: None,
        file_duration: None,
    };
    let picture = |file_type, bare| File {
        file_type,
        thumbnail_url: Some(thumbnail.clone()),
        image_width: pixels(media.width),
        image_height: pixels(media.height),
        ..bare
    };
    Ok(match media.kind {
        MediaKind::Image => picture("IMAGE", bare),
        MediaKind::Animation => picture("GIF", bare),
        MediaKind::Video => File {
            file_type: "VIDEO",
            thumbnail_url: Some(thumbnail),
            thumbnail_width: pixels(noted("soroush.thumbnail-width").or(media.width)),
            thumbnail_height: pixels(noted("soroush.thumbnail-height").or(media.height)),
            file_duration: Some(number(media.duration.unwrap_or(0))),
            ..bare
        },
        MediaKind::Voice => {
            File { file_type: "PUSH_TO_TALK", file_duration: Some(number(media.duration.unwrap_or(0))), ..bare }
        }
        // There is no kind for sound that was not recorded in the chat.
        MediaKind::Audio | MediaKind::Document => bare,
    })
}

fn degrees(place: &Location, options: &Options) -> Result<(Value, Value), Unsendable> {
    // False for NaN, too, which JSON cannot carry.
    if !(place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0) {
        return Err(invalid("the place is not on the earth"));
    }
    let number = |value: f64| if options.quote_numbers { value.to_string().into() } else { Value::from(value) };
    Ok((number(place.latitude), number(place.longitude)))
}

fn invalid(why: &str) -> Unsendable {
    Unsendable::Invalid(why.to_owned())
}

fn unsupported(what: &str) -> Unsendable {
    Unsendable::Unsupported(format!("Soroush has no such thing as {what}"))
}
