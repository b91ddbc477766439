//! What an answer proves.
//!
//! A send cannot be taken back and the platform does not recognise a repetition, so the question is
//! never "did it fail" but "is it certain that it did not arrive". A file may come and go twice; there
//! the question is whether trying again may help.

use std::time::Duration;

use hodhod_core::platform::{FileError, SendError, Sent};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::keys::clean_key;
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
    match code(&answer) {
        None => Err(in_doubt()),
        // There is no id: such a message can never be edited or answered.
        Some(200.0) => Ok(Sent { id: None }),
        Some(code) => Err(SendError::Refused(reason(code, &answer, token))),
    }
}

/// What an answer about a file means that is no success by its status.
pub(super) fn file_trouble(status: StatusCode, wait: Option<Duration>, body: &[u8], token: &Token) -> FileError {
    let described = format!("HTTP {}: {}", status.as_u16(), quote(body, token));
    match (status.as_u16(), wait) {
        (429 | 503, Some(wait)) => FileError::Wait(wait),
        (400..=407 | 409..=428 | 430..=499, _) => FileError::Refused(described),
        _ => FileError::Unavailable(described),
    }
}

/// The error that stands in the place of a file, if it is one.
pub(super) fn error_for_file(body: &[u8], token: &Token) -> Option<FileError> {
    let answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let code = code(&answer)?;
    let is_word = answer.contains_key("resultMessage") && !answer.contains_key("fileUrl");
    (code != 200.0 || is_word).then(|| FileError::Refused(reason(code, &answer, token)))
}

/// The key of an uploaded file.
pub(super) fn uploaded(
    status: StatusCode,
    wait: Option<Duration>,
    body: &[u8],
    token: &Token,
) -> Result<String, FileError> {
    if !status.is_success() {
        return Err(file_trouble(status, wait, body, token));
    }
    let no_result = || FileError::Unavailable(format!("the answer is no result: {}", quote(body, token)));
    let answer: Map<String, Value> = serde_json::from_slice(body).map_err(|_| no_result())?;
    match code(&answer).ok_or_else(no_result)? {
        200.0 => answer.get("fileUrl").and_then(Value::as_str).and_then(clean_key).ok_or_else(no_result),
        code => Err(FileError::Refused(reason(code, &answer, token))),
    }
}

fn code(answer: &Map<String, Value>) -> Option<f64> {
    match answer.get("resultCode")? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A failing code with the words that came with it.
fn reason(code: f64, answer: &Map<String, Value>, token: &Token) -> String {
    // One unofficial client reads a "description"; no list of codes or fields was published.
    let words = ["resultMessage", "description"].iter().find_map(|key| answer.get(*key)?.as_str());
    let keys: Vec<_> = answer.keys().take(8).map(|key| token.redact(key)).collect();
    tracing::debug!(code, ?keys, "the platform refused");
    format!("{code} {}", quote(words.unwrap_or("without a reason").as_bytes(), token))
}

/// A server's own words, short, on one line, and without the token that they may quote.
fn quote(body: &[u8], token: &Token) -> String {
    let text = token.redact(&String::from_utf8_lossy(body));
    let words: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE).collect();
    if words.trim().is_empty() { "(nothing)".to_owned() } else { words.trim().to_owned() }
}
