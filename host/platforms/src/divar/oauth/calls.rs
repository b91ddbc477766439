//! What a bot can have done at once: read a post, a person and a person's posts, and ask for consent.
//!
//! Answers go to the bot as the platform wrote them, since nobody promises their fields. They are bounded, and
//! one that holds a secret of ours goes nowhere. A bot reads with the consents that it asked for itself, so
//! bots that share a connection do not share people. Divar's OpenAPI document: `Finder_GetPost`,
//! `Finder_GetUserPosts`, `Finder_GetUser`.

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::ids::BotName;
use hodhod_core::platform::{Call, CallError};
use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::client::{Answer, Broken, MAX_ANSWER};
use super::consent::Wish;
use super::grant::Grant;
use super::parts::Parts;
use super::scope;
use super::tokens::{NoToken, has, person};
use super::users::USERS;

/// The path of a post, before its token.
const POST: &str = "/v1/open-platform/finder/post/";

/// The path of a person's posts.
const USER_POSTS: &str = "/v1/open-platform/finder/user-posts";

/// Divar's page on posts plans for 16 characters.
const MAX_POST: usize = 64;

/// The wait after a refusal that names none: the shorter of the two limits that are known is counted by the
/// minute.
const USUAL_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPost {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
}

impl Parts {
    /// Does what a bot asks. Cancelling it may leave a state that nobody uses.
    pub(super) async fn call(self: &Arc<Self>, call: Call) -> Result<Value, CallError> {
        match call.name {
            "divar.request-consent" => {
                let wish: Wish = arguments(call.arguments)?;
                self.request_consent(call.bot, call.chat, call.sender, wish).await
            }
            "divar.get-post" => {
                let OfPost { token } = arguments(call.arguments)?;
                self.get(&format!("{POST}{}", post(&token)?), None).await
            }
            "divar.user-posts" => {
                let OfUser { user } = arguments(call.arguments)?;
                let token = self.token_to_read(&call.bot, &user, &[scope::POSTS]).await?;
                self.get(USER_POSTS, Some(&token)).await
            }
            "divar.get-user" => {
                let OfUser { user } = arguments(call.arguments)?;
                let token = self.token_to_read(&call.bot, &user, &[scope::PHONE, scope::USER_ID]).await?;
                self.get(USERS, Some(&token)).await
            }
            other => Err(CallError::Unsupported(format!("Divar has no {other}"))),
        }
    }

    /// A token of a person for one of some scopes, the first that there is.
    async fn token_to_read(
        self: &Arc<Self>,
        bot: &BotName,
        user: &str,
        scopes: &[&str],
    ) -> Result<SecretString, CallError> {
        self.setup.app().map_err(CallError::Denied)?;
        let asked = person(user).map_err(denied)?;
        let candidates = self.grants_of(&asked).await.map_err(|error| denied(error.into()))?;
        let place = |grant: &Grant| {
            let at = scopes.iter().position(|scope| has(grant, scope))?;
            u8::try_from(at).ok().filter(|_| grant.bot == *bot)
        };
        let words = || {
            let scopes = scopes.join(" or ");
            format!("this person has not allowed it to this bot: ask with divar.request-consent for {scopes}")
        };
        self.best(candidates, place, words).await.map_err(denied)
    }

    async fn get(&self, path: &str, token: Option<&SecretString>) -> Result<Value, CallError> {
        let secrets: Vec<_> = token.into_iter().collect();
        let request = self.http.call(Method::GET, &format!("{}{path}", self.setup.base), token);
        let answer = match self.http.send(request, MAX_ANSWER, &secrets).await {
            Ok(answer) => answer,
            // Reading changes nothing, so there is no doubt to have.
            Err(Broken::NotSent(words) | Broken::InDoubt(words)) => return Err(CallError::Unavailable(words)),
        };
        if !answer.status.is_success() {
            return Err(refused(&answer, self.http.quote(&answer.body, &secrets)));
        }
        if self.http.holds_secret(&String::from_utf8_lossy(&answer.body), &secrets) {
            return Err(CallError::Unavailable("the answer holds what no bot may see".to_owned()));
        }
        let object: Option<Map<String, Value>> = serde_json::from_slice(&answer.body).ok();
        object.map(Value::Object).ok_or_else(|| CallError::Unavailable("the answer is no JSON object".to_owned()))
    }
}

fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T, CallError> {
    serde_json::from_value(arguments).map_err(|error| CallError::Invalid(format!("the arguments: {error}")))
}

/// The token of a post, as it can stand in a path.
fn post(token: &str) -> Result<&str, CallError> {
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let fits = !token.is_empty() && token.len() <= MAX_POST && token.bytes().all(of_alphabet);
    fits.then_some(token).ok_or_else(|| CallError::Invalid("the token of a post is letters, digits and '_'".to_owned()))
}

fn denied(none: NoToken) -> CallError {
    match none {
        NoToken::None(words) => CallError::Denied(words),
        NoToken::Unavailable(words) => CallError::Unavailable(words),
    }
}

/// What a refusal means: by the code of `google.rpc.Status`, where there is one, else by HTTP.
fn refused(answer: &Answer, quote: String) -> CallError {
    let status = answer.status.as_u16();
    let object: Option<Map<String, Value>> = serde_json::from_slice(&answer.body).ok();
    let code = object.as_ref().and_then(|object| object.get("code")?.as_u64()).filter(|code| (1..=16).contains(code));
    let code = code.unwrap_or(match status {
        400 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        412 => 9,
        429 => 8,
        300..=399 | 408 | 500.. => 14,
        _ => 9,
    });
    let words = format!("HTTP {status}: {quote}");
    match code {
        3 | 11 => CallError::Invalid(words),
        7 | 16 => CallError::Denied(format!("the platform does not allow it: {words}")),
        8 => CallError::Wait(answer.wait.unwrap_or(USUAL_WAIT)),
        1 | 2 | 4 | 10 | 13 | 14 | 15 => CallError::Unavailable(words),
        _ => CallError::Refused(words),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_refusal_is_read_by_its_code_first() {
        let of = |status, body: &str| {
            let answer = Answer { status: StatusCode::from_u16(status).unwrap(), wait: None, body: body.into() };
            match refused(&answer, String::new()) {
                CallError::Denied(_) => "denied",
                CallError::Unsupported(_) => "unsupported",
                CallError::Invalid(_) => "invalid",
                CallError::Wait(wait) => return format!("wait {}", wait.as_secs()),
                CallError::Unavailable(_) => "unavailable",
                CallError::Refused(_) => "refused",
            }
            .to_owned()
        };
        assert_eq!(of(412, r#"{"code":9,"message":"…"}"#), "refused");
        assert_eq!(of(500, r#"{"code":7}"#), "denied");
        assert_eq!(of(400, r#"{"code":14}"#), "unavailable");
        assert_eq!(of(403, r#"{"code":"7"}"#), "denied");
        assert_eq!(of(404, r#"{"code":0}"#), "refused");
        assert_eq!(of(400, r#"{"code":99}"#), "invalid");
        for (status, kind) in [
            (302, "unavailable"),
            (400, "invalid"),
            (401, "denied"),
            (403, "denied"),
            (404, "refused"),
            (418, "refused"),
            (429, "wait 60"),
            (500, "unavailable"),
            (503, "unavailable"),
        ] {
            assert_eq!(of(status, "<html>"), kind, "{status}");
        }
    }

    #[test]
    fn a_path_cannot_be_climbed() {
        assert_eq!(post("gZd7omnS_-").unwrap(), "gZd7omnS_-");
        for bad in ["", ".", "..", "a/b", "%2e%2e", "a?b", "a#b", "a b", "الف", &"a".repeat(65)] {
            assert!(matches!(post(bad), Err(CallError::Invalid(_))), "{bad:?}");
        }
    }
}
