//! What a person sets off by a press or by opening the app, while they wait.

use std::sync::Arc;

use axum::body::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;

use super::buttons::{self, Action};
use super::deliver::API_VERSION;
use super::error::Error;
use super::faults::Faults;
use super::fields::Fields;
use super::push::PushKind;
use super::sent::SentBy;
use super::server::{DivarServer, Shared};
use super::settings::Rules;
use super::world::Side;

/// What a person sees after a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// An address, which the button had.
    Link(String),
    /// An address, which the app's server gave for the opening.
    Opened(String),
    /// The answer to a dynamic action.
    Answered {
        /// The text that is shown for a moment.
        text: Option<String>,
        /// What happens besides.
        then: Option<Box<Pressed>>,
    },
    /// The page of a post.
    PostPage(String),
    /// The page where an owner manages a post.
    ManagePage(String),
}

/// Where a press or an opening comes from.
struct Place {
    person: String,
    conversation: Option<String>,
    post: Option<String>,
    side: Option<Side>,
}

impl DivarServer {
    /// A person presses a button of a message: rows and columns count from 0, `message` is
    /// [`Sent::index`](super::Sent::index). A message that was taken out of the log has no buttons any more.
    ///
    /// # Errors
    /// If there is no such button for this person, or the app's server gives no answer or a bad one.
    pub async fn press(&self, person: &str, message: u64, row: usize, column: usize) -> Result<Pressed, Error> {
        let (action, place) = self.button(person, message, row, column)?;
        match action {
            Action::OpenDirectLink(link) => Ok(Pressed::Link(link)),
            Action::OpenServerLink(data) => {
                let url = self.shared().open(&place, "CHAT_MESSAGE_ACTION", data).await?;
                Ok(Pressed::Opened(url))
            }
            Action::GetDynamicAction(data) => self.shared().dynamic(&place, data).await,
            Action::OpenPostPage(post) => {
                self.shared().world().post(&post)?;
                Ok(Pressed::PostPage(post))
            }
            Action::OpenPostManagePage(post) => {
                let world = self.shared().world();
                let (_, owner) = world.post(&post)?;
                if owner == person { Ok(Pressed::ManagePage(post)) } else { Err(Error::NotOwner) }
            }
        }
    }

    /// A person opens the app from the menu of a buyer's conversation about a post. Returns the address that the app's
    /// server gave.
    ///
    /// # Errors
    /// If the person is on neither side, or the app's server gives no answer or a bad one.
    pub async fn open_from_chat(&self, person: &str, post: &str, buyer: &str) -> Result<String, Error> {
        let place = {
            let world = self.shared().world();
            world.person(buyer)?;
            let (_, owner) = world.post(post)?;
            let side = if person == owner { Side::Seller } else { Side::Buyer };
            let conversation = match (world.about(post, buyer), side) {
                (Some(id), _) if side == Side::Seller || person == buyer => id,
                // What has not begun goes by the token of the post, as users of Divar report.
                (None, Side::Buyer) if person == buyer => post,
                _ => return Err(Error::NoConversation),
            };
            let (person, conversation) = (person.to_owned(), Some(conversation.to_owned()));
            Place { person, conversation, post: Some(post.to_owned()), side: Some(side) }
        };
        self.shared().open(&place, "CHAT", Map::new()).await
    }

    /// A person opens the app from what it added to the page of a post, with the data of that. Returns the address that
    /// the app's server gave.
    ///
    /// # Errors
    /// If there is no such post, or the app's server gives no answer or a bad one.
    pub async fn open_from_post(&self, person: &str, post: &str, data: Map<String, Value>) -> Result<String, Error> {
        let place = {
            let world = self.shared().world();
            world.person(person)?;
            let (_, owner) = world.post(post)?;
            let side = Some(if person == owner { Side::Seller } else { Side::Buyer });
            Place { person: person.to_owned(), conversation: None, post: Some(post.to_owned()), side }
        };
        self.shared().open(&place, "POST_ADDON", data).await
    }

