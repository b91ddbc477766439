//! What a server plays: one app with its keys and addresses, as in Divar's panel, and the people around it.

use axum::http::HeaderValue;
use serde_json::{Map, Value, json};
use url::Url;

use super::error::Error;
use super::{ids, scopes};

/// One app. What Divar's panel asks for is set here.
#[derive(Clone)]
pub struct App {
    pub(super) slug: String,
    pub(super) secret: String,
    pub(super) identification: String,
    pub(super) keys: Vec<(String, Vec<Permission>)>,
    pub(super) addresses: Addresses,
    pub(super) redirects: Vec<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) people: Vec<Person>,
}

impl App {
    /// An app without keys and addresses, and with nobody around. As a test app of Divar's it may ask for every scope.
    #[must_use]
    pub fn new(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            secret: String::new(),
            identification: String::new(),
            keys: Vec::new(),
            addresses: Addresses::default(),
            redirects: Vec::new(),
            scopes: None,
            people: Vec::new(),
        }
    }

    /// The `client_secret` for tokens. An app without one gets none.
    #[must_use]
    pub fn client_secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// What stands in the `Authorization` header of all that Divar asks of the app's server, as it is.
    #[must_use]
    pub fn identification_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.identification);
        self
    }

    /// Adds an API key with its part of the app's permissions.
    #[must_use]
    pub fn api_key(mut self, key: &str, permissions: &[Permission]) -> Self {
        self.keys.push((key.to_owned(), permissions.to_vec()));
        self
    }

    /// Where the app's server is. [`DivarServer::set_addresses`](super::DivarServer::set_addresses) changes it.
    #[must_use]
    pub fn addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// Adds an address to which a consent may return.
    /// [`DivarServer::allow_redirect`](super::DivarServer::allow_redirect) adds further ones.
    #[must_use]
    pub fn redirect(mut self, address: &str) -> Self {
        self.redirects.push(address.to_owned());
        self
    }

    /// The only scopes that the app may ask for, by name without what they are for.
    #[must_use]
    pub fn scopes(mut self, names: &[&str]) -> Self {
        self.scopes = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Adds somebody.
    #[must_use]
    pub fn person(mut self, person: Person) -> Self {
        self.people.push(person);
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |text: String| Err(Error::BadApp(text));
        if self.slug.is_empty() || !self.slug.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return bad(format!("{:?} is no slug", self.slug));
        }
        if HeaderValue::from_bytes(self.identification.as_bytes()).is_err() {
            return bad("the identification key cannot stand in a header".to_owned());
        }
        for (place, (key, _)) in self.keys.iter().enumerate() {
            if key.is_empty() || self.keys.iter().take(place).any(|(earlier, _)| earlier == key) {
                return bad("an API key is empty or there twice".to_owned());
            }
        }
        if let Some(unknown) = self.scopes.iter().flatten().find(|name| !scopes::is_known(name)) {
            return bad(format!("{unknown:?} is no scope"));
        }
        self.addresses.check()?;
        self.redirects.iter().try_for_each(|address| check_redirect(address))
    }
}

/// An address to which a consent returns has no query: what the app wants back goes into `state`.
pub(super) fn check_redirect(address: &str) -> Result<(), Error> {
    match Url::parse(address) {
        Ok(url) if url.has_host() && url.query().is_none() && url.fragment().is_none() => Ok(()),
        _ => Err(Error::BadApp(format!("{address:?} is no address without a query to return to"))),
    }
}

/// Where the app's server takes what Divar asks of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Events.
    pub events: Option<String>,
    /// The beginning of a session, for `open_server_link` and the other openings.
    pub session: Option<String>,
    /// Dynamic actions.
    pub action: Option<String>,
}

impl Addresses {
    /// `{base}/events`, `{base}/session` and `{base}/action`.
    #[must_use]
    pub fn under(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        let of = |name: &str| Some(format!("{base}/{name}"));
        Self { events: of("events"), session: of("session"), action: of("action") }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        for address in [&self.events, &self.session, &self.action].into_iter().flatten() {
            if !Url::parse(address).is_ok_and(|url| url.has_host()) {
                return Err(Error::BadApp(format!("{address:?} is no address")));
            }
        }
        Ok(())
    }
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Divar names them, in upper case and with underscores")]
pub enum Permission {
    ChatSendMessageOauth,
    ChatBotSendMessage,
    ChatUploadMedia,
    ChatReadConversation,
    EventsRegisterSubscription,
    UserRetrieve,
    GetUserIdByPhone,
    GetPost,
    GetUserPosts,
}

impl Permission {
    /// All that this server knows.
    pub const ALL: [Self; 9] = [
        Self::ChatSendMessageOauth,
        Self::ChatBotSendMessage,
        Self::ChatUploadMedia,
        Self::ChatReadConversation,
        Self::EventsRegisterSubscription,
        Self::UserRetrieve,
        Self::GetUserIdByPhone,
        Self::GetPost,
        Self::GetUserPosts,
    ];

