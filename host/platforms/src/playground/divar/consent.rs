//! The question to a person: may this app do that? And where the answer goes.
//!
//! A request of an unknown app, or with an address to return to that the app did not name, is shown as an error and
//! goes nowhere; everything else that is wrong goes back as an `error`, as OAuth has it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::Url;

use super::form;
use super::grants::Asked;
use super::scopes::Scopes;
use super::server::Shared;
use super::world::World;

/// The least that a state has: the server that Divar's tokens come from asks for that.
const SHORTEST_STATE: usize = 8;

/// What a browser that asks for consent gets to see.
pub(super) enum Shown {
    /// The question, and the id of it.
    Question(String, Asked),
    /// Something is wrong, and the app is told.
    Back(Url),
    /// Something is wrong, and nobody is told but the person.
    Wrong(String),
}

impl Shared {
    /// Judges a request for consent.
    pub(super) fn authorize(&self, query: &str) -> Shown {
        let fields = match form::parse(query.as_bytes()) {
            Ok(fields) => fields,
            Err(flaw) => return Shown::Wrong(format!("invalid_request: {flaw}")),
        };
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let (client, redirect, state) = (field("client_id"), field("redirect_uri"), field("state"));
        let app = self.app();
        if client != app.slug {
            return Shown::Wrong("invalid_client: no app has this client_id".to_owned());
        }
        if !app.redirects.iter().any(|allowed| allowed == redirect) {
            return Shown::Wrong("invalid_request: redirect_uri is none of the app's".to_owned());
        }
        let Ok(back) = Url::parse(redirect) else { return Shown::Wrong("invalid_request: redirect_uri".to_owned()) };
        let wrong = |error: &str, text: &str| Shown::Back(failed(back.clone(), state, Some((error, text))));
        if field("response_type") != "code" {
            return wrong("unsupported_response_type", "response_type must be code");
        }
        if state.chars().count() < SHORTEST_STATE {
            return wrong("invalid_state", "state must have at least 8 characters");
        }
        let scopes = match Scopes::parse(field("scope")) {
            Ok(scopes) if scopes.is_empty() => return wrong("invalid_scope", "no scope is asked for"),
            Ok(scopes) => scopes,
            Err(unknown) => return wrong("invalid_scope", &format!("{unknown} is no scope")),
        };
        let granted = |name: &str| app.scopes.as_ref().is_none_or(|names| names.iter().any(|held| held == name));
        if let Some((name, _)) = scopes.iter().find(|(name, _)| !granted(name)) {
            return wrong("invalid_scope", &format!("the app may not ask for {name}"));
        }
        let asked = Asked { scopes, redirect: redirect.to_owned(), state: state.to_owned() };
        match self.grants().ask(asked.clone(), self.now()) {
            Some(id) => Shown::Question(id, asked),
            None => wrong("temporarily_unavailable", "too many questions are open"),
        }
    }

    /// Takes a person's answer; where the browser goes then.
    pub(super) fn decide(&self, id: &str, person: &str, yes: bool) -> Result<Url, String> {
        let now = self.now();
        let world = self.world();
        world.person(person).map_err(|error| error.to_string())?;
        let asked = self.grants().answered(id, now);
        let asked = asked.ok_or("the question was answered, or is too old")?;
        let mut back = Url::parse(&asked.redirect).map_err(|error| error.to_string())?;
        if !yes {
            let error = ("access_denied", "the person refused");
            return Ok(failed(back, &asked.state, self.settings.rules.refusal_has_error.then_some(error)));
        }
        if let Some((name, _)) = asked.scopes.iter().find(|(name, what)| !can_give(&world, person, name, *what, now.0))
        {
            let text = format!("the person cannot allow this {name}");
            return Ok(failed(back, &asked.state, Some(("invalid_scope", &text))));
        }
        let code = self.grants().allow(person, &asked, now);
        let Some(code) = code else {
            let text = "too many consents are open";
            return Ok(failed(back, &asked.state, Some(("temporarily_unavailable", text))));
        };
        back.query_pairs_mut().append_pair("state", &asked.state).append_pair("code", &code);
        Ok(back)
    }
}

