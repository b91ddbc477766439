//! Whether a `sendMessage` body says what the official page's tables of types and fields ask for.
//!
//! Tolerated, because official SDKs do it: numbers in quotes, dummy values (an empty `thumbnailUrl`, a size
//! of 0), unknown members, and spaces around `to`.

use serde_json::Value;

use super::keyboard::{self, Keyboard};

/// A body that passed.
#[derive(Debug)]
pub(super) struct Message {
    /// Without surrounding white space.
    pub(super) to: String,
    /// Goes to a channel, not to a person.
    pub(super) to_channel: bool,
    /// Absent: the keyboard stays as it is. Empty: it goes away.
    pub(super) keyboard: Option<Keyboard>,
    /// The file keys it names.
    pub(super) files: Vec<String>,
    pub(super) json: Value,
}

/// What is wrong with a body, as the platform's `resultMessage` would say it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Flaw {
    #[error("The body is not a JSON object")]
    NotAnObject,
    #[error("The field {0} is missing")]
    Missing(&'static str),
    #[error("The field {0} must be {1}")]
    Wrong(&'static str, &'static str),
    #[error("Bad keyboard: {0}")]
    Keyboard(&'static str),
}

/// Reads and checks one body.
pub(super) fn message(body: &[u8]) -> Result<Message, Flaw> {
    let json: Value = serde_json::from_slice(body).map_err(|_| Flaw::NotAnObject)?;
    if !json.is_object() {
        return Err(Flaw::NotAnObject);
    }
    let fields = Fields(&json);

    let to = fields.text("to")?.trim();
    if to.is_empty() {
        return Err(Flaw::Missing("to"));
    }
    let mut files = Vec::new();
    match fields.text("type")? {
        "TEXT" => {
            if fields.text("body")?.is_empty() {
                return Err(Flaw::Missing("body"));
            }
        }
        "FILE" => file(&fields, &mut files)?,
        "LOCATION" => {
            fields.optional_text("body")?;
            fields.number("latitude")?;
            fields.number("longitude")?;
        }
        // The page's heading, table and example say CHANGE, another table KEYBOARD_CHANGE.
        "CHANGE" | "KEYBOARD_CHANGE" => {
            fields.value("keyboard")?;
        }
        _ => return Err(Flaw::Wrong("type", "TEXT, FILE, LOCATION or CHANGE")),
    }
    let to_channel = match json.get("majorType").map(Value::as_str) {
        None | Some(Some("BOT")) => false,
        Some(Some("CHANNEL")) => true,
        Some(_) => return Err(Flaw::Wrong("majorType", "BOT or CHANNEL")),
    };
    let keyboard = json.get("keyboard").map(keyboard::parse).transpose().map_err(Flaw::Keyboard)?;
    Ok(Message { to: to.to_owned(), to_channel, keyboard, files, json })
}

fn file(fields: &Fields<'_>, files: &mut Vec<String>) -> Result<(), Flaw> {
    fields.optional_text("body")?;
    let url = fields.key("fileUrl")?;
    if url.is_empty() {
        return Err(Flaw::Missing("fileUrl"));
    }
    files.push(url.to_owned());
    fields.text("fileName")?;
    fields.size("fileSize")?;

    let (thumbnail, sizes): (bool, &[&'static str]) = match fields.text("fileType")? {
        "IMAGE" | "GIF" => (true, &["imageWidth", "imageHeight"]),
        "VIDEO" => (true, &["fileDuration", "thumbnailWidth", "thumbnailHeight"]),
        "PUSH_TO_TALK" => (false, &["fileDuration"]),
        // The official PHP SDK writes the second name, Client.php.
        "ATTACHMENT" | "FILE_TYPE_OTHER" => (false, &[]),
        _ => return Err(Flaw::Wrong("fileType", "IMAGE, GIF, VIDEO, PUSH_TO_TALK or ATTACHMENT")),
    };
    if thumbnail {
        let key = fields.key("thumbnailUrl")?;
        if !key.is_empty() {
            files.push(key.to_owned());
        }
    }
    sizes.iter().try_for_each(|name| fields.size(name))
}

/// The members of an object, read by what they must be.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn value(&self, name: &'static str) -> Result<&'a Value, Flaw> {
        self.0.get(name).filter(|value| !value.is_null()).ok_or(Flaw::Missing(name))
    }

    fn text(&self, name: &'static str) -> Result<&'a str, Flaw> {
        self.value(name)?.as_str().ok_or(Flaw::Wrong(name, "a string"))
    }

    fn optional_text(&self, name: &'static str) -> Result<(), Flaw> {
        match self.value(name) {
            Ok(_) => self.text(name).map(|_| ()),
            Err(_) => Ok(()),
        }
    }

    /// A key as uploadFile hands out, or nothing. A URL of another place is not one.
    fn key(&self, name: &'static str) -> Result<&'a str, Flaw> {
        let key = self.text(name)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if key.bytes().all(allowed) { Ok(key) } else { Err(Flaw::Wrong(name, "a key that uploadFile gave")) }
    }

    /// A number, or a string with a number in it: the page's examples quote every number.
    fn number(&self, name: &'static str) -> Result<f64, Flaw> {
        let number = match self.value(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &f64| number.is_finite()).ok_or(Flaw::Wrong(name, "a number"))
    }

    fn size(&self, name: &'static str) -> Result<(), Flaw> {
        if self.number(name)? >= 0.0 { Ok(()) } else { Err(Flaw::Wrong(name, "a number that is not negative")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(body: &str) -> String {
        message(body.as_bytes()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn accepts_each_type_with_numbers_quoted_or_not() {
        for body in [
            r#"{"to":"u","type":"TEXT","body":" ","fileId":"unknown members are fine"}"#,
            r#"{"to":" u ","type":"TEXT","body":"سلام","majorType":"BOT","keyboard":[]}"#,
            r#"{"to":"u","type":"LOCATION","latitude":"35.6892","longitude":51.389}"#,
            r#"{"to":"u","type":"CHANGE","keyboard":[[{"text":"a","command":"b"}],[]]}"#,
            r#"{"to":"u","type":"FILE","fileType":"IMAGE","fileUrl":"k-_","fileName":"a.png","fileSize":"18169",
                "imageWidth":"0","imageHeight":0.0,"thumbnailUrl":""}"#,
            r#"{"to":"u","type":"FILE","fileType":"VIDEO","fileUrl":"k","fileName":"a.mp4","fileSize":1,
                "fileDuration":"99010","thumbnailWidth":1,"thumbnailHeight":2,"thumbnailUrl":"t","body":null}"#,
            r#"{"to":"u","type":"FILE","fileType":"PUSH_TO_TALK","fileUrl":"k","fileName":"a.m4a","fileSize":1,
                "fileDuration":2670,"body":" "}"#,
            r#"{"to":"u","type":"FILE","fileType":"FILE_TYPE_OTHER","fileUrl":"k","fileName":"a","fileSize":1}"#,
        ] {
            message(body.as_bytes()).unwrap_or_else(|flaw| panic!("{flaw}: {body}"));
        }
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        for (body, expected) in [
            ("", "The body is not a JSON object"),
            ("[1]", "The body is not a JSON object"),
            (r#"{"type":"TEXT","body":"x"}"#, "The field to is missing"),
            (r#"{"to":" ","type":"TEXT","body":"x"}"#, "The field to is missing"),
            (r#"{"to":7,"type":"TEXT","body":"x"}"#, "The field to must be a string"),
            (r#"{"to":"u","body":"x"}"#, "The field type is missing"),
            (r#"{"to":"u","type":"START","body":"x"}"#, "The field type must be TEXT, FILE, LOCATION or CHANGE"),
            (r#"{"to":"u","type":"TEXT"}"#, "The field body is missing"),
            (r#"{"to":"u","type":"TEXT","body":""}"#, "The field body is missing"),
            (r#"{"to":"u","type":"CHANGE"}"#, "The field keyboard is missing"),
            (r#"{"to":"u","type":"TEXT","body":"x","keyboard":null}"#, "Bad keyboard: keyboard is not an array"),
            (
                r#"{"to":"u","type":"TEXT","body":"x","keyboard":[[{"text":"a","command":""}]]}"#,
                "Bad keyboard: a key of the keyboard has no command",
            ),
            (r#"{"to":"u","type":"LOCATION","latitude":"x","longitude":1}"#, "The field latitude must be a number"),
            (
                r#"{"to":"u","type":"FILE","fileType":"IMAGE","fileUrl":"http://x/y","fileName":"a","fileSize":1}"#,
                "The field fileUrl must be a key that uploadFile gave",
            ),
            (
                r#"{"to":"u","type":"FILE","fileType":"IMAGE","fileUrl":"k","fileName":"a","fileSize":-1}"#,
                "The field fileSize must be a number that is not negative",
            ),
            (
                r#"{"to":"u","type":"FILE","fileType":"GIF","fileUrl":"k","fileName":"a","fileSize":1,
                    "thumbnailUrl":"","imageWidth":1}"#,
                "The field imageHeight is missing",
            ),
            (
                r#"{"to":"u","type":"TEXT","body":"x","majorType":"GROUP"}"#,
                "The field majorType must be BOT or CHANNEL",
            ),
        ] {
            assert_eq!(flaw(body), expected, "{body}");
        }
    }
}
