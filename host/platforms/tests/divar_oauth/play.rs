//! A server that plays `oauth.divar.ir` and `open-api.divar.ir`: codes that work once, pairs that rotate with
//! two minutes of grace, and faults when a test wants them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use futures::stream;
use hodhod_core::testing::TestClock;
use hodhod_core::time::{Clock, Millis};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use url::form_urlencoded;

use crate::kit::{API_KEY, CLIENT_SECRET, SLUG};

/// How long a dead pair still works.
const GRACE: Duration = Duration::from_secs(120);

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers so, and does nothing.
    Answer(u16, String),
    /// Breaks the line without doing anything.
    Break,
    /// Does it, and breaks the line before the answer is whole.
    Lose,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        fields(&self.body).remove(name)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Debug)]
struct Owner {
    person: String,
    scopes: String,
}

#[derive(Debug, Default)]
struct World {
    made: u32,
    life: u64,
    /// Characters that tokens are longer by.
    padding: usize,
    /// What answers say of scopes, where it is not the truth.
    said: Option<String>,
    codes: BTreeMap<String, Owner>,
    access: BTreeMap<String, (Owner, Millis)>,
    /// With the time at which it dies, once it was used.
    refresh: BTreeMap<String, (Owner, Option<Millis>)>,
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    seen: Vec<Seen>,
}

#[derive(Clone)]
struct Shared {
    clock: TestClock,
    world: Arc<Mutex<World>>,
    /// A request of tokens passes with a permit.
    gate: Arc<Semaphore>,
}

/// The server.
pub(crate) struct Play {
    shared: Shared,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

pub(crate) const TOKEN: &str = "/oauth2/token";
pub(crate) const USERS: &str = "/v1/open-platform/users";
pub(crate) const SUBSCRIPTIONS: &str = "/v1/open-platform/events/subscriptions";
pub(crate) const USER_POSTS: &str = "/v1/open-platform/finder/user-posts";
pub(crate) const POST: &str = "/v1/open-platform/finder/post/";

impl Play {
    pub(crate) async fn new(clock: &TestClock) -> Self {
        let world = World { life: 3600, ..World::default() };
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let shared = Shared { clock: clock.clone(), world: Arc::new(Mutex::new(world)), gate };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { shared, address, serving }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap()
    }

    /// Goes wrong with the next requests of a path, one fault for each.
    pub(crate) fn fault<const N: usize>(&self, path: &'static str, faults: [Fault; N]) {
        self.world().faults.entry(path).or_default().extend(faults);
    }

    /// Tokens live so many seconds from now on.
    pub(crate) fn set_life(&self, seconds: u64) {
        self.world().life = seconds;
    }

    /// Answers say this of scopes from now on.
    pub(crate) fn say_scopes(&self, scopes: &str) {
        self.world().said = Some(scopes.to_owned());
    }

    /// Tokens are as long as any that is taken.
    pub(crate) fn make_tokens_long(&self) {
        self.world().padding = 4_000;
    }

    /// Lets no request of tokens pass until [`open`](Self::open).
    pub(crate) fn close(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.shared.gate.add_permits(1_000);
    }

    /// The requests of a path so far.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.world().seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// How often a pair was asked to be renewed.
    pub(crate) fn renewals(&self) -> usize {
        self.asked_for("refresh_token")
    }

    /// How often a code was exchanged.
    pub(crate) fn exchanges(&self) -> usize {
        self.asked_for("authorization_code")
    }

    fn asked_for(&self, grant_type: &str) -> usize {
        self.seen(TOKEN).iter().filter(|seen| seen.field("grant_type").as_deref() == Some(grant_type)).count()
    }

    /// True while an access token works.
    pub(crate) fn works(&self, token: &str) -> bool {
        let now = self.shared.clock.now();
        self.world().access.get(token).is_some_and(|(_, dies)| now < *dies)
    }

    /// Forgets all that a person gave, as when they take it back.
    pub(crate) fn forget(&self, person: &str) {
        let mut world = self.world();
        world.access.retain(|_, (owner, _)| owner.person != person);
        world.refresh.retain(|_, (owner, _)| owner.person != person);
    }

