//! Who may use the API.
//!
//! A socket in the state folder is opened by the owner of the folder and nobody else, which is why it
//! needs no password. An address can be reached by others, other users of the machine and pages in
//! their browsers among them: there every request has to bring the token, and without a token in the
//! configuration the API is closed. No cookie is ever looked at, so a page of another site can bring
//! nothing that a browser adds by itself; what has an `Origin`, as only browsers send it, is refused
//! even so.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::refusal::Refusal;

/// Shortest token, in characters: one that is drawn at random from letters and digits is not guessed.
const SHORTEST: usize = 16;

/// Longest token, in characters: it has to fit into the head of a request.
const LONGEST: usize = 1024;

/// What stands in front of the API at a listener.
#[derive(Clone, Debug)]
pub enum Door {
    /// Only the owner of the host can reach the listener.
    Owner,
    /// Others can reach it: the API asks for the token, and is closed where there is none.
    Anyone(Option<AdminToken>),
}

/// The token of the API. It keeps what a token is known by, and not the token.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

/// Why something cannot be the token. The text does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadToken {
    /// It could be guessed, or is some other file.
    #[error("a token for the API has from {SHORTEST} to {LONGEST} characters; `openssl rand -hex 32` makes one")]
    Length,
    /// No header carries it.
    #[error("a token for the API has visible ASCII characters only, and no blanks")]
    Characters,
}

impl AdminToken {
    /// Takes a token.
    ///
    /// # Errors
    /// See [`BadToken`].
    pub fn new(token: &SecretString) -> Result<Self, BadToken> {
        let token = token.expose_secret().as_bytes();
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(BadToken::Characters);
        }
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            return Err(BadToken::Length);
        }
        Ok(Self(Sha256::digest(token).into()))
    }

    /// True if a request brings it. How long the look takes says nothing of the token.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(one), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, given)) = one.to_str().ok().and_then(|value| value.split_once(' ')) else { return false };
        let given: [u8; 32] = Sha256::digest(given).into();
        scheme.eq_ignore_ascii_case("bearer") && bool::from(given.ct_eq(&self.0))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Lets a request pass, or says what it lacks. Nothing of the request but its head is looked at before.
pub(crate) async fn check(State(door): State<Door>, request: Request, next: Next) -> Response {
    match refuse(&door, request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

fn refuse(door: &Door, headers: &HeaderMap) -> Option<Response> {
    let refusal = match door {
        Door::Anyone(None) => Refusal::new(
            StatusCode::FORBIDDEN,
            "over the network the API needs a token: write `admin_token = { env = \"HODHOD_TOKEN\" }` in [host], \
             or ask through control.sock in the state folder",
        ),
        Door::Anyone(Some(token)) if !token.is_in(headers) => {
            let error = "the token is missing or wrong: send `Authorization: Bearer` and the one that `admin_token` \
                         in [host] names";
            let mut response = Refusal::new(StatusCode::UNAUTHORIZED, error).into_response();
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Some(response);
        }
        _ if headers.contains_key(ORIGIN) => {
            Refusal::new(StatusCode::FORBIDDEN, "it comes from a page in a browser, and the API is not for pages")
        }
        Door::Owner | Door::Anyone(Some(_)) => return None,
    };
    Some(refusal.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    const SHORT: &str = "0123456789abcde";

    fn token(text: &str) -> Result<AdminToken, BadToken> {
        AdminToken::new(&SecretString::from(text))
    }

    /// The status of what these headers are refused with.
    fn refused(door: &Door, headers: &[(&str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        refuse(door, &map).map(|response| response.status().as_u16())
    }

    #[test]
    fn an_address_is_closed_without_a_token_and_opens_for_the_right_one_alone() {
        let closed = Door::Anyone(None);
        assert_eq!(refused(&closed, &[("authorization", &format!("Bearer {TOKEN}"))]), Some(403));
        let door = Door::Anyone(Some(token(TOKEN).unwrap()));
        for given in [TOKEN, &TOKEN.to_uppercase(), SHORT, &format!("{TOKEN} "), &format!("{TOKEN}0"), ""] {
            for scheme in ["Bearer", "Basic", "bearer"] {
                let right = given == TOKEN && scheme != "Basic";
                let header = format!("{scheme} {given}");
                assert_eq!(refused(&door, &[("authorization", &header)]).is_none(), right, "{header:?}");
            }
        }
        let right = format!("Bearer {TOKEN}");
        assert_eq!(refused(&door, &[]), Some(401));
        assert_eq!(refused(&door, &[("authorization", TOKEN)]), Some(401));
        assert_eq!(refused(&door, &[("cookie", &right)]), Some(401));
        assert_eq!(refused(&door, &[("authorization", "Bearer no"), ("authorization", &right)]), Some(401));
    }

    #[test]
    fn a_page_in_a_browser_is_refused_whatever_it_brings() {
        let right = format!("Bearer {TOKEN}");
        for (door, origin) in [(Door::Owner, "null"), (Door::Anyone(token(TOKEN).ok()), "http://127.0.0.1:8600")] {
            assert_eq!(refused(&door, &[("authorization", &right), ("origin", origin)]), Some(403));
            assert_eq!(refused(&door, &[("authorization", &right)]), None);
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_or_that_no_header_carries_is_refused() {
        assert_eq!(token(SHORT).unwrap_err(), BadToken::Length);
        assert_eq!(token(&"x".repeat(LONGEST + 1)).unwrap_err(), BadToken::Length);
        for bad in ["0123456789 abcdef", "0123456789abcdef\n", "سلام سلام سلام سلام"] {
            assert_eq!(token(bad).unwrap_err(), BadToken::Characters);
        }
    }

    #[test]
    fn a_token_cannot_be_printed() {
        let door = Door::Anyone(Some(token(TOKEN).unwrap()));
        assert_eq!(format!("{door:?}"), "Anyone(Some(***))");
    }
}
