//! An answer's body, bounded, and an error's words.

use std::error::Error;

use reqwest::Response;

/// Answers to calls have some hundred bytes; more than this is not read.
const MAX_ANSWER: usize = 64 * 1024;

/// The body, as far as it comes and as far as the limit.
pub(crate) async fn read_some(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            body.truncate(MAX_ANSWER);
            break;
        }
    }
    body
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
