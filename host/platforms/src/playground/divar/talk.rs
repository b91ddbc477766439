//! The people's side: what a person does in chats, and what the app's server is told of it.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::error::Error;
use super::events::{self, Shape};
use super::faults::Faults;
use super::grants::Topic;
use super::ids;
use super::media::FileKind;
use super::server::{DivarServer, Shared};
use super::world::{Author, Conversation, Side, Text, With, World};

/// A message that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The id of the message.
    pub message: String,
    /// The id of the conversation.
    pub conversation: String,
    /// How many events were put on their way: none where the app has no address, or nobody subscribed.
    pub pushes: usize,
}

/// What a person sends that is not a text.
#[derive(Debug, Clone)]
pub enum Media {
    /// A picture.
    Image {
        /// The name on the person's device.
        name: String,
        /// What is in it.
        bytes: Bytes,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A document.
    File {
        /// The name on the person's device.
        name: String,
        /// What is in it.
        bytes: Bytes,
    },
    /// A recorded voice.
    Voice {
        /// What is in it.
        bytes: Bytes,
    },
    /// A film.
    Video {
        /// What is in it.
        bytes: Bytes,
        /// A picture from it.
        thumbnail: Bytes,
    },
    /// A place, in degrees.
    Location {
        /// To the north.
        latitude: f64,
        /// To the east.
        longitude: f64,
    },
    /// Somebody's phone.
    Contact {
        /// Whose.
        name: Option<String>,
        /// The number.
        phone: String,
    },
    /// A kind of message that no page of Divar tells of, such as `STICKER`.
    Other {
        /// What stands in `type`.
        kind: String,
    },
}

/// Where on Divar a person opens the chatbot: Divar's page `flow/touchpoints.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touchpoint {
    /// The page of a post of theirs.
    MyPost(Option<String>),
    /// The page about themselves.
    MyDivar,
    /// The page for those who sell much.
    DivarPro,
    /// A conversation about a post, by its id.
    Chat(Option<String>),
    /// The page of somebody else's post.
    DemandPost(Option<String>),
}

impl Touchpoint {
    /// The first message that opening it writes.
    #[must_use]
    pub fn text(&self) -> String {
        let (name, what) = match self {
            Self::MyPost(post) => ("MY_POST", post.as_deref()),
            Self::MyDivar => ("MY_DIVAR", None),
            Self::DivarPro => ("DIVAR_PRO", None),
            Self::Chat(conversation) => ("CHAT", conversation.as_deref()),
            Self::DemandPost(post) => ("DEMAND_POST", post.as_deref()),
        };
        what.map_or_else(|| format!("/start {name}"), |what| format!("/start {name} {what}"))
    }
}

impl DivarServer {
    /// A person writes to the chatbot.
    ///
    /// # Errors
    /// As all that people do: if nobody is called so, or the server keeps no more.
    pub fn say(&self, person: &str, text: &str) -> Result<Posted, Error> {
        let mut world = self.shared().world();
        let id = world.person(person)?.chatbot.clone();
        self.shared().write(&mut world, &id, None, &Shape::Text(text.to_owned()))
    }

    /// A person opens the chatbot from somewhere, which writes the first message for them.
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub fn start_chat(&self, person: &str, from: &Touchpoint) -> Result<Posted, Error> {
        self.say(person, &from.text())
    }

    /// A person sends the chatbot something that is not a text.
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub fn send_media(&self, person: &str, media: Media) -> Result<Posted, Error> {
        let id = self.shared().world().person(person)?.chatbot.clone();
        let shape = self.shared().shape(media)?;
        self.shared().write(&mut self.shared().world(), &id, None, &shape)
    }

    /// Somebody writes in the conversation of a buyer about a post, which begins if it has not.
    ///
    /// # Errors
    /// As [`say`](Self::say), and if the post is not there, or the buyer's own.
    pub fn say_in_post(&self, post: &str, buyer: &str, side: Side, text: &str) -> Result<Posted, Error> {
        let mut world = self.shared().world();
        let id = world.begin_about(post, buyer)?;
        self.shared().write(&mut world, &id, Some(side), &Shape::Text(text.to_owned()))
    }

    /// The same with something that is not a text.
    ///
    /// # Errors
    /// As [`say_in_post`](Self::say_in_post).
    pub fn send_media_in_post(&self, post: &str, buyer: &str, side: Side, media: Media) -> Result<Posted, Error> {
        let id = self.shared().world().begin_about(post, buyer)?;
        let shape = self.shared().shape(media)?;
        self.shared().write(&mut self.shared().world(), &id, Some(side), &shape)
    }

    /// A person wants no messages of the chatbot any more, or wants them again.
    ///
    /// # Errors
    /// If nobody is called so.
    pub fn block(&self, person: &str, blocked: bool) -> Result<(), Error> {
        let mut world = self.shared().world();
        let id = world.person(person)?.chatbot.clone();
        world.conversation_mut(&id).ok_or(Error::NoConversation)?.block(person, blocked);
        Ok(())
    }

