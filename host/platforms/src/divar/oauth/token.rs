//! The server of the tokens: a code for a pair, and a pair for the next one.
//!
//! Fields and answers are those of Divar's developer pages (`oauth/ReadMe.md`) and of RFC 6749. An answer is
//! read by hand: the complaints of a JSON reader quote what they complain about, and that would be a token.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::client::{Answer, Broken, Http, MAX_TOKEN_ANSWER};
use super::scope;
use super::setup::App;

/// Tokens seen have 90 characters.
const MAX_TOKEN: usize = 4096;

/// How long a token lives whose answer does not say so: what Divar's examples say.
const USUAL_LIFE: Duration = Duration::from_secs(60 * 60);

/// Longer lives are not believed: nothing would ever ask whether the token still holds.
const MAX_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Known scopes are some thirty.
const MAX_SCOPES: usize = 256;

/// What the server gives.
pub(super) struct Pair {
    pub(super) access: SecretString,
    /// Absent where access was not asked for beyond the life of the first token.
    pub(super) refresh: Option<SecretString>,
    pub(super) life: Duration,
    /// What was granted; absent where the server does not say, which means: what was asked for.
    pub(super) scopes: Option<Vec<String>>,
}

/// Why there is no pair. No text holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoPair {
    /// The server did not act.
    NotSent(String),
    /// The server may have acted, and its answer is lost.
    InDoubt(String),
    /// What was shown is worth nothing, or no longer.
    InvalidGrant(String),
    /// The server refuses the app.
    Refused(String),
}

impl NoPair {
    pub(super) fn words(&self) -> &str {
        let (Self::NotSent(words) | Self::InDoubt(words) | Self::InvalidGrant(words) | Self::Refused(words)) = self;
        words
    }
}

/// Exchanges a code that a person brought, once.
pub(super) async fn exchange(http: &Http, app: &App, redirect: &str, code: &SecretString) -> Result<Pair, NoPair> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.expose_secret()),
        ("client_id", &app.slug),
        ("client_secret", app.client_secret.expose_secret()),
        ("redirect_uri", redirect),
    ];
    ask(http, app, &fields, &[code]).await
}

/// Exchanges a pair for the next one, once. Both of the old one die, after two minutes of grace.
pub(super) async fn refresh(
    http: &Http,
    app: &App,
    redirect: &str,
    access: &SecretString,
    refresh: &SecretString,
) -> Result<Pair, NoPair> {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.expose_secret()),
        ("client_id", &app.slug),
        ("client_secret", app.client_secret.expose_secret()),
        ("redirect_uri", redirect),
        // No part of OAuth; Divar's page on it has the field.
        ("code", access.expose_secret()),
    ];
    ask(http, app, &fields, &[access, refresh]).await
}

async fn ask(http: &Http, app: &App, fields: &[(&str, &str)], secrets: &[&SecretString]) -> Result<Pair, NoPair> {
    let request = http.form(&app.token, fields);
    match http.send(request, MAX_TOKEN_ANSWER, secrets).await {
        Ok(answer) => judge(&answer, |body| http.quote(body, secrets)),
        Err(Broken::NotSent(words)) => Err(NoPair::NotSent(words)),
        Err(Broken::InDoubt(words)) => Err(NoPair::InDoubt(words)),
    }
}

fn judge(answer: &Answer, quote: impl Fn(&[u8]) -> String) -> Result<Pair, NoPair> {
    let status = answer.status.as_u16();
    let object: Option<Map<String, Value>> = serde_json::from_slice(&answer.body).ok();
    if (200..=299).contains(&status) {
        let pair = object.as_ref().ok_or("it is no JSON object").and_then(read);
        return pair.map_err(|why| NoPair::InDoubt(format!("the answer is no token: {why}")));
    }
    let field = |name: &str| object.as_ref().and_then(|object| object.get(name)?.as_str());
    let error = field("error");
    // Nothing else is quoted: an answer of this server may hold a token that nobody here knows yet.
    let words = || {
        let quoted = [error, field("error_description")].into_iter().flatten().map(|text| quote(text.as_bytes()));
        let quoted: Vec<_> = [format!("HTTP {status}")].into_iter().chain(quoted).collect();
        quoted.join(": ")
    };
    Err(match status {
        408 | 429 => NoPair::NotSent(words()),
        400..=499 if error == Some("invalid_grant") => NoPair::InvalidGrant(words()),
        300..=499 => NoPair::Refused(words()),
        _ => NoPair::InDoubt(words()),
    })
}

fn read(answer: &Map<String, Value>) -> Result<Pair, &'static str> {
    let access = token(answer.get("access_token")).ok_or("its access_token is none")?;
    let is_bearer = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !answer.get("token_type").is_none_or(is_bearer) {
        return Err("its token_type is not \"bearer\"");
    }
    let refresh = match answer.get("refresh_token") {
        None | Some(Value::Null) => None,
        some => Some(token(some).ok_or("its refresh_token is none")?),
    };
    let life = match answer.get("expires_in") {
        None | Some(Value::Null) => USUAL_LIFE,
        Some(value) => seconds(value).ok_or("its expires_in is no time")?.min(MAX_LIFE),
    };
    let scopes = match answer.get("scope") {
        None | Some(Value::Null) => None,
        Some(Value::String(words)) => scopes(words).ok_or("its scope is none")?,
        Some(_) => return Err("its scope is none"),
    };
    Ok(Pair { access, refresh, life, scopes })
}

