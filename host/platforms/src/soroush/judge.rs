//! What an answer to `sendMessage` proves.
//!
//! A send cannot be taken back and the platform does not recognise a repetition, so the question is
//! never "did it fail" but "is it certain that it did not arrive".

use std::time::Duration;

use hodhod_core::platform::{SendError, Sent};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::token::Token;

/// Of a server's own words so many characters are quoted.
const MAX_QUOTE: usize = 200;

/// Judges an answer by its status, its wish to wait, and as much of its body as was read.
pub(super) fn judge(status: StatusCode, wait: Option<Duration>, body: &[u8], token: &Token) -> Result<Sent, SendError> {
    let described = || format!("HTTP {}: {}", status.as_u16(), quote(body, token));
    match status.as_u16() {
        200..=299 => result(body, token),
        429 | 503 => Err(wait.map_or_else(|| SendError::NotSent(described()), SendError::Wait)),
        // The server waited for the rest of the request in vain, or wants it elsewhere.
        300..=399 | 408 => Err(SendError::NotSent(described())),
        400..=499 => Err(SendError::Refused(described())),
        _ => Err(SendError::InDoubt(described())),
    }
}

/// Judges the JSON of a call that HTTP says went well: every SDK demands `resultCode` 200.
fn result(body: &[u8], token: &Token) -> Result<Sent, SendError> {
    let in_doubt = || SendError::InDoubt(format!("the answer is no result: {}", quote(body, token)));
    let answer: Map<String, Value> = serde_json::from_slice(body).map_err(|_| in_doubt())?;
    let code = match answer.get("resultCode") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match code {
        None => Err(in_doubt()),
        // There is no id: such a message can never be edited or answered.
        Some(200.0) => Ok(Sent { id: None }),
        Some(code) => {
            // One unofficial client reads a "description"; no list of codes or fields was published.
            let words = ["resultMessage", "description"].iter().find_map(|key| answer.get(*key)?.as_str());
            let keys: Vec<_> = answer.keys().take(8).map(|key| token.redact(key)).collect();
            tracing::debug!(code, ?keys, "the platform refused a message");
            Err(SendError::Refused(format!("{code} {}", quote(words.unwrap_or("without a reason").as_bytes(), token))))
        }
    }
}

/// A server's own words, short, on one line, and without the token that they may quote.
fn quote(body: &[u8], token: &Token) -> String {
    let text = token.redact(&String::from_utf8_lossy(body));
    let words: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE).collect();
    if words.trim().is_empty() { "(nothing)".to_owned() } else { words.trim().to_owned() }
}