    /// A side of a conversation about a post wants no messages any more, or wants them again.
    ///
    /// # Errors
    /// If there is no such conversation.
    pub fn block_in_post(&self, post: &str, buyer: &str, side: Side, blocked: bool) -> Result<(), Error> {
        let mut world = self.shared().world();
        let id = world.about(post, buyer).ok_or(Error::NoConversation)?.to_owned();
        let (_, seller) = world.post(post)?;
        let by = if side == Side::Buyer { buyer.to_owned() } else { seller.to_owned() };
        world.conversation_mut(&id).ok_or(Error::NoConversation)?.block(&by, blocked);
        Ok(())
    }

    /// Tells those who subscribed what became of a post: `PUBLISH`, `ONGOING`, `RETIRE` or `ARCHIVE`. The last two come
    /// with the token alone, and not to those who subscribed to all posts of a person. Returns how many events were put
    /// on their way.
    ///
    /// # Errors
    /// If there is no such post, or the server keeps no more.
    pub fn update_post(&self, token: &str, kind: &str) -> Result<usize, Error> {
        let shared = self.shared();
        let faults = shared.faults().now;
        let world = shared.world();
        let (post, owner) = world.post(token)?;
        let is_over = matches!(kind, "RETIRE" | "ARCHIVE");
        let told = if is_over { json!({ "token": token }) } else { post.for_event() };
        let metadata: Vec<_> = {
            let grants = shared.grants();
            let subscribed = grants.subscribed(owner, Topic::Posts, token, shared.now());
            let subscribed = subscribed.into_iter().filter(|subscription| !is_over || subscription.post.is_some());
            subscribed.take(subscriptions(&faults)).map(|subscription| subscription.metadata.clone()).collect()
        };
        let push = |metadata: &Option<Map<String, Value>>| {
            shared.push(token, None, &events::post_update(kind, &told, metadata.as_ref()), &faults)
        };
        metadata.iter().map(push).sum()
    }

    /// Any JSON at all, as an event.
    ///
    /// # Errors
    /// If the server keeps no more.
    pub fn inject(&self, event: &Value) -> Result<usize, Error> {
        let faults = self.shared().faults().now;
        self.shared().push("injected", None, event, &faults)
    }
}

/// How many subscriptions for one thing count.
fn subscriptions(faults: &Faults) -> usize {
    if faults.per_subscription { usize::MAX } else { 1 }
}

impl Shared {
    /// Writes a person's message into a conversation and tells the app of it.
    fn write(
        self: &Arc<Self>,
        world: &mut World,
        id: &str,
        side: Option<Side>,
        shape: &Shape,
    ) -> Result<Posted, Error> {
        let faults = self.faults().now;
        let (micros, texts) = (world.stamp(self.now()), world.texts());
        let conversation = world.conversation_mut(id).ok_or(Error::NoConversation)?;
        let (message, author) = (ids::message(micros), Author { bot: false, side });
        let event = events::message(&message, conversation, author, micros, shape, &faults);
        let pushes = self.announce(conversation, &event, &faults)?;
        if let Shape::Text(text) = shape {
            conversation.note(Text { id: message.clone(), micros, author, text: text.clone() }, texts);
        }
        Ok(Posted { message, conversation: id.to_owned(), pushes })
    }

    /// Pushes a message to whoever shall hear of it. Returns how many events that makes.
    pub(super) fn announce(
        self: &Arc<Self>,
        conversation: &Conversation,
        message: &Value,
        faults: &Faults,
    ) -> Result<usize, Error> {
        let push = |event: &Value| self.push(&conversation.id, Some(&conversation.id), event, faults);
        match &conversation.with {
            With::Chatbot { .. } => push(&events::to_chatbot(message)),
            With::Post { post, seller, .. } => {
                let metadata: Vec<_> = {
                    let grants = self.grants();
                    let subscribed = grants.subscribed(seller, Topic::Messages, post, self.now()).into_iter();
                    subscribed.take(subscriptions(faults)).map(|subscription| subscription.metadata.clone()).collect()
                };
                metadata.iter().map(|metadata| push(&events::about_post(message, metadata.as_ref()))).sum()
            }
        }
    }

    /// Keeps the files of a message, and says where they lie.
    fn shape(&self, media: Media) -> Result<Shape, Error> {
        let mut files = self.media();
        let mut put = |kind, name: &str, bytes: Bytes| {
            let size = bytes.len();
            files.put(&self.base, kind, name, bytes).map(|file| (file.link, size))
        };
        Ok(match media {
            Media::Image { name, bytes, width, height } => {
                let (link, size) = put(FileKind::Image, &name, bytes)?;
                Shape::Image { link, size, width, height }
            }
            Media::File { name, bytes } => {
                let (link, size) = put(FileKind::File, &name, bytes)?;
                Shape::File { link, size, name }
            }
            Media::Voice { bytes } => {
                let (link, size) = put(FileKind::Voice, "voice.m4a", bytes)?;
                Shape::Voice { link, size }
            }
            Media::Video { bytes, thumbnail } => {
                let (thumbnail, _) = put(FileKind::Image, "thumbnail.jpg", thumbnail)?;
                let (link, size) = put(FileKind::Video, "video.mp4", bytes)?;
                Shape::Video { link, size, thumbnail }
            }
            Media::Location { latitude, longitude } => Shape::Location { latitude, longitude },
            Media::Contact { name, phone } => Shape::Contact { name, phone },
            Media::Other { kind } => Shape::Other(kind),
        })
    }
}