    /// A person allows all that an address asks for: the query with which they come back.
    pub(crate) fn allow(&self, url: &str, person: &str) -> String {
        let (address, query) = url.split_once('?').unwrap();
        assert_eq!(address, format!("{}/oauth2/auth", self.base()));
        let asked = fields(query);
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", SLUG));
        let mut world = self.world();
        world.made += 1;
        let code = format!("ory_ac_{:032x}", u128::from(world.made) * 0x9e37_79b9_7f4a_7c15);
        let owner = Owner { person: person.to_owned(), scopes: asked["scope"].clone() };
        world.codes.insert(code.clone(), owner);
        format!("code={code}&state={}", asked["state"])
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The fields of a query or a form.
pub(crate) fn fields(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

async fn answer(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let path = head.uri.path().to_owned();
    let seen = Seen { method: head.method, path: path.clone(), headers: head.headers, body };
    shared.world.lock().unwrap().seen.push(seen.clone());
    if path == TOKEN {
        shared.gate.acquire().await.unwrap().forget();
    }
    let fault = shared.world.lock().unwrap().faults.get_mut(path.as_str()).and_then(VecDeque::pop_front);
    match fault {
        Some(Fault::Break) => broken(),
        Some(Fault::Answer(status, body)) => reply(status, body),
        Some(Fault::Lose) => {
            drop(act(&shared, &seen));
            broken()
        }
        None => act(&shared, &seen),
    }
}

/// A head, and then nothing.
fn broken() -> Response<Body> {
    let pieces = [Ok(Bytes::from_static(b"{\"access_")), Err(std::io::Error::other("the line broke"))];
    Response::new(Body::from_stream(stream::iter(pieces)))
}

fn reply(status: u16, body: String) -> Response<Body> {
    Response::builder().status(status).header("content-type", "application/json").body(Body::from(body)).unwrap()
}

fn act(shared: &Shared, seen: &Seen) -> Response<Body> {
    let (mut world, now) = (shared.world.lock().unwrap(), shared.clock.now());
    if seen.path == TOKEN {
        return match pair(&mut world, now, &fields(&seen.body)) {
            Ok(pair) => reply(200, pair.to_string()),
            Err(error) => reply(400, json!({ "error": error, "error_description": "no" }).to_string()),
        };
    }
    if seen.header("x-api-key") != Some(API_KEY) {
        return reply(401, json!({ "code": 16, "message": "no key" }).to_string());
    }
    if let Some(post) = seen.path.strip_prefix(POST) {
        return reply(200, json!({ "token": post, "data": { "title": "دوچرخه" } }).to_string());
    }
    let bearer = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let owner = bearer.and_then(|token| world.access.get(token)).filter(|(_, dies)| now < *dies);
    let Some((owner, _)) = owner else {
        return reply(401, json!({ "code": 16, "message": "no token" }).to_string());
    };
    let has = |wanted: &str| owner.scopes.split(' ').any(|scope| scope == wanted);
    match seen.path.as_str() {
        USERS if has("USER_PHONE") => {
            reply(200, json!({ "user_id": owner.person, "phone_number": "09990000000" }).to_string())
        }
        USERS if has("USER_ID") => reply(200, json!({ "user_id": owner.person }).to_string()),
        USER_POSTS if has("USER_POSTS_GET") => reply(200, json!({ "posts": [{ "token": "gZd7omnS" }] }).to_string()),
        SUBSCRIPTIONS => reply(200, "{}".to_owned()),
        _ => reply(403, json!({ "code": 7, "message": "no scope" }).to_string()),
    }
}

fn pair(world: &mut World, now: Millis, form: &BTreeMap<String, String>) -> Result<Value, &'static str> {
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if (get("client_id"), get("client_secret")) != (SLUG, CLIENT_SECRET) {
        return Err("invalid_client");
    }
    if !get("redirect_uri").starts_with("https://bot.example/divar/") {
        return Err("invalid_grant");
    }
    let owner = match get("grant_type") {
        "authorization_code" => world.codes.remove(get("code")).ok_or("invalid_grant")?,
        "refresh_token" => {
            let (owner, dies) = world.refresh.get_mut(get("refresh_token")).ok_or("invalid_grant")?;
            if dies.is_some_and(|dies| dies <= now) {
                return Err("invalid_grant");
            }
            *dies = Some(dies.unwrap_or(now + GRACE));
            let owner = owner.clone();
            if let Some((_, dies)) = world.access.get_mut(get("code")) {
                *dies = (*dies).min(now + GRACE);
            }
            owner
        }
        _ => return Err("unsupported_grant_type"),
    };
    world.made += 1;
    let number = u128::from(world.made) * 0x9e37_79b9_7f4a_7c15;
    let padding = "x".repeat(world.padding);
    let (access, refresh) = (format!("ory_at_{number:032x}{padding}"), format!("ory_rt_{number:032x}{padding}"));
    let dies = now + Duration::from_secs(world.life);
    world.access.insert(access.clone(), (owner.clone(), dies));
    let mut answer = json!({
        "access_token": access, "expires_in": world.life, "token_type": "bearer",
        "scope": world.said.as_ref().unwrap_or(&owner.scopes),
    });
    if owner.scopes.split(' ').any(|scope| scope == "offline_access") {
        world.refresh.insert(refresh.clone(), (owner, None));
        answer["refresh_token"] = refresh.into();
    }
    Ok(answer)
}
