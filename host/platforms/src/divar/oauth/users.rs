//! Who a token belongs to. Divar's developer pages: `oauth/get_user.md`.

use http::Method;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::client::{Broken, MAX_ANSWER};
use super::parts::Parts;
use super::person::Person;

/// The path of the call.
pub(super) const USERS: &str = "/v1/open-platform/users";

/// A new token is of no use to anybody before its person is known, and its code is used up: worth a second try.
const TRIES: usize = 2;

impl Parts {
    /// The person that a new token belongs to.
    ///
    /// # Errors
    /// In words, without the token.
    pub(super) async fn whose(&self, token: &SecretString) -> Result<Person, String> {
        let mut words = String::new();
        for _ in 0..TRIES {
            match self.ask_whose(token).await {
                Ok(person) => return Ok(person),
                Err(why) => words = why,
            }
        }
        Err(words)
    }

    async fn ask_whose(&self, token: &SecretString) -> Result<Person, String> {
        let request = self.http.call(Method::GET, &format!("{}{USERS}", self.setup.base), Some(token));
        let answer = match self.http.send(request, MAX_ANSWER, &[token]).await {
            Ok(answer) => answer,
            Err(Broken::NotSent(words) | Broken::InDoubt(words)) => return Err(words),
        };
        if !answer.status.is_success() {
            let quote = self.http.quote(&answer.body, &[token]);
            return Err(format!("HTTP {}: {quote}", answer.status.as_u16()));
        }
        // The answer may hold a phone number: nothing of it is kept or told but the id.
        let object: Option<Map<String, Value>> = serde_json::from_slice(&answer.body).ok();
        let id = object.as_ref().and_then(|object| object.get("user_id")?.as_str());
        id.and_then(Person::parse).ok_or_else(|| "the answer names no person".to_owned())
    }
}
