//! Divar's answers as the contract has them.
//!
//! They come from outside. One that is not of the shape that Divar documents is no answer: the bot is told so, and may
//! try again. What Divar leaves out, as it does with zeros, or gives as `null` is absent.

use hodhod_core::text::is_clean;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ask::unavailable;
use crate::bindings::hodhod::bot::types::Error;
use crate::bindings::hodhod::divar::kenar::{Post, PostSummary, User};

/// Divar's developer pages, `post/get_post.md`.
#[derive(Deserialize)]
struct Ad {
    token: String,
    category: Option<String>,
    city: Option<String>,
    district: Option<String>,
    state: Option<String>,
    chat_enabled: Option<bool>,
    data: Option<Map<String, Value>>,
}

/// What every category has of `data`.
#[derive(Deserialize)]
struct Data {
    title: Option<String>,
    description: Option<String>,
    images: Option<Vec<String>>,
}

/// Divar's developer pages, `post/get_user_posts.md`.
#[derive(Deserialize)]
struct Entry {
    token: String,
    category: Option<String>,
    title: Option<String>,
    images: Option<Vec<String>>,
    is_phone_hidden: Option<bool>,
}

/// Divar's developer pages, `oauth/get_user.md`.
#[derive(Deserialize)]
struct Person {
    user_id: Option<String>,
    phone_number: Option<String>,
}

pub(super) fn post(answer: &Value, json: String) -> Result<Post, Error> {
    let Ad { token, category, city, district, state, chat_enabled, data } = read(answer)?;
    let Data { title, description, images } = read(&Value::Object(data.unwrap_or_default()))?;
    Ok(Post {
        token,
        category,
        city,
        district,
        state,
        chat_enabled: chat_enabled.unwrap_or_default(),
        title,
        description,
        images: images.unwrap_or_default(),
        json,
    })
}

pub(super) fn posts(answer: &Value) -> Result<Vec<PostSummary>, Error> {
    let entries = match answer.as_object().map(|answer| answer.get("posts")) {
        Some(None | Some(Value::Null)) => return Ok(Vec::new()),
        Some(Some(Value::Array(entries))) => entries,
        _ => return Err(odd()),
    };
    entries.iter().map(summary).collect()
}

fn summary(entry: &Value) -> Result<PostSummary, Error> {
    let Entry { token, category, title, images, is_phone_hidden } = read(entry)?;
    Ok(PostSummary {
        token,
        category,
        title,
        images: images.unwrap_or_default(),
        phone_hidden: is_phone_hidden.unwrap_or_default(),
        json: entry.to_string(),
    })
}

pub(super) fn user(answer: &Value, json: String) -> Result<User, Error> {
    let Person { user_id, phone_number } = read(answer)?;
    Ok(User { id: user_id, phone: phone_number, json })
}

/// The address that a person is sent to. The bot passes it on, so it is one and nothing else.
pub(super) fn address(answer: &Value) -> Result<String, Error> {
    let address = answer.get("url").and_then(Value::as_str).ok_or_else(odd)?;
    let is_one = ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme));
    if is_one && !address.contains(char::is_whitespace) && is_clean(address) {
        return Ok(address.to_owned());
    }
    Err(odd())
}

fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, Error> {
    // A list of values in the right order would be read as well.
    let is_object = answer.is_object();
    T::deserialize(answer).ok().filter(|_| is_object).ok_or_else(odd)
}

fn odd() -> Error {
    unavailable("Divar's answer is not of the shape that it documents")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is no answer to anything.
    fn nonsense() -> Vec<Value> {
        let mut nonsense = vec![json!(null), json!(true), json!(7), json!("x"), json!([]), json!(["a", "b", "c"])];
        for token in [json!(null), json!(7), json!([]), json!({})] {
            nonsense.push(json!({ "token": token }));
        }
        nonsense
    }

    #[test]
    fn an_ad_of_another_shape_is_no_answer() {
        let misfits = [
            json!({ "category": "x" }),
            json!({ "token": "a", "category": 7 }),
            json!({ "token": "a", "city": ["tehran"] }),
            json!({ "token": "a", "district": {} }),
            json!({ "token": "a", "state": 2 }),
            json!({ "token": "a", "chat_enabled": "true" }),
            json!({ "token": "a", "data": "x" }),
            json!({ "token": "a", "data": ["title", "description", []] }),
            json!({ "token": "a", "data": { "title": 7 } }),
            json!({ "token": "a", "data": { "description": [] } }),
            json!({ "token": "a", "data": { "images": "https://a.example/1.jpg" } }),
            json!({ "token": "a", "data": { "images": [7] } }),
        ];
        for answer in nonsense().into_iter().chain(misfits) {
            assert!(matches!(post(&answer, String::new()), Err(Error::Unavailable(_))), "{answer}");
            assert!(matches!(posts(&json!({ "posts": [answer] })), Err(Error::Unavailable(_))) || is_entry(&answer));
        }
    }

    /// True for what is no ad, and yet an entry of a list: it has no field of that name.
    fn is_entry(answer: &Value) -> bool {
        let of_ads = ["city", "district", "state", "chat_enabled", "data"];
        of_ads.iter().any(|name| answer.get(name).is_some())
    }

    #[test]
    fn a_list_of_another_shape_is_no_answer() {
        let misfits = [
            json!({ "posts": {} }),
            json!({ "posts": [{ "token": "a" }, { "token": 7 }] }),
            json!({ "posts": [{ "token": "a", "is_phone_hidden": 1 }] }),
            json!({ "posts": [{ "token": "a", "images": [null] }] }),
        ];
        let lists = nonsense().into_iter().filter(|answer| !answer.is_object());
        for answer in lists.chain(misfits) {
            assert!(matches!(posts(&answer), Err(Error::Unavailable(_))), "{answer}");
        }
        for answer in [json!({}), json!({ "posts": null }), json!({ "posts": [] })] {
            assert!(posts(&answer).is_ok_and(|posts| posts.is_empty()), "{answer}");
        }
    }

    #[test]
    fn a_person_of_another_shape_is_no_answer() {
        let misfits = [json!({ "user_id": 7 }), json!({ "phone_number": 989_120_000_000_u64 })];
        let others = nonsense().into_iter().filter(|answer| !answer.is_object());
        for answer in others.chain(misfits) {
            assert!(matches!(user(&answer, String::new()), Err(Error::Unavailable(_))), "{answer}");
        }
        assert!(user(&json!({}), String::new()).is_ok_and(|user| user.id.is_none() && user.phone.is_none()));
    }

    #[test]
    fn an_address_is_one_and_nothing_else() {
        for odd in [
            json!({}),
            json!({ "url": null }),
            json!({ "url": "" }),
            json!({ "url": "javascript:alert(1)" }),
            json!({ "url": "https://a.example/ b" }),
            json!({ "url": "https://a.example/\r\nx: y" }),
            json!({ "url": "https://a.example/\u{202e}b" }),
            json!({ "url": ["https://a.example"] }),
            json!("https://a.example"),
        ] {
            assert!(matches!(address(&odd), Err(Error::Unavailable(_))), "{odd}");
        }
        let good = "https://oauth.divar.ir/oauth2/auth?scope=USER_ID%20offline_access&state=x";
        assert!(address(&json!({ "url": good })).is_ok_and(|address| address == good));
    }
}
