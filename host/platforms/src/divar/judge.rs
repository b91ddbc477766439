//! What an answer proves.
//!
//! A send cannot be taken back and the platform does not recognise a repetition, so the question is
//! never "did it fail" but "is it certain that it did not arrive". Errors are told as a
//! `google.rpc.Status`; its code is believed where there is one, and the status of HTTP otherwise, as
//! only one pair of the two is published (9 with 412).

use std::time::Duration;

use hodhod_core::platform::{FileError, SendError};
use reqwest::StatusCode;
use serde_json::Value;

use super::secret::Redaction;
use super::wire::Fields;

/// Of a server's own words so many characters are quoted.
const MAX_QUOTE: usize = 200;

/// The limit of a minute is over by then.
const MINUTE: Duration = Duration::from_secs(60);

/// The limit of a day is over some time; Divar does not say when.
const DAY: Duration = Duration::from_secs(15 * 60);

/// A limit that is over at once would be met again at once.
const SHORTEST: Duration = Duration::from_secs(1);

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: SendError,
    /// True where the platform does not accept who asks.
    pub(super) is_about_keys: bool,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { error, is_about_keys: false }
    }
}

/// Judges an answer by its status, its wish to wait, and as much of its body as was read. Gives the
/// body of a good one; one that is no JSON is as good, because only its status is promised.
pub(super) fn judge(
    status: StatusCode,
    wait: Option<Duration>,
    body: &[u8],
    redaction: &Redaction,
) -> Result<Value, Failure> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let fields = Fields::of(&answer);
    if status.is_success() {
        // A send into a conversation about an ad says it twice.
        return match fields.whole("status") {
            Some(400..) => Err(SendError::Refused(described(status, body, redaction)).into()),
            _ => Ok(answer),
        };
    }
    let words = || described(status, body, redaction);
    let error = match (status.as_u16(), fields.whole("code")) {
        (429, _) | (_, Some(8)) => SendError::Wait(wait.unwrap_or_else(|| until_room(body)).max(SHORTEST)),
        (412, _) => SendError::Refused(words()),
        // Invalid, not found, there already, denied, not now, out of range, not there, not known who.
        (_, Some(3 | 5 | 6 | 7 | 9 | 11 | 12 | 16)) => SendError::Refused(words()),
        // Given up because of another that ran beside it.
        (_, Some(10)) => SendError::NotSent(words()),
        // Given up half-way, or for a reason that its author did not know.
        (_, Some(1 | 2 | 4 | 13 | 15)) => SendError::InDoubt(words()),
        // Also what stands in front of the server says so, when its line to it breaks behind a request.
        (503, _) | (_, Some(14)) => wait.map_or_else(|| SendError::InDoubt(words()), SendError::Wait),
        // The server waited for the rest of the request in vain, or wants it elsewhere.
        (300..=399 | 408, _) => SendError::NotSent(words()),
        (400..=499, _) => SendError::Refused(words()),
        _ => SendError::InDoubt(words()),
    };
    let is_about_keys = matches!(status.as_u16(), 401 | 403) || matches!(fields.whole("code"), Some(7 | 16));
    Err(Failure { error, is_about_keys })
}

/// What a failed call about a file means: it may be tried again without harm.
pub(super) fn file_error(failure: Failure) -> FileError {
    match failure.error {
        SendError::Refused(words) => FileError::Refused(words),
        SendError::Wait(wait) => FileError::Wait(wait),
        SendError::NotSent(words) | SendError::InDoubt(words) => FileError::Unavailable(words),
    }
}

/// What a file that could not be had means for the message that it belongs to: nothing went out.
pub(super) fn send_error(error: FileError) -> SendError {
    match error {
        FileError::Unsupported(_) | FileError::Refused(_) | FileError::TooLarge(_) => {
            SendError::Refused(format!("the file: {error}"))
        }
        FileError::Wait(wait) => SendError::Wait(wait),
        FileError::Unavailable(words) => SendError::NotSent(format!("the file: {words}")),
    }
}

/// How long a limit lasts, by the words in which it is told; their form is not published.
fn until_room(body: &[u8]) -> Duration {
    let words = String::from_utf8_lossy(body).to_lowercase();
    let is_of_a_day = ["daily", "day", "روز"].iter().any(|word| words.contains(word));
    let is_of_a_minute = ["minute", "دقیقه"].iter().any(|word| words.contains(word));
    if is_of_a_day && !is_of_a_minute { DAY } else { MINUTE }
}

