//! Divar itself, as far as an app can see it: people, their posts, and who talks to whom.

use std::collections::{HashMap, HashSet, VecDeque};

use hodhod_core::time::Millis;

use super::app::{Person, Post};
use super::error::Error;
use super::ids;
use super::sent::SentLog;
use super::settings::Limits;

/// A side of a conversation about a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The owner of the post.
    Seller,
    /// Whoever asks about it.
    Buyer,
}

impl Side {
    /// As a message names it.
    pub(super) fn of_message(self) -> &'static str {
        match self {
            Self::Seller => "SELLER",
            Self::Buyer => "BUYER",
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Author {
    /// An app, on somebody's behalf or as a chatbot.
    pub(super) bot: bool,
    /// Which side, in a conversation about a post.
    pub(super) side: Option<Side>,
}

/// Who is in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum With {
    /// The app's chatbot and one person.
    Chatbot { person: String },
    /// Two people, about a post.
    Post { post: String, seller: String, buyer: String },
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) with: With,
    /// The newest texts, oldest first.
    pub(super) texts: VecDeque<Text>,
    blocked_by: HashSet<String>,
}

/// A text message, as it can be read again.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) id: String,
    pub(super) micros: u64,
    pub(super) author: Author,
    pub(super) text: String,
}

impl Conversation {
    fn new(id: String, with: With) -> Self {
        Self { id, with, texts: VecDeque::new(), blocked_by: HashSet::new() }
    }

    pub(super) fn post(&self) -> Option<&str> {
        match &self.with {
            With::Chatbot { .. } => None,
            With::Post { post, .. } => Some(post),
        }
    }

    /// Whether this person is in it.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.with {
            With::Chatbot { person } => person == name,
            With::Post { seller, buyer, .. } => seller == name || buyer == name,
        }
    }

    /// The side of this person; `None` where there are no sides, or the person is not in it.
    pub(super) fn side(&self, name: &str) -> Option<Side> {
        match &self.with {
            With::Post { seller, .. } if seller == name => Some(Side::Seller),
            With::Post { buyer, .. } if buyer == name => Some(Side::Buyer),
            _ => None,
        }
    }

    /// Whether somebody in it wants no messages.
    pub(super) fn is_blocked(&self) -> bool {
        !self.blocked_by.is_empty()
    }

    pub(super) fn block(&mut self, by: &str, blocked: bool) {
        if blocked {
            self.blocked_by.insert(by.to_owned());
        } else {
            self.blocked_by.remove(by);
        }
    }

    /// Keeps a text, and no more of them than this.
    pub(super) fn note(&mut self, text: Text, most: usize) {
        self.texts.push_back(text);
        while self.texts.len() > most {
            self.texts.pop_front();
        }
    }
}

/// Somebody, as the app may come to know them.
#[derive(Debug)]
pub(super) struct Somebody {
    pub(super) id: String,
    pub(super) phone: String,
    /// Their conversation with the app's chatbot.
    pub(super) chatbot: String,
    pub(super) posts: Vec<String>,
}

pub(super) struct World {
    app: String,
    limits: Limits,
    people: HashMap<String, Somebody>,
    /// By `user_id`.
    names: HashMap<String, String>,
    /// With the owner's name.
    posts: HashMap<String, (Post, String)>,
    conversations: HashMap<String, Conversation>,
    /// By post and buyer.
    about: HashMap<(String, String), String>,
    pub(super) sent: SentLog,
    last_micros: u64,
}

impl World {
    pub(super) fn new(app: &str, limits: Limits) -> Self {
        Self {
            app: app.to_owned(),
            limits,
            people: HashMap::new(),
            names: HashMap::new(),
            posts: HashMap::new(),
            conversations: HashMap::new(),
            about: HashMap::new(),
            sent: SentLog::new(limits),
            last_micros: 0,
        }
    }

