//! The program under test against a local Divar server, which calls it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;

use hodhod_platforms::playground::divar::{Addresses, App, DivarServer, Permission, Person, Post, Sent, Settings};

use crate::files::{Files, free};
use crate::{BotSetup, eventually};

/// The credentials of the one app, each with SECRET in it.
const API_KEY: &str = "end-to-end-SECRET-api-key";
const IDENTIFICATION: &str = "end-to-end-SECRET-identification";
const CLIENT_SECRET: &str = "end-to-end-SECRET-client";

/// What the app may ask people for.
const SCOPES: [&str; 9] = [
    "USER_ID",
    "USER_PHONE",
    "USER_POSTS_GET",
    "NOTIFICATION_ACCESS_REVOCATION",
    "CONVERSATION_SEND_MESSAGE",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND",
    "CHAT_BOT_USER_MESSAGE_SEND",
    "offline_access",
];

/// The post of the seller.
pub const POST: &str = "Bicycle1";

/// A folder with a configuration, and the messenger that it points at. Its people are `sara`, who sells something,
/// and `omid` and `mina`, who might buy it.
pub struct DivarSetup {
    /// The messenger.
    pub server: DivarServer,
    /// Where the host is called.
    pub webhooks: SocketAddr,
    files: Files,
}

impl Deref for DivarSetup {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

impl DivarSetup {
    /// A server, and a configuration of these bots on one connection that may send fast.
    pub async fn new(bots: impl IntoIterator<Item = BotSetup>) -> Self {
        Self::within(&std::env::temp_dir(), bots, Settings::default()).await
    }

    /// The same, with its folder in this one, and a messenger of these settings.
    pub async fn within(folder: &Path, bots: impl IntoIterator<Item = BotSetup>, settings: Settings) -> Self {
        let [listen, webhooks] = free();
        let called = format!("http://{webhooks}/divar/shop");
        let app = App::new("shop-app")
            .api_key(API_KEY, &Permission::ALL)
            .client_secret(CLIENT_SECRET)
            .identification_key(IDENTIFICATION)
            .redirect(&format!("{called}/oauth"))
            .addresses(Addresses::under(&called))
            .person(Person::new("sara", "09120000001").post(Post::new(POST, "bicycles", "دوچرخه")))
            .person(Person::new("omid", "09120000002"))
            .person(Person::new("mina", "09120000003"));
        let server = DivarServer::start_with(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), app, settings).await;
        let server = server.expect("a local server");
        let base = server.base_url();
        let account = format!(
            "platform = \"divar\"\nslug = \"shop-app\"\napi_key = {{ env = \"E2E_API_KEY\" }}\n\
             identification_key = {{ env = \"E2E_IDENTIFICATION\" }}\n\
             oauth = {{ client_secret = {{ env = \"E2E_CLIENT_SECRET\" }}, scopes = {SCOPES:?} }}\n\
             base_url = {base:?}\noauth_url = {base:?}\nupload_url = {base:?}\ncompletion_url = \"{base}/completion\"\n\
             allow_private = [{:?}]",
            base.trim_start_matches("http://")
        );
        let secrets = [
            ("E2E_API_KEY", API_KEY.to_owned()),
            ("E2E_IDENTIFICATION", IDENTIFICATION.to_owned()),
            ("E2E_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ];
        let mut files = Files::new(folder, listen, bots, account, secrets);
        files.host = format!("webhooks = {{ listen = \"{webhooks}\", public = \"http://{webhooks}\" }}");
        files.write();
        Self { server, webhooks, files }
    }

    /// Adds lines to `[connections.shop]`.
    #[must_use]
    pub fn connection(mut self, lines: &str) -> Self {
        self.files.connection = lines.to_owned();
        self.files.write();
        self
    }

    /// Waits until what the bots sent satisfies a condition, and gives it.
    pub async fn sent_when(&self, what: &str, condition: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        eventually(what, async || {
            let sent = self.server.sent();
            if condition(&sent) { Ok(sent) } else { Err(format!("{} sent; log:\n{}", sent.len(), self.log())) }
        })
        .await
    }

    /// Waits for so many messages of the bots, and gives them.
    pub async fn answers(&self, count: usize) -> Vec<Sent> {
        self.sent_when("the bots answer", |sent| sent.len() >= count).await
    }
}