fn described(status: StatusCode, body: &[u8], redaction: &Redaction) -> String {
    format!("HTTP {}: {}", status.as_u16(), quote(body, redaction))
}

/// A server's own words, short, on one line, and without the secrets that they may quote.
fn quote(body: &[u8], redaction: &Redaction) -> String {
    let text = redaction.redact(&String::from_utf8_lossy(body));
    let words: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE).collect();
    if words.trim().is_empty() { "(nothing)".to_owned() } else { words.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, wait: Option<u64>, body: &str) -> (&'static str, bool) {
        let judged = judge(
            StatusCode::from_u16(status).unwrap(),
            wait.map(Duration::from_secs),
            body.as_bytes(),
            &Redaction::of([]),
        );
        judged.map_or_else(|failure| (failure.error.as_str(), failure.is_about_keys), |_| ("sent", false))
    }

    #[test]
    fn an_answer_proves_what_its_code_says_and_without_one_what_its_status_says() {
        for (status, body, wanted) in [
            (200, r#"{"status":200,"message":"success"}"#, "sent"),
            (200, r#"{"conversation_id":"x"}"#, "sent"),
            (200, "{}", "sent"),
            (200, "", "sent"),
            (200, "<html>", "sent"),
            (200, r#"{"status":412,"message":"x"}"#, "refused"),
            (412, r#"{"code":9,"message":"message delivery failed due to recipient's restriction"}"#, "refused"),
            (412, "", "refused"),
            (400, r#"{"code":9}"#, "refused"),
            (500, r#"{"code":"9"}"#, "refused"),
            (400, r#"{"code":3,"message":"invalid","details":[]}"#, "refused"),
            (404, "not found", "refused"),
            (404, r#"{"code":5}"#, "refused"),
            (429, "", "wait"),
            (400, r#"{"code":8}"#, "wait"),
            (409, r#"{"code":10}"#, "not-sent"),
            (503, "", "in-doubt"),
            (502, r#"{"code":14}"#, "in-doubt"),
            (307, "", "not-sent"),
            (408, "", "not-sent"),
            (500, r#"{"code":13}"#, "in-doubt"),
            (500, r#"{"code":2}"#, "in-doubt"),
            (504, r#"{"code":4}"#, "in-doubt"),
            (499, r#"{"code":1}"#, "in-doubt"),
            (500, "", "in-doubt"),
            (502, "<html>bad gateway</html>", "in-doubt"),
        ] {
            assert_eq!(kind(status, None, body), (wanted, false), "{status} {body}");
        }
        for (status, body) in
            [(401, ""), (403, ""), (401, r#"{"code":16}"#), (403, r#"{"code":7}"#), (500, r#"{"code":16}"#)]
        {
            assert_eq!(kind(status, None, body), ("refused", true), "{status} {body}");
        }
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_it_says_or_as_its_words_let_guess() {
        let wait = |after: Option<u64>, body: &str| {
            let judged = judge(
                StatusCode::TOO_MANY_REQUESTS,
                after.map(Duration::from_secs),
                body.as_bytes(),
                &Redaction::of([]),
            );
            match judged.unwrap_err().error {
                SendError::Wait(wait) => wait.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(wait(Some(7), "daily quota"), 7);
        assert_eq!(wait(Some(0), ""), 1);
        assert_eq!(wait(None, "Resource has been exhausted (e.g. check quota)."), 60);
        assert_eq!(wait(None, ""), 60);
        assert_eq!(wait(None, r#"{"code":8,"message":"per minute rate limit exceeded"}"#), 60);
        assert_eq!(wait(None, r#"{"code":8,"message":"Daily quota exceeded"}"#), 900);
        assert_eq!(wait(None, "سهمیهٔ روزانهٔ شما تمام شده است"), 900);
    }

    #[test]
    fn words_of_a_server_are_short_on_one_line_and_without_secrets() {
        let key = super::super::secret::Secret::new(&"k3y".into(), "api_key").unwrap();
        let body = format!("\u{1b}[2J\r\nkey k3y is bad {}", "x".repeat(1000));
        let failure = judge(StatusCode::BAD_REQUEST, None, body.as_bytes(), &Redaction::of([key])).unwrap_err();
        let words = failure.error.to_string();
        assert!(words.contains("key *** is bad") && words.len() < 300 && !words.contains(['\n', '\u{1b}']), "{words}");
    }
}
