//! The echo bot for Extism: an event comes as JSON, with all the fields that a bot of hodhod gets,
//! and the replies go as JSON.

use extism_pdk::{FnResult, Json, plugin_fn};
use serde::{Deserialize, Serialize};

/// What the host has of an event; other kinds are no messages.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Event {
    Message(Box<Message>),
}

#[derive(Deserialize)]
struct Message {
    id: String,
    platform: String,
    chat: Chat,
    private: bool,
    sender: Sender,
    sent_at: u64,
    edited: bool,
    content: Content,
    reply_to: Option<String>,
    #[serde(default)]
    annotations: Vec<(String, String)>,
}

#[derive(Deserialize, Serialize)]
struct Chat {
    connection: String,
    id: String,
}

#[derive(Deserialize)]
struct Sender {
    id: Option<String>,
    name: Option<String>,
    automated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Content {
    Text(String),
    Button(String),
    Stop,
}

#[derive(Serialize)]
struct Reply {
    chat: Chat,
    message: Outgoing,
}

#[derive(Serialize)]
struct Outgoing {
    body: Body,
    report: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Body {
    Text(String),
}

#[plugin_fn]
pub fn handle(Json(Event::Message(message)): Json<Event>) -> FnResult<Json<Vec<Reply>>> {
    // The whole message is read, as a bot of hodhod reads it; nothing of it is left out unseen.
    let Message { id, platform, chat, private, sender, sent_at, edited, content, reply_to, annotations } = *message;
    std::hint::black_box((&id, &platform, private, sent_at, edited, &reply_to, &annotations));
    std::hint::black_box((&sender.id, &sender.name, sender.automated));
    let text = match content {
        Content::Text(text) => text,
        Content::Button(data) => format!("دکمه: {data}"),
        Content::Stop => return Ok(Json(Vec::new())),
    };
    Ok(Json(vec![Reply { chat, message: Outgoing { body: Body::Text(text), report: false } }]))
}
