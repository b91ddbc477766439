//! What the tests share: a server with one app, a plain HTTP client for that app, and a plain server of its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use hodhod_core::testing::TestClock;
use hodhod_platforms::playground::divar::{
    Addresses, App, DivarServer, Permission, Person, Post, Pushing, Rules, Settings,
};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const KEY: &str = "the-api-key";
pub(crate) const SECRET: &str = "the+client/secret=";
/// With a space and a colon: it goes into the header as it is.
pub(crate) const IDENTIFICATION: &str = "Basic raw:key";
pub(crate) const STATE: &str = "12345678";
/// Long enough for a busy machine: nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A post of Sara's.
pub(crate) const POST: &str = "gZ_d7omnS";
/// A post of Babak's.
pub(crate) const OTHER: &str = "wZC44q5D";

pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A server that plays one app, with all that belongs to it.
pub(crate) struct Rig {
    pub(crate) divar: DivarServer,
    pub(crate) app: Receiver,
    pub(crate) clock: TestClock,
    pub(crate) http: reqwest::Client,
}

/// The app that tests use: sara sells, babak sells something else and buys.
pub(crate) fn app() -> App {
    let sara = Person::new("sara", "09120000001").post(Post::new(POST, "bicycles", "دوچرخه"));
    let babak = Person::new("babak", "09120000002").post(Post::new(OTHER, "books", "کتاب"));
    App::new("my-app")
        .client_secret(SECRET)
        .identification_key(IDENTIFICATION)
        .api_key(KEY, &Permission::ALL)
        .person(sara)
        .person(babak)
}

pub(crate) async fn rig() -> Rig {
    rig_with(|_| ()).await
}

pub(crate) async fn rig_with(change: impl FnOnce(&mut Settings)) -> Rig {
    let clock = TestClock::default();
    // Into the years in which Divar's times have as many digits as they have.
    clock.advance(Duration::from_secs(1_760_000_000));
    let pushing = Pushing { pause: Duration::from_millis(5), ..Pushing::default() };
    let mut settings = Settings { clock: Arc::new(clock.clone()), pushing, ..Settings::default() };
    change(&mut settings);
    let receiver = Receiver::start().await;
    let app = app().addresses(Addresses::under(&receiver.base)).redirect(&receiver.callback());
    let divar = DivarServer::start_with(loopback(), app, settings).await.unwrap();
    Rig { divar, app: receiver, clock, http: reqwest::Client::builder().no_proxy().build().unwrap() }
}

/// The same rules but for these.
pub(crate) fn rules(change: impl FnOnce(&mut Rules)) -> impl FnOnce(&mut Settings) {
    |settings| change(&mut settings.rules)
}

/// An answer: its status, and its body if that is JSON.
pub(crate) type Answer = (StatusCode, Value);