/// The way back without a code.
fn failed(mut back: Url, state: &str, error: Option<(&str, &str)>) -> Url {
    let mut query = back.query_pairs_mut();
    query.append_pair("state", state);
    if let Some((error, text)) = error {
        query.append_pair("error", error).append_pair("error_description", text);
    }
    drop(query);
    back
}

/// Whether what a scope is for is this person's to give.
fn can_give(world: &World, person: &str, name: &str, what: Option<&str>, now: u64) -> bool {
    let Some(what) = what else { return true };
    let owns = |post: &str| world.post(post).is_ok_and(|(_, owner)| owner == person);
    let is_in = |id: &str| world.conversation(id).is_some_and(|conversation| conversation.has(person));
    match name {
        "CHAT_POST_CONVERSATIONS_READ" | "CHAT_POST_CONVERSATIONS_MESSAGE_SEND" => owns(what),
        // A buyer's conversation that has not begun goes by the token of the post.
        "CONVERSATION_SEND_MESSAGE" => is_in(what) || (world.post(what).is_ok() && !owns(what)),
        "CHAT_CONVERSATION_READ" => match what.split_once(':') {
            None => is_in(what),
            Some((id, second)) => is_in(id) && second.parse().is_ok_and(|second: u64| second <= now / 1000),
        },
        _ => true,
    }
}

/// `GET /oauth2/auth`
pub(super) async fn page(State(server): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match server.authorize(query.as_deref().unwrap_or_default()) {
        Shown::Question(id, asked) => {
            let people = server.world().everybody();
            let slug = server.app().slug.clone();
            shown(StatusCode::OK, &question(&slug, &id, &asked, &people))
        }
        Shown::Back(url) => redirect(&url),
        Shown::Wrong(text) => shown(StatusCode::BAD_REQUEST, &format!("<p>{}</p>", escape(&text))),
    }
}

/// `POST /oauth2/consent`
pub(super) async fn answer(State(server): State<Arc<Shared>>, body: Result<Bytes, BytesRejection>) -> Response {
    let wrong = |text: &str| shown(StatusCode::BAD_REQUEST, &format!("<p>{}</p>", escape(text)));
    let Ok(body) = body else { return wrong("the form did not come whole") };
    let fields = match form::parse(&body) {
        Ok(fields) => fields,
        Err(flaw) => return wrong(&flaw),
    };
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let yes = match field("answer") {
        "yes" => true,
        "no" => false,
        _ => return wrong("the form has no answer"),
    };
    match server.decide(field("question"), field("person"), yes) {
        Ok(url) => redirect(&url),
        Err(text) => wrong(&text),
    }
}

/// `GET /completion`: where an app sends the browser when all is done.
pub(super) async fn completion() -> Response {
    shown(StatusCode::OK, "<p>تمام شد. این صفحه را ببندید.</p><p dir=ltr>Done. You may close this page.</p>")
}

fn redirect(url: &Url) -> Response {
    match HeaderValue::from_str(url.as_str()) {
        Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn question(slug: &str, id: &str, asked: &Asked, people: &[String]) -> String {
    let scopes = asked.scopes.list();
    let scopes: String = scopes.split(' ').map(|scope| format!("<li dir=ltr>{}</li>", escape(scope))).collect();
    // A page of thousands of people would help nobody.
    let people = people.iter().take(100).enumerate();
    let people: String = people
        .map(|(place, name)| {
            let checked = if place == 0 { " checked" } else { "" };
            let name = escape(name);
            format!("<label><input type=radio name=person value=\"{name}\"{checked}> {name}</label><br>")
        })
        .collect();
    format!(
        "<h1>{}</h1><p>این برنامه اجازه می‌خواهد:</p><ul>{scopes}</ul>\
         <form method=post action=\"/oauth2/consent\"><input type=hidden name=question value=\"{}\">\
         <p>{people}</p><button name=answer value=yes>اجازه می‌دهم</button> \
         <button name=answer value=no>اجازه نمی‌دهم</button></form>",
        escape(slug),
        escape(id)
    )
}

fn shown(status: StatusCode, content: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=fa dir=rtl><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>دیوار محلی</title><body>{content}</body></html>"
    );
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    (status, [(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
