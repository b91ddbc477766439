//! The local Soroush keeps the promises of its interface: over real TCP, as a bot sees it.

mod life;
#[path = "../playground_kit/mod.rs"]
mod playground_kit;
mod receive;
mod send;

use serde_json::{Value, json};

fn text(to: &str, body: &str) -> Value {
    json!({ "to": to, "type": "TEXT", "body": body })
}