/// A token that can stand in a header.
fn token(value: Option<&Value>) -> Option<SecretString> {
    let text = value?.as_str()?;
    let fits = !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| SecretString::from(text))
}

/// A positive number of seconds, as a number or in digits.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(digits) => digits.parse().ok()?,
        _ => return None,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// The scopes of an answer; none of them means that the server does not say.
fn scopes(words: &str) -> Option<Option<Vec<String>>> {
    let scopes: Vec<_> = words.split_ascii_whitespace().take(MAX_SCOPES + 1).map(str::to_owned).collect();
    let good = scopes.len() <= MAX_SCOPES && scopes.iter().all(|scope| scope::is_scope(scope));
    good.then(|| (!scopes.is_empty()).then_some(scopes))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn judged(status: u16, body: &str) -> Result<Pair, NoPair> {
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), wait: None, body: body.into() };
        judge(&answer, |body| String::from_utf8_lossy(body).into_owned())
    }

    #[test]
    fn an_answer_is_taken_as_the_platform_and_as_the_standard_write_it() {
        let pair =
            judged(200, r#"{"access_token":"ory_at_1","expires_in":3600,"scope":"A b.c","token_type":"bearer"}"#);
        let pair = pair.ok().unwrap();
        assert_eq!((pair.access.expose_secret(), pair.life.as_secs()), ("ory_at_1", 3600));
        assert!(pair.refresh.is_none());
        assert_eq!(pair.scopes.unwrap(), ["A", "b.c"]);
        let pair = judged(201, r#"{"access_token":"a","expires_in":"60","refresh_token":"r","token_type":"Bearer"}"#);
        let pair = pair.ok().unwrap();
        assert_eq!((pair.life.as_secs(), pair.scopes.is_none(), pair.refresh.is_some()), (60, true, true));
        let forever = judged(200, r#"{"access_token":"a","expires_in":18446744073709551615,"scope":""}"#).ok().unwrap();
        assert_eq!((forever.life, forever.scopes), (MAX_LIFE, None));
        assert_eq!(judged(200, r#"{"access_token":"a"}"#).ok().unwrap().life, USUAL_LIFE);
    }

    #[test]
    fn an_answer_that_is_none_is_in_doubt_and_says_nothing_of_what_it_held() {
        let long = format!(r#"{{"access_token":"{}"}}"#, "s3cr3t".repeat(1000));
        for body in [
            "",
            "s3cr3t",
            r#"["s3cr3t"]"#,
            r#"{"access_token":{"s3cr3t":1}}"#,
            r#"{"access_token":"s3cr3t\n"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"s3cr3t","token_type":"mac"}"#,
            r#"{"access_token":"s3cr3t","expires_in":"s3cr3t"}"#,
            r#"{"access_token":"s3cr3t","expires_in":-1}"#,
            r#"{"access_token":"s3cr3t","expires_in":0}"#,
            r#"{"access_token":"s3cr3t","expires_in":1e3}"#,
            r#"{"access_token":"s3cr3t","refresh_token":7}"#,
            r#"{"access_token":"s3cr3t","scope":["s3cr3t"]}"#,
            r#"{"access_token":"s3cr3t","scope":"s3cr3t \u0000"}"#,
            &"[".repeat(60_000),
            &long,
        ] {
            let Err(NoPair::InDoubt(words)) = judged(200, body) else { panic!("{body}") };
            assert!(!words.contains("s3cr3t"), "{words}");
        }
    }

    #[test]
    fn only_a_grant_that_is_called_invalid_is_taken_for_dead() {
        let of = |status, body| match judged(status, body) {
            Ok(_) => "a pair",
            Err(NoPair::NotSent(_)) => "not sent",
            Err(NoPair::InDoubt(_)) => "in doubt",
            Err(NoPair::InvalidGrant(_)) => "invalid",
            Err(NoPair::Refused(_)) => "refused",
        };
        assert_eq!(of(400, r#"{"error":"invalid_grant","error_description":"…"}"#), "invalid");
        assert_eq!(of(401, r#"{"error":"invalid_grant"}"#), "invalid");
        assert_eq!(of(500, r#"{"error":"invalid_grant"}"#), "in doubt");
        assert_eq!(of(401, r#"{"error":"invalid_client"}"#), "refused");
        assert_eq!(of(400, "invalid_grant"), "refused");
        assert_eq!(of(404, "<html>"), "refused");
        assert_eq!(of(302, ""), "refused");
        assert_eq!(of(429, ""), "not sent");
        assert_eq!(of(503, ""), "in doubt");
        let Err(error) = judged(500, r#"{"access_token":"s3cr3t"}"#) else { panic!() };
        assert_eq!(error.words(), "HTTP 500");
    }
}
