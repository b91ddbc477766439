//! The people's side: what a person does, as the JSON that the platform sends for it.

use bytes::Bytes;
use hodhod_core::text::hex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::files::PERSON_KEY;
use super::incoming::Posted;
use super::people::Presence;
use super::server::SoroushServer;

/// What stands in `body` when there is no text.
const NO_TEXT: &str = " ";

/// A file that a person sends.
#[derive(Debug, Clone)]
pub struct IncomingFile {
    /// The name on the person's device.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
    /// The text under it.
    pub caption: Option<String>,
    /// Which kind it is, and what that kind tells about it.
    pub kind: FileKind,
}

/// The kinds of files.
#[derive(Debug, Clone)]
pub enum FileKind {
    /// A picture.
    Image {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// A smaller picture.
        thumbnail: Bytes,
    },
    /// A moving picture.
    Gif {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// A smaller picture.
        thumbnail: Bytes,
    },
    /// A film.
    Video {
        /// In milliseconds.
        duration: u64,
        /// In pixels, of the thumbnail.
        width: u32,
        /// In pixels, of the thumbnail.
        height: u32,
        /// A picture from it.
        thumbnail: Bytes,
    },
    /// A recorded voice. It comes without `fileType`, as in the official page's example.
    Voice {
        /// In milliseconds.
        duration: u64,
    },
    /// Anything else.
    Attachment,
}

impl SoroushServer {
    /// A person writes. Whoever writes has started the bot too.
    pub fn say(&self, token: &str, from: &str, text: &str) -> Result<Posted, Error> {
        self.post(token, from, "TEXT", text, Map::new())
    }

    /// A person presses a key with this command. On the wire it is a TEXT like any other.
    pub fn press(&self, token: &str, from: &str, command: &str) -> Result<Posted, Error> {
        self.say(token, from, command)
    }

    /// A person starts the bot.
    pub fn start_bot(&self, token: &str, from: &str) -> Result<Posted, Error> {
        self.post(token, from, "START", NO_TEXT, Map::new())
    }

    /// A person stops the bot, which may not write to them from now on.
    pub fn leave(&self, token: &str, from: &str) -> Result<Posted, Error> {
        self.post(token, from, "STOP", NO_TEXT, Map::new())
    }

    /// A person sends a place, in degrees.
    pub fn share_location(&self, token: &str, from: &str, latitude: f64, longitude: f64) -> Result<Posted, Error> {
        let mut fields = Map::new();
        fields.insert("latitude".to_owned(), json!(latitude));
        fields.insert("longitude".to_owned(), json!(longitude));
        self.post(token, from, "LOCATION", NO_TEXT, fields)
    }

    /// A person sends a file, which the bot can then download.
    pub fn send_file(&self, token: &str, from: &str, file: IncomingFile) -> Result<Posted, Error> {
        // Before the file is kept: a wrong token should not fill the store.
        self.shared().known_bot(token)?;
        let id = file_id(&file);
        let size = file.bytes.len();
        let key = |name: &str, bytes: Bytes| self.shared().files().put(name, bytes, PERSON_KEY);

        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("fileUrl", json!(key(&file.name, file.bytes)?));
        set("fileId", json!(id));
        set("fileName", json!(file.name));
        set("fileSize", json!(size));
        match file.kind {
            FileKind::Image { width, height, thumbnail } => {
                set("fileType", json!("IMAGE"));
                set("thumbnailUrl", json!(key("thumbnail", thumbnail)?));
                set("imageWidth", json!(width));
                set("imageHeight", json!(height));
            }
            FileKind::Gif { width, height, thumbnail } => {
                set("fileType", json!("GIF"));
                set("thumbnailUrl", json!(key("thumbnail", thumbnail)?));
                set("imageWidth", json!(width));
                set("imageHeight", json!(height));
            }
            FileKind::Video { duration, width, height, thumbnail } => {
                set("fileType", json!("VIDEO"));
                set("thumbnailUrl", json!(key("thumbnail", thumbnail)?));
                set("fileDuration", json!(duration));
                set("thumbnailWidth", json!(width));
                set("thumbnailHeight", json!(height));
            }
            FileKind::Voice { duration } => {
                set("fileDuration", json!(duration));
            }
            FileKind::Attachment => {
                set("fileType", json!("ATTACHMENT"));
            }
        }
        self.post(token, from, "FILE", file.caption.as_deref().unwrap_or(NO_TEXT), fields)
    }

    /// Any JSON at all. An object without a `time` gets one; a `from` in it counts as a person who came, or
    /// left if the `type` is STOP.
    pub fn inject(&self, token: &str, json: Value) -> Result<Posted, Error> {
        let bot = self.shared().known_bot(token)?;
        let from = json.get("from").and_then(Value::as_str).map(str::to_owned);
        let presence = presence(json.get("type").and_then(Value::as_str));
        bot.post(from.as_deref().map(|from| (from, presence)), |time| {
            let mut json = json;
            if let Some(object) = json.as_object_mut() {
                object.entry("time").or_insert_with(|| time.to_string().into());
            }
            json.to_string()
        })
    }

    /// Any text at all, as the data of one event: it need not be JSON. Line breaks in it make it an event of
    /// several data lines.
    pub fn inject_raw(&self, token: &str, data: &str) -> Result<Posted, Error> {
        self.shared().known_bot(token)?.post(None, |_| data.to_owned())
    }

    fn post(
        &self,
        token: &str,
        from: &str,
        kind: &str,
        body: &str,
        mut fields: Map<String, Value>,
    ) -> Result<Posted, Error> {
        let bot = self.shared().known_bot(token)?;
        bot.post(Some((from, presence(Some(kind)))), |time| {
            fields.insert("from".to_owned(), from.into());
            fields.insert("type".to_owned(), kind.into());
            fields.insert("time".to_owned(), time.to_string().into());
            fields.insert("body".to_owned(), body.into());
            Value::Object(fields).to_string()
        })
    }
}

fn presence(kind: Option<&str>) -> Presence {
    if kind == Some("STOP") { Presence::Left } else { Presence::Here }
}

/// Forty hexadecimal digits and the extension of the name, as in the official page's examples.
fn file_id(file: &IncomingFile) -> String {
    let mut id = hex(&Sha256::digest(&file.bytes));
    id.truncate(40);
    if let Some((_, extension)) = file.name.rsplit_once('.') {
        id.push('.');
        id.push_str(extension);
    }
    id
}