    /// A person opens the app from a place of this name, which no page of Divar need know. Returns the address that the
    /// app's server gave.
    ///
    /// # Errors
    /// If nobody is called so, or the app's server gives no answer or a bad one.
    pub async fn open_from(&self, person: &str, source: &str) -> Result<String, Error> {
        self.shared().world().person(person)?;
        let place = Place { person: person.to_owned(), conversation: None, post: None, side: None };
        self.shared().open(&place, source, Map::new()).await
    }

    fn button(&self, person: &str, message: u64, row: usize, column: usize) -> Result<(Action, Place), Error> {
        let world = self.shared().world();
        let sent = world.sent.at_or_after(message).filter(|sent| sent.index == message).ok_or(Error::NoButton)?;
        let conversation = world.conversation(&sent.conversation).ok_or(Error::NoConversation)?;
        if !conversation.has(person) {
            return Err(Error::NoButton);
        }
        let is_receiver = matches!(&sent.by, SentBy::Person { name, .. } if name != person);
        let buttons = if is_receiver { &sent.receiver_buttons } else { &sent.buttons };
        let button = buttons.get(row).and_then(|row| row.get(column)).ok_or(Error::NoButton)?;
        let place = Place {
            person: person.to_owned(),
            conversation: Some(conversation.id.clone()),
            post: conversation.post().map(str::to_owned),
            side: conversation.side(person),
        };
        Ok((button.action.clone(), place))
    }
}

impl Shared {
    /// Asks the app's server what to do.
    async fn dynamic(self: &Arc<Self>, place: &Place, data: Map<String, Value>) -> Result<Pressed, Error> {
        let faults = self.faults().now;
        let user = self.user_of(place, &faults)?;
        let body = members(
            [
                ("touchpoint", json!("CHAT")),
                ("post_token", json!(place.post)),
                ("conversation_id", json!(place.conversation)),
                ("user_side", json!(side(place.side, &faults))),
                ("extra_data", Value::Object(data)),
                ("user_id", json!(user)),
            ],
            &faults,
        );
        let conversation = place.conversation.as_deref();
        let answer = self.ask(PushKind::Action, conversation, &body, HeaderMap::new()).await?;
        let (text, action) = read_action(answer, &self.settings.rules)?;
        let then = match action {
            None => None,
            Some(Action::OpenDirectLink(link)) => Some(Box::new(Pressed::Link(link))),
            Some(Action::OpenServerLink(data)) => {
                Some(Box::new(Pressed::Opened(self.open(place, "CHAT_MESSAGE_ACTION", data).await?)))
            }
            // Whether Divar takes the others in an answer, its page does not say.
            Some(_) => return Err(bad(200, "its action is neither open_direct_link nor open_server_link")),
        };
        Ok(Pressed::Answered { text, then })
    }

    /// Asks the app's server for an address to open.
    async fn open(self: &Arc<Self>, place: &Place, source: &str, data: Map<String, Value>) -> Result<String, Error> {
        let faults = self.faults().now;
        let mut headers = HeaderMap::new();
        let body = if faults.legacy_session {
            self.legacy_session(place, data, &faults)?
        } else {
            if !faults.no_api_version {
                headers.insert(API_VERSION, HeaderValue::from_static("2"));
            }
            self.session(place, source, data, &faults)?
        };
        let answer = self.ask(PushKind::Session, place.conversation.as_deref(), &body, headers).await?;
        read_address(answer, faults.legacy_session)
    }

    fn session(&self, place: &Place, source: &str, data: Map<String, Value>, faults: &Faults) -> Result<Value, Error> {
        let user = self.user_of(place, faults)?;
        let data_name = if faults.provider_data { "provider_data" } else { "extra_data" };
        let mut body = members(
            [
                ("source", json!(source)),
                ("post_token", json!(place.post)),
                ("conversation_id", json!(place.conversation)),
                ("user_side", json!(side(place.side, faults))),
                (data_name, Value::Object(data)),
                ("user_id", json!(user)),
            ],
            faults,
        );
        if let Some(body) = body.as_object_mut().filter(|_| faults.completion_url) {
            body.insert("completion_url".to_owned(), json!(self.completion()));
        }
        Ok(body)
    }