pub(crate) async fn ask(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

/// A refusal as the status and the code of it, which must have a message.
#[track_caller]
pub(crate) fn refusal((status, body): &Answer) -> (u16, i64) {
    assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{status} {body}");
    (status.as_u16(), body["code"].as_i64().expect("a code"))
}

impl Rig {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.divar.base_url())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path)).header("X-API-Key", KEY)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(self.url(path)).header("x-api-key", KEY).json(body)
    }

    /// The way into a conversation of the chatbot.
    pub(crate) fn to_bot(&self, conversation: &str, body: &Value) -> RequestBuilder {
        self.post(&format!("/v1/open-platform/chat/bot/conversations/{conversation}/messages"), body)
    }

    pub(crate) fn to_post(&self, conversation: &str, token: &str, body: &Value) -> RequestBuilder {
        let path = format!("/v2/open-platform/conversations/{conversation}/messages");
        self.post(&path, body).bearer_auth(token)
    }

    pub(crate) fn to_user(&self, user: &str, token: &str, body: &Value) -> RequestBuilder {
        let mut url = Url::parse(&self.divar.base_url()).unwrap();
        url.path_segments_mut().unwrap().extend(["v1", "open-platform", "chat", "bot", "users", user, "messages"]);
        self.http.post(url).header("x-api-key", KEY).bearer_auth(token).json(body)
    }

    pub(crate) fn subscribe(&self, token: &str, body: &Value) -> RequestBuilder {
        self.post("/v1/open-platform/events/subscriptions", body).bearer_auth(token)
    }

    /// Sara's or Babak's conversation with the chatbot.
    pub(crate) fn chat(&self, person: &str) -> String {
        self.divar.chatbot_conversation(person).unwrap()
    }

    /// The address that a person opens to allow this.
    pub(crate) fn consent_url(&self, scopes: &str) -> String {
        self.consent_url_with(&[("scope", scopes)])
    }

    /// The same with other parameters.
    pub(crate) fn consent_url_with(&self, changed: &[(&str, &str)]) -> String {
        let callback = self.app.callback();
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", "my-app"),
            ("redirect_uri", callback.as_str()),
            ("scope", "USER_ID"),
            ("state", STATE),
        ];
        for (name, value) in changed {
            query.iter_mut().filter(|(known, _)| known == name).for_each(|pair| pair.1 = value);
        }
        Url::parse_with_params(&self.url("/oauth2/auth"), query).unwrap().into()
    }

    /// The code that a person's yes gives.
    pub(crate) async fn code(&self, person: &str, scopes: &str) -> String {
        let back = self.divar.answer_consent(person, &self.consent_url(scopes), true).await.unwrap();
        query(&back, "code").expect("a code")
    }

    pub(crate) fn token_request(&self, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = url_form(&[("client_id", "my-app"), ("client_secret", SECRET)]);
        form.push('&');
        form.push_str(&url_form(fields));
        let request = self.http.post(self.url("/oauth2/token"));
        request.header("Content-Type", "application/x-www-form-urlencoded").body(form)
    }

    pub(crate) async fn exchange(&self, code: &str) -> Answer {
        let callback = self.app.callback();
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", callback.as_str())];
        ask(self.token_request(&fields)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        ask(self.token_request(&[("grant_type", "refresh_token"), ("refresh_token", token)])).await
    }

    /// The access token that a person's yes gives.
    pub(crate) async fn token(&self, person: &str, scopes: &str) -> String {
        let (status, body) = self.exchange(&self.code(person, scopes).await).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Whether an access token is good.
    pub(crate) async fn is_good(&self, token: &str) -> bool {
        ask(self.get("/v1/open-platform/users").bearer_auth(token)).await.0 == StatusCode::OK
    }
}

/// A parameter of an address.
pub(crate) fn query(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Fields as a form.
pub(crate) fn url_form(fields: &[(&str, &str)]) -> String {
    Url::parse_with_params("x:", fields).unwrap().query().unwrap_or_default().to_owned()
}

/// What the app's own server was asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Asked {
    seen: Mutex<Vec<Seen>>,
    answers: Mutex<VecDeque<(u16, String)>>,
    changed: watch::Sender<usize>,
}

/// The app's own server: it remembers what it is asked, and answers 200 and `{}` unless told otherwise.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) base: String,
    asked: Arc<Asked>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Asked::default());
        let router = Router::new().fallback(take).with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, asked }
    }

    pub(crate) fn callback(&self) -> String {
        format!("{}/oauth", self.base)
    }

    /// Answers the next requests so, in order.
    pub(crate) fn answer(&self, status: u16, body: &Value) {
        self.answer_text(status, &body.to_string());
    }

    pub(crate) fn answer_text(&self, status: u16, body: &str) {
        self.asked.answers.lock().unwrap().push_back((status, body.to_owned()));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.asked.seen.lock().unwrap().clone()
    }

    /// Waits until there were so many requests, and returns all.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Seen> {
        let mut changed = self.asked.changed.subscribe();
        let enough = changed.wait_for(|seen| *seen >= count);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        assert!(waited.is_ok(), "only {:?}", self.seen());
        self.seen()
    }

    /// The next request after these.
    pub(crate) async fn next(&self, after: usize) -> Seen {
        self.wait(after + 1).await.remove(after)
    }
}

async fn take(State(asked): State<Arc<Asked>>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let count = {
        let mut seen = asked.seen.lock().unwrap();
        seen.push(Seen { path, headers, body });
        seen.len()
    };
    let (status, text) = asked.answers.lock().unwrap().pop_front().unwrap_or((200, json!({}).to_string()));
    asked.changed.send_replace(count);
    (StatusCode::from_u16(status).unwrap(), text)
}
