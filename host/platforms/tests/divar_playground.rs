//! The two sides against each other: the connection, behind a web server of its own, and the local Divar.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use hodhod_core::event::{Content, Event, Media as File, MediaKind, Message};
use hodhod_core::ids::{Chat, InboxSeq, SenderId};
use hodhod_core::outgoing::{Answer, Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::people::Moment;
use hodhod_core::platform::{Call, Incoming, Intake, Platform, SendError, Sent, Upload};
use hodhod_core::store::StoreError;
use hodhod_core::testing::{MemoryVault, TestClock};
use hodhod_core::webhook::Reply;
use hodhod_platforms::divar::{Divar, DivarConfig, OAuthConfig, Options};
use hodhod_platforms::playground::divar::{
    Addresses, App, DivarServer, Media, Permission, Person, Post, Pressed, Side, Touchpoint,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Long enough for a busy machine: nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

const SCOPES: [&str; 6] = [
    "USER_ID",
    "offline_access",
    "NOTIFICATION_ACCESS_REVOCATION",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND",
    "CHAT_BOT_USER_MESSAGE_SEND",
];

/// Remembers what it took, drops what it knows, and answers what it is asked.
#[derive(Default)]
struct Kept {
    events: Mutex<Vec<Incoming>>,
    answer: Mutex<Option<Answer>>,
    changed: Notify,
}

impl Kept {
    fn keep(&self, events: Vec<Incoming>) -> usize {
        let mut kept = self.events.lock().unwrap();
        let new: Vec<_> = events.into_iter().filter(|event| !kept.iter().any(|known| known.key == event.key)).collect();
        let count = new.len();
        kept.extend(new);
        self.changed.notify_waiters();
        count
    }

    /// Waits for the event with this number, from 0.
    async fn event(&self, number: usize) -> Arc<Event> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(incoming) = self.events.lock().unwrap().get(number) {
                    return Arc::clone(&incoming.event);
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", self.events.lock().unwrap()))
    }

    async fn message(&self, number: usize) -> Message {
        match &*self.event(number).await {
            Event::Message(message) => message.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Intake for Kept {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        async move { Ok(self.keep(events)) }.boxed()
    }

    fn ask(&self, event: Incoming, _: Duration) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        async move {
            self.keep(vec![event]);
            Ok(self.answer.lock().unwrap().clone())
        }
        .boxed()
    }

    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        std::future::ready(Ok(InboxSeq(self.events.lock().unwrap().len() as u64))).boxed()
    }

    fn forget(&self, _person: &SenderId, _until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }
}

struct Rig {
    server: DivarServer,
    divar: Arc<Divar>,
    kept: Arc<Kept>,
    serving: [JoinHandle<()>; 2],
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn answered(divar: &Divar, kept: &Kept, request: Request) -> Reply {
    let (mut head, body) = request.into_parts();
    let path = head.uri.to_string().strip_prefix("/divar/shop").unwrap().to_owned();
    head.uri = path.parse().unwrap();
    let webhook = divar.webhook().unwrap();
    let longest = match webhook.admit(&head, IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        Ok(longest) => longest,
        Err(reply) => return reply,
    };
    let body = axum::body::to_bytes(body, longest).await.unwrap();
    webhook.answer(http::Request::from_parts(head, body), kept).await
}

impl Rig {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/divar/shop", listener.local_addr().unwrap());
        let redirect = format!("{base}/oauth");
        let all = [
            Permission::ChatBotSendMessage,
            Permission::ChatSendMessageOauth,
            Permission::ChatUploadMedia,
            Permission::EventsRegisterSubscription,
            Permission::UserRetrieve,
        ];
        let app = App::new("my-app")
            .client_secret("the-client-secret")
            .identification_key("the-identification-key")
            .api_key("the-api-key", &all)
            .addresses(Addresses::under(&base))
            .redirect(&redirect)
            .person(Person::new("sara", "09120000001").post(Post::new("QYx7bT2k", "plants", "نهال انار")))
            .person(Person::new("reza", "09120000002"));
        let server = DivarServer::start((Ipv4Addr::LOCALHOST, 0).into(), app).await.unwrap();
        let address = server.base_url();
        let options = Options {
            base_url: address.clone(),
            oauth_url: address.clone(),
            upload_url: address.clone(),
            completion_url: format!("{address}/completion"),
            allow_private: vec![address.strip_prefix("http://").unwrap().parse().unwrap()],
            ..Options::default()
        };
        let config = DivarConfig {
            name: "shop".into(),
            slug: "my-app".to_owned(),
            api_key: "the-api-key".into(),
            identification_key: "the-identification-key".into(),
            oauth: Some(OAuthConfig {
                client_secret: "the-client-secret".into(),
                scopes: SCOPES.map(str::to_owned).to_vec(),
                redirect,
            }),
            options,
        };
        let clock = TestClock::default();
        let vault = MemoryVault::new(Arc::new(clock.clone()));
        let divar = Arc::new(Divar::new(config, Arc::new(vault), Arc::new(clock)).unwrap());
        let kept = Arc::new(Kept::default());
        let (for_divar, for_kept) = (Arc::clone(&divar), Arc::clone(&kept));
        let router = Router::new().fallback(move |request: Request| {
            let (divar, kept) = (Arc::clone(&for_divar), Arc::clone(&for_kept));
            async move { answered(&divar, &kept, request).await.map(axum::body::Body::from) }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let (for_divar, for_kept) = (Arc::clone(&divar), Arc::clone(&kept));
        let receiving = tokio::spawn(async move { for_divar.receive(&*for_kept).await });
        Self { server, divar, kept, serving: [serving, receiving] }
    }

    async fn send(&self, chat: &str, message: &Outgoing) -> Result<Sent, SendError> {
        self.divar.accepts(&chat.into(), message).unwrap();
        self.divar.send(&chat.into(), message).await
    }

    fn answers(&self, answer: Answer) {
        *self.kept.answer.lock().unwrap() = Some(answer);
    }

    /// Sara allows all that the operator does.
    async fn consented(&self) -> String {
        let call = Call {
            bot: "courier".into(),
            chat: Chat::new("shop", "app"),
            sender: None,
            name: "divar.request-consent",
            arguments: json!({"scopes": SCOPES, "data": "d"}),
        };
        let url = self.divar.call(call).await.unwrap()["url"].as_str().unwrap().to_owned();
        let before = self.kept.events.lock().unwrap().len();
        let landing = self.server.consent("sara", &url).await.unwrap();
        assert_eq!(landing.status, 200, "{landing:?}");
        let Content::Other(name, json) = self.kept.message(before).await.content else { panic!() };
        assert_eq!(name, "divar.granted");
        let user = serde_json::from_str::<Value>(&json).unwrap()["user"].as_str().unwrap().to_owned();
        assert_eq!(user, self.server.user_id("sara").unwrap());
        user
    }
}

fn keyboard(press: Press) -> Outgoing {
    let button = Button { label: "🐦".to_owned(), press };
    Outgoing { keyboard: Some(Keyboard::Show(vec![vec![button]])), ..Outgoing::text("انتخاب کن") }
}

#[tokio::test]
async fn a_person_talks_to_the_chatbot_and_presses_its_buttons() {
    let rig = Rig::new().await;
    rig.server.start_chat("reza", &Touchpoint::MyDivar).unwrap();
    let start = rig.kept.message(0).await;
    assert_eq!(start.content, Content::Start(Some("MY_DIVAR".to_owned())));
    let chat = start.chat.id.to_string();
    let words = " می\u{200c}خواهم ۳ تا «ي» و «ی»";
    rig.server.say("reza", words).unwrap();
    assert_eq!(rig.kept.message(1).await.content, Content::Text(words.to_owned()));

    rig.send(&chat, &keyboard(Press::Event("خانه:۵".to_owned()))).await.unwrap();
    rig.send(&chat, &keyboard(Press::App(r#"{"a":"b"}"#.to_owned()))).await.unwrap();
    rig.send(&chat, &keyboard(Press::Url("https://bot.example/x".to_owned()))).await.unwrap();
    assert_eq!(rig.server.sent().len(), 3);

    rig.answers(Answer::Notice("نوبت تو".to_owned()));
    let pressed = rig.server.press("reza", 0, 0, 0).await.unwrap();
    assert!(format!("{pressed:?}").contains("نوبت تو"), "{pressed:?}");
    let press = rig.kept.message(2).await;
    assert_eq!(press.content, Content::Button("خانه:۵".to_owned()));
    assert_eq!(press.chat.id.as_str(), chat);
    assert_eq!(press.sender.id.unwrap().as_str(), rig.server.user_id("reza").unwrap());

    rig.answers(Answer::Url("https://bot.example/page".to_owned()));
    let opened = rig.server.press("reza", 1, 0, 0).await.unwrap();
    assert!(matches!(&opened, Pressed::Opened(url) if url == "https://bot.example/page"), "{opened:?}");
    let opening = rig.kept.message(3).await;
    assert_eq!(opening.content, Content::Opening { source: "chat-button".to_owned(), data: r#"{"a":"b"}"#.to_owned() });
    assert_eq!(opening.chat.id.as_str(), chat);
    let link = rig.server.press("reza", 2, 0, 0).await.unwrap();
    assert!(matches!(&link, Pressed::Link(url) if url == "https://bot.example/x"), "{link:?}");
}

#[tokio::test]
async fn files_come_and_go() {
    let rig = Rig::new().await;
    let bytes = Bytes::from_static(b"\x89PNG a picture");
    let image = Media::Image { name: "باغ.png".to_owned(), bytes: bytes.clone(), width: 3, height: 2 };
    rig.server.send_media("reza", image).unwrap();
    let message = rig.kept.message(0).await;
    let Content::Media(file) = message.content else { panic!("{message:?}") };
    assert_eq!((file.kind, file.width, file.height), (MediaKind::Image, Some(3), Some(2)));
    let read = rig.divar.download(&file.file).await.unwrap();
    let read = read.bytes.try_fold(Vec::new(), async |all, piece| Ok([all, piece.to_vec()].concat())).await.unwrap();
    assert_eq!(read, bytes);

    let chat = message.chat.id.to_string();
    let with = |file: File| Outgoing { body: Body::Media(file), ..Outgoing::text("") };
    rig.send(&chat, &with(file.clone())).await.unwrap();
    let pieces = Box::pin(futures::stream::iter([Ok(bytes.clone())]));
    let upload = Upload { name: "x.pdf".to_owned(), mime: "application/pdf".to_owned(), size: 15, bytes: pieces };
    let key = rig.divar.upload(Upload { size: bytes.len() as u64, ..upload }).await.unwrap();
    rig.send(&chat, &with(File { file: key, kind: MediaKind::Document, ..file })).await.unwrap();
    let sent: Vec<_> = rig.server.sent().into_iter().map(|sent| sent.file.unwrap().bytes).collect();
    assert_eq!(sent, [bytes.clone(), bytes]);
    for (number, media) in [
        Media::Location { latitude: 35.7, longitude: 51.3 },
        Media::Contact { name: Some("زهرا".to_owned()), phone: "+989120000000".to_owned() },
        Media::Voice { bytes: Bytes::from_static(b"v") },
        Media::Video { bytes: Bytes::from_static(b"f"), thumbnail: Bytes::from_static(b"t") },
        Media::Other { kind: "STICKER".to_owned() },
    ]
    .into_iter()
    .enumerate()
    {
        rig.server.send_media("reza", media).unwrap();
        let content = rig.kept.message(number + 1).await.content;
        let wanted = ["location", "contact", "media", "media", "other"][number];
        assert!(serde_json::to_value(&content).unwrap().get(wanted).is_some(), "{content:?}");
    }
}

#[tokio::test]
async fn whoever_allows_it_is_written_for_and_written_to() {
    let rig = Rig::new().await;
    rig.server.say_in_post("QYx7bT2k", "reza", Side::Buyer, "سلام").unwrap();
    let conversation = rig.server.post_conversation("QYx7bT2k", "reza").unwrap();
    let chat = format!("post:{conversation}");
    let refused = rig.send(&chat, &Outgoing::text("x")).await;
    assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");

    let user = rig.consented().await;
    // Until it is subscribed to, nobody is told.
    while rig.server.say_in_post("QYx7bT2k", "reza", Side::Buyer, "هنوز هست؟").unwrap().pushes == 0 {
        tokio::task::yield_now().await;
    }
    let asked = rig.kept.message(1).await;
    assert_eq!((asked.content, asked.chat.id.as_str()), (Content::Text("هنوز هست؟".to_owned()), chat.as_str()));
    assert!(asked.annotations.contains(&("divar.user".to_owned(), user.clone())), "{:?}", asked.annotations);

    let receiver = json!([[{"label": "می\u{200c}خرم", "press": {"event": "buy"}}]]).to_string();
    let mut message = keyboard(Press::Event("sell".to_owned()));
    message.annotations.push(("divar.receiver-buttons".to_owned(), receiver));
    assert_eq!(rig.send(&chat, &message).await, Ok(Sent { id: None }));
    rig.answers(Answer::Notice("ok".to_owned()));
    rig.server.press("reza", 0, 0, 0).await.unwrap();
    let pressed = rig.kept.message(2).await;
    assert_eq!((pressed.content, pressed.chat.id.as_str()), (Content::Button("buy".to_owned()), chat.as_str()));
    assert!(pressed.annotations.contains(&("divar.side".to_owned(), "buyer".to_owned())), "{:?}", pressed.annotations);

    let first = rig.send(&format!("user:{user}"), &Outgoing::text("سلام")).await.unwrap();
    let bot = rig.server.chatbot_conversation("sara").unwrap();
    assert_eq!(first.id, Some(format!("bot:{bot}")), "where the answer will come from");

    rig.server.block_in_post("QYx7bT2k", "reza", Side::Buyer, true).unwrap();
    let blocked = rig.send(&chat, &Outgoing::text("x")).await;
    assert!(matches!(&blocked, Err(SendError::Refused(words)) if words.contains("restriction")), "{blocked:?}");

    rig.server.revoke("sara").unwrap();
    let Event::Other(name, _) = (*rig.kept.event(3).await).clone() else { panic!() };
    assert_eq!(name, "divar.revoked");
    let refused = rig.send(&format!("user:{user}"), &Outgoing::text("x")).await;
    assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn the_app_is_opened_from_everywhere() {
    let rig = Rig::new().await;
    rig.answers(Answer::Url("https://bot.example/q".to_owned()));
    rig.server.say_in_post("QYx7bT2k", "reza", Side::Buyer, "سلام").unwrap();
    assert_eq!(rig.server.open_from_chat("sara", "QYx7bT2k", "reza").await.unwrap(), "https://bot.example/q");
    let opening = rig.kept.message(0).await;
    assert_eq!(opening.content, Content::Opening { source: "chat".to_owned(), data: "{}".to_owned() });
    let conversation = rig.server.post_conversation("QYx7bT2k", "reza").unwrap();
    assert_eq!(opening.chat.id.to_string(), format!("post:{conversation}"));
    rig.server.open_from("reza", "MY_DIVAR").await.unwrap();
    assert!(rig.kept.message(1).await.chat.id.as_str().starts_with("user:"));
}