    /// The form before 2025, which named everybody.
    fn legacy_session(&self, place: &Place, data: Map<String, Value>, faults: &Faults) -> Result<Value, Error> {
        let user = self.user_of(place, faults)?;
        let world = self.world();
        let (mut supplier, mut demand) = (Value::Null, Value::Null);
        let conversation = place.conversation.as_deref().and_then(|id| world.conversation(id));
        if let Some(super::world::With::Post { seller, buyer, .. }) = conversation.map(|found| &found.with) {
            supplier = json!(world.person(seller)?.id);
            demand = json!(world.person(buyer)?.id);
        }
        let peer = if place.side == Some(Side::Seller) { &demand } else { &supplier };
        let body = [
            ("callback_url", json!(self.completion())),
            ("post_token", json!(place.post)),
            ("user_id", json!(user)),
            ("peer_id", peer.clone()),
            ("supplier", json!({ "id": supplier })),
            ("demand", json!({ "id": demand })),
            ("conversation_id", json!(place.conversation)),
            ("extra_data", json!({ "provider_data": data })),
        ];
        Ok(members(body, faults))
    }

    fn completion(&self) -> String {
        format!("{}/completion", self.base)
    }

    fn user_of(&self, place: &Place, faults: &Faults) -> Result<Option<String>, Error> {
        let id = self.world().person(&place.person)?.id.clone();
        Ok(Some(id).filter(|_| !faults.anonymous))
    }
}

fn side(side: Option<Side>, faults: &Faults) -> Option<&'static str> {
    Some(match (side?, faults.titled_sides) {
        (Side::Seller, false) => "SUPPLY",
        (Side::Buyer, false) => "DEMAND",
        (Side::Seller, true) => "Supply",
        (Side::Buyer, true) => "Demand",
    })
}

fn members<const N: usize>(members: [(&str, Value); N], faults: &Faults) -> Value {
    let kept = members.into_iter().filter(|(_, value)| !(faults.no_nulls && value.is_null()));
    Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn bad(status: u16, reason: &str) -> Error {
    Error::BadAnswer { status, reason: reason.to_owned() }
}

fn read_json((status, body): (u16, Bytes)) -> Result<Value, Error> {
    if status != 200 {
        return Err(bad(status, "only 200 is a good one"));
    }
    serde_json::from_slice(&body).map_err(|_| bad(status, "it is no JSON"))
}

fn read_action(answer: (u16, Bytes), rules: &Rules) -> Result<(Option<String>, Option<Action>), Error> {
    let answer = read_json(answer)?;
    let read = || {
        let fields = Fields::of("it", &answer, rules)?;
        fields.only(&["action", "text_message"])?;
        let text = fields.maybe_text("text_message")?.filter(|text| !text.is_empty());
        let action = fields.maybe("action").map(|action| buttons::action("its action", action, rules)).transpose()?;
        Ok((text.map(str::to_owned), action))
    };
    read().map_err(|flaw: super::fields::Flaw| bad(200, &flaw.to_string()))
}

fn read_address(answer: (u16, Bytes), legacy: bool) -> Result<String, Error> {
    let answer = read_json(answer)?;
    if legacy && answer.get("status") != Some(&json!("200")) {
        return Err(bad(200, "its status is not the string \"200\""));
    }
    let url = answer.get("url").and_then(Value::as_str).ok_or_else(|| bad(200, "it has no url"))?;
    match Url::parse(url) {
        Ok(parsed) if parsed.has_host() && matches!(parsed.scheme(), "http" | "https") => Ok(url.to_owned()),
        _ => Err(bad(200, "its url cannot be opened")),
    }
}