    pub(super) fn add(&mut self, person: Person) -> Result<(), Error> {
        let id = person.id_in(&self.app);
        if self.people.contains_key(&person.name) || self.names.contains_key(&id) {
            return Err(Error::BadApp(format!("two people are {:?}", person.name)));
        }
        if self.people.len() >= self.limits.people {
            return Err(Error::Full { what: "people", limit: self.limits.people });
        }
        let chatbot = ids::conversation();
        let with = With::Chatbot { person: person.name.clone() };
        self.conversations.insert(chatbot.clone(), Conversation::new(chatbot.clone(), with));
        self.names.insert(id.clone(), person.name.clone());
        let somebody = Somebody { id, phone: person.phone, chatbot, posts: Vec::new() };
        self.people.insert(person.name.clone(), somebody);
        person.posts.into_iter().try_for_each(|post| self.put_post(&person.name, post))
    }

    /// Adds a post, or changes one.
    pub(super) fn put_post(&mut self, owner: &str, post: Post) -> Result<(), Error> {
        if !post.has_good_token() {
            return Err(Error::BadApp(format!("{:?} is no token of a post", post.token)));
        }
        let full = self.posts.len() >= self.limits.posts;
        let somebody = self.people.get_mut(owner).ok_or_else(|| Error::UnknownPerson(owner.to_owned()))?;
        match self.posts.get(&post.token) {
            Some((_, other)) if other != owner => return Err(Error::NotOwner),
            Some(_) => {}
            None if full => return Err(Error::Full { what: "posts", limit: self.limits.posts }),
            None => somebody.posts.push(post.token.clone()),
        }
        self.posts.insert(post.token.clone(), (post, owner.to_owned()));
        Ok(())
    }

    pub(super) fn person(&self, name: &str) -> Result<&Somebody, Error> {
        self.people.get(name).ok_or_else(|| Error::UnknownPerson(name.to_owned()))
    }

    /// The names of all, in order.
    pub(super) fn everybody(&self) -> Vec<String> {
        let mut names: Vec<_> = self.people.keys().cloned().collect();
        names.sort();
        names
    }

    pub(super) fn by_phone(&self, phone: &str) -> Option<&Somebody> {
        self.people.values().find(|somebody| somebody.phone == phone)
    }

    /// A post and its owner's name.
    pub(super) fn post(&self, token: &str) -> Result<(&Post, &str), Error> {
        let post = self.posts.get(token).map(|(post, owner)| (post, owner.as_str()));
        post.ok_or_else(|| Error::UnknownPost(token.to_owned()))
    }

    pub(super) fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.conversations.get(id)
    }

    pub(super) fn conversation_mut(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations.get_mut(id)
    }

    /// The conversation of a buyer about a post, if there is one.
    pub(super) fn about(&self, post: &str, buyer: &str) -> Option<&str> {
        self.about.get(&(post.to_owned(), buyer.to_owned())).map(String::as_str)
    }

    /// The same, begun if there is none and there may be one.
    pub(super) fn begin_about(&mut self, post: &str, buyer: &str) -> Result<String, Error> {
        if let Some(id) = self.about(post, buyer) {
            return Ok(id.to_owned());
        }
        self.person(buyer)?;
        let (about, seller) = self.post(post)?;
        if seller == buyer || !about.chat_enabled {
            return Err(Error::NoConversation);
        }
        if self.about.len() >= self.limits.conversations {
            return Err(Error::Full { what: "conversations", limit: self.limits.conversations });
        }
        let with = With::Post { post: post.to_owned(), seller: seller.to_owned(), buyer: buyer.to_owned() };
        let id = ids::conversation();
        self.conversations.insert(id.clone(), Conversation::new(id.clone(), with));
        self.about.insert((post.to_owned(), buyer.to_owned()), id.clone());
        Ok(id)
    }

    /// The time of a message, in microseconds: later than every one before.
    pub(super) fn stamp(&mut self, now: Millis) -> u64 {
        self.last_micros = now.0.saturating_mul(1000).max(self.last_micros + 1);
        self.last_micros
    }

    /// How many texts of a conversation are kept.
    pub(super) fn texts(&self) -> usize {
        self.limits.messages
    }
}