    /// As Divar writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatSendMessageOauth => "CHAT_SEND_MESSAGE_OAUTH",
            Self::ChatBotSendMessage => "CHAT_BOT_SEND_MESSAGE",
            Self::ChatUploadMedia => "CHAT_UPLOAD_MEDIA",
            Self::ChatReadConversation => "CHAT_READ_CONVERSATION",
            Self::EventsRegisterSubscription => "EVENTS_REGISTER_SUBSCRIPTION",
            Self::UserRetrieve => "USER_RETRIEVE",
            Self::GetUserIdByPhone => "GET_USER_ID_BY_PHONE",
            Self::GetPost => "GET_POST",
            Self::GetUserPosts => "GET_USER_POSTS",
        }
    }
}

/// Somebody on Divar.
#[derive(Clone, Debug)]
pub struct Person {
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) id: Option<String>,
    pub(super) posts: Vec<Post>,
}

impl Person {
    /// The name is how the methods of the server call them; Divar does not tell it to anybody.
    #[must_use]
    pub fn new(name: &str, phone: &str) -> Self {
        Self { name: name.to_owned(), phone: phone.to_owned(), id: None, posts: Vec::new() }
    }

    /// Sets the `user_id`. Without it, it is made of the app and the phone, as Divar does.
    #[must_use]
    pub fn user_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Adds a post that is theirs.
    #[must_use]
    pub fn post(mut self, post: Post) -> Self {
        self.posts.push(post);
        self
    }

    pub(super) fn id_in(&self, app: &str) -> String {
        self.id.clone().unwrap_or_else(|| ids::user(app, &self.phone))
    }
}

/// A post: something that somebody sells.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its token.
    pub token: String,
    /// Its category.
    pub category: String,
    /// Its city.
    pub city: String,
    /// Its district.
    pub district: String,
    /// What stands above it.
    pub title: String,
    /// `PUBLISHED`, `REVIEW_REQ`, `PAYMENT_REQ` or `RETIRED`.
    pub state: String,
    /// Whether it can be chatted about.
    pub chat_enabled: bool,
    /// Whether the phone is hidden.
    pub is_phone_hidden: bool,
    /// Addresses of pictures.
    pub images: Vec<String>,
    /// What else stands in its `data`.
    pub data: Map<String, Value>,
}

impl Post {
    /// A published post in Tehran that can be chatted about.
    #[must_use]
    pub fn new(token: &str, category: &str, title: &str) -> Self {
        Self {
            token: token.to_owned(),
            category: category.to_owned(),
            city: "tehran".to_owned(),
            district: "nazi-abad".to_owned(),
            title: title.to_owned(),
            state: "PUBLISHED".to_owned(),
            chat_enabled: true,
            is_phone_hidden: false,
            images: Vec::new(),
            data: Map::new(),
        }
    }

    /// Sets a member of its `data`, such as a description or a price.
    #[must_use]
    pub fn data(mut self, name: &str, value: Value) -> Self {
        self.data.insert(name.to_owned(), value);
        self
    }

    /// Letters, digits and `_`, at most 16: Divar's page `divar/post.md`.
    pub(super) fn has_good_token(&self) -> bool {
        let length = self.token.len();
        (1..=16).contains(&length) && self.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// As `finder/post/{token}` gives it.
    pub(super) fn public(&self) -> Value {
        let mut post = self.common();
        post.insert("state".to_owned(), json!(self.state));
        Value::Object(post)
    }

    /// As an event tells of it.
    pub(super) fn for_event(&self) -> Value {
        let mut post = self.common();
        post.insert("is_phone_hidden".to_owned(), json!(self.is_phone_hidden));
        Value::Object(post)
    }

    /// As the list of a person's posts has it.
    pub(super) fn in_list(&self) -> Value {
        json!({
            "token": self.token,
            "title": self.title,
            "images": self.images,
            "category": self.category,
            "is_phone_hidden": self.is_phone_hidden,
        })
    }

    fn common(&self) -> Map<String, Value> {
        let mut data = self.data.clone();
        data.insert("title".to_owned(), json!(self.title));
        data.entry("images").or_insert_with(|| json!(self.images));
        let members = [
            ("token", json!(self.token)),
            ("category", json!(self.category)),
            ("city", json!(self.city)),
            ("district", json!(self.district)),
            ("chat_enabled", json!(self.chat_enabled)),
            ("supplier_chat_assistant_enabled", json!(false)),
            ("first_published_at", json!("2025-07-16T10:41:42Z")),
            ("last_modified_at", json!("2025-07-16T10:41:42Z")),
            ("data", Value::Object(data)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
