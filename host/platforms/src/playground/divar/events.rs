//! What Divar pushes, as JSON: Divar's pages `events/chat.md`, `events/post.md` and `events/payment.md`.

use serde_json::{Map, Value, json};

use super::faults::Faults;
use super::world::{Author, Conversation, With};

/// What a message is, with the links that it carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Text(String),
    Image {
        link: String,
        size: usize,
        width: u32,
        height: u32,
    },
    File {
        link: String,
        size: usize,
        name: String,
    },
    Voice {
        link: String,
        size: usize,
    },
    Video {
        link: String,
        size: usize,
        thumbnail: String,
    },
    Location {
        latitude: f64,
        longitude: f64,
    },
    Contact {
        name: Option<String>,
        phone: String,
    },
    /// A kind that no page tells of, and nothing more.
    Other(String),
}

impl Shape {
    fn kind(&self) -> &str {
        match self {
            Self::Text(_) => "TEXT",
            Self::Image { .. } => "IMAGE",
            Self::File { .. } => "FILE",
            Self::Voice { .. } => "VOICE",
            Self::Video { .. } => "VIDEO",
            Self::Location { .. } => "LOCATION",
            Self::Contact { .. } => "CONTACT",
            Self::Other(kind) => kind,
        }
    }

    /// The member that a message of this kind has, and what is in it.
    fn data(&self, faults: &Faults) -> Option<(&'static str, Value)> {
        let size = |size: &usize| if faults.sizes_as_text { json!(size.to_string()) } else { json!(size) };
        Some(match self {
            Self::Text(text) => ("text", json!(text)),
            Self::Image { link, size: bytes, width, height } => (
                "image_data",
                json!({ "link": link, "size_bytes": size(bytes), "height_px": height, "width_px": width }),
            ),
            Self::File { link, size: bytes, name } => {
                ("file_data", json!({ "link": link, "name": name, "size_bytes": size(bytes) }))
            }
            Self::Voice { link, size: bytes } => ("voice_data", json!({ "link": link, "size_bytes": size(bytes) })),
            Self::Video { link, size: bytes, thumbnail } => {
                ("video_data", json!({ "link": link, "thumbnail_link": thumbnail, "size_bytes": size(bytes) }))
            }
            Self::Location { latitude, longitude } => {
                ("location_data", json!({ "latitude": latitude, "longitude": longitude }))
            }
            Self::Contact { name: Some(name), phone } => ("contact_data", json!({ "name": name, "phone": phone })),
            Self::Contact { name: None, phone } => ("contact_data", json!({ "phone": phone })),
            Self::Other(_) => return None,
        })
    }
}

/// A message as it is pushed.
pub(super) fn message(
    id: &str,
    conversation: &Conversation,
    author: Author,
    micros: u64,
    shape: &Shape,
    faults: &Faults,
) -> Value {
    let mut message = Map::new();
    message.insert("id".to_owned(), json!(id));
    message.insert("conversation".to_owned(), self::conversation(conversation));
    message.insert("sender".to_owned(), sender(author, if faults.user_for_human { "USER" } else { "HUMAN" }));
    message.insert("type".to_owned(), json!(shape.kind()));
    message.insert("sent_at".to_owned(), faults.sent_at.write(micros));
    if let Some((member, data)) = shape.data(faults) {
        message.insert(member.to_owned(), data);
    }
    Value::Object(message)
}

/// A conversation as messages name it.
pub(super) fn conversation(conversation: &Conversation) -> Value {
    match &conversation.with {
        With::Chatbot { .. } => json!({ "id": conversation.id, "type": "BOT" }),
        With::Post { post, .. } => json!({ "id": conversation.id, "type": "POST", "post_token": post }),
    }
}

pub(super) fn sender(author: Author, human: &str) -> Value {
    let kind = if author.bot { "BOT" } else { human };
    match author.side {
        None => json!({ "type": kind }),
        Some(side) => json!({ "type": kind, "side": side.of_message() }),
    }
}

/// A message to the app's chatbot.
pub(super) fn to_chatbot(message: &Value) -> Value {
    json!({ "type": "NEW_CHATBOT_MESSAGE", "new_chatbot_message": message })
}

/// A message about a post, for one subscription.
pub(super) fn about_post(message: &Value, metadata: Option<&Map<String, Value>>) -> Value {
    with_metadata(json!({ "type": "NEW_MESSAGE", "new_message": message }), metadata)
}

/// What became of a post, for one subscription.
pub(super) fn post_update(kind: &str, post: &Value, metadata: Option<&Map<String, Value>>) -> Value {
    with_metadata(json!({ "type": "POST_UPDATE", "post_update": { "type": kind, "post": post } }), metadata)
}

pub(super) fn revocation(user: &str) -> Value {
    json!({ "type": "USER_ACCESS_REVOCATION", "user_access_revocation": { "user_id": user } })
}

fn with_metadata(mut event: Value, metadata: Option<&Map<String, Value>>) -> Value {
    if let (Some(event), Some(metadata)) = (event.as_object_mut(), metadata) {
        event.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
    event
}
