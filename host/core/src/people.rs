//! People: which of a host's rows are somebody's, so that they can be shown to them, and go.
//!
//! The store finds rows by chat, and the vault by person; who wrote an event stands in the event alone. So what is
//! somebody's is searched for, a few rows at a time, from one kind of row to the next: [`Search`]. The order is
//! that in which one kind becomes another, as a timer becomes an event, so that nothing gets past the search.
//!
//! What a bot keeps in its own bucket, and what it sent elsewhere, nobody can tell the person of.

mod item;
mod search;
mod wishes;

use serde::{Deserialize, Serialize};

pub use self::item::{Item, Stored};
use self::search::Doing;
pub use self::search::{Place, Row, Search};
pub(crate) use self::wishes::{Wish, Wishes};
use crate::event::Event;
use crate::ids::{Chat, ChatId, ConnectionName, InboxSeq, SenderId};
use crate::store::{Erased, Rows, StoreError};
use crate::time::Millis;
use crate::values::Bucket;

/// Bytes of what is stored that a page of it holds, unless one row has more.
const PAGE_BYTES: usize = 1 << 20;

/// Most rows of a page.
const PAGE_ROWS: usize = 500;

/// Somebody, as far as a host can tell: by the id that a platform gives them, by chats, or by both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    connection: ConnectionName,
    user: Option<SenderId>,
    chats: Vec<ChatId>,
}

impl Person {
    /// Whoever has this id on a connection.
    pub fn known_as(connection: ConnectionName, user: SenderId) -> Self {
        Self { connection, user: Some(user), chats: Vec::new() }
    }

    /// Whoever is in this chat of a connection.
    pub fn in_chat(connection: ConnectionName, chat: ChatId) -> Self {
        Self { connection, user: None, chats: vec![chat] }
    }

    /// With a chat that is theirs alone.
    #[must_use]
    pub fn with_chat(mut self, chat: ChatId) -> Self {
        if !self.chats.contains(&chat) {
            self.chats.push(chat);
        }
        self
    }

    /// Where they are known.
    pub fn connection(&self) -> &ConnectionName {
        &self.connection
    }

    /// As whom they are known.
    pub fn user(&self) -> Option<&SenderId> {
        self.user.as_ref()
    }

    /// The chats that are theirs.
    pub fn chats(&self) -> &[ChatId] {
        &self.chats
    }

    /// The buckets of every bot that are theirs.
    fn buckets(&self) -> Vec<Bucket> {
        let user = self.user.iter().map(|user| Bucket::User(self.connection.clone(), user.clone()));
        user.chain(self.chats.iter().map(|chat| Bucket::Chat(Chat::new(self.connection.clone(), chat.clone()))))
            .collect()
    }

    fn has_chat(&self, chat: &Chat) -> bool {
        chat.connection == self.connection && self.chats.contains(&chat.id)
    }

    /// True where an event of theirs may wait in a chat.
    pub(crate) fn may_be_in(&self, chat: &Chat) -> bool {
        chat.connection == self.connection && (self.user.is_some() || self.has_chat(chat))
    }

    /// True if an event that waits in a chat is theirs.
    pub(crate) fn is_behind(&self, chat: &Chat, event: &Event) -> bool {
        self.has_chat(chat)
            || chat.connection == self.connection && self.user.as_ref().is_some_and(|user| event.is_of(user))
    }
}

/// A moment, which tells what came from outside before it from what came later, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Events that came later have larger rows.
    pub row: InboxSeq,
    /// Records of the vault that are newer were written later.
    pub time: Millis,
}

/// A part of what is stored of somebody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// What is stored. Nothing only where there is no more.
    pub items: Vec<Item>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

/// A part of what is stored of somebody, from a place on. Not all of one moment: what comes and goes meanwhile may be
/// in it or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn export(search: &Search, from: Option<Place>) -> Result<Page, StoreError> {
    let mut page = Page { items: Vec::new(), next: Some(from.unwrap_or_default()) };
    let mut bytes = 0;
    while let Some(place) = page.next.clone() {
        let (rows, next) = search.step(place, Doing::Show).await?;
        for row in rows {
            // It may have gone since it was found.
            let Some(item) = search.open(&row).await? else { continue };
            bytes += item.weight();
            if !page.items.is_empty() && bytes > PAGE_BYTES {
                return Ok(page);
            }
            page.items.push(item);
            page.next = Some(search.behind(&row));
        }
        page.next = next;
        if page.items.len() >= PAGE_ROWS {
            break;
        }
    }
    Ok(page)
}

/// Takes away all that is stored of somebody, some rows in each transaction, and tells `gone` of each. Gives how much
/// it was, and up to which row no event of theirs is left. What waits to tell bots that they are gone stays. Where it fails some of it is gone; it may be asked again.
///
/// # Errors
/// When the store cannot be read, or refuses.
pub async fn erase(search: &Search, gone: impl FnMut(&Rows)) -> Result<(Erased, InboxSeq), StoreError> {
    erase_from(search, Place::default(), gone).await
}

async fn erase_from(
    search: &Search,
    place: Place,
    mut gone: impl FnMut(&Rows),
) -> Result<(Erased, InboxSeq), StoreError> {
    let (mut erased, mut upto) = (Erased::default(), InboxSeq(0));
    let mut next = Some(place);
    while let Some(place) = next {
        let found;
        (found, next) = search.step(place, Doing::Erase).await?;
        if let Some(Place::Events { after }) = &next {
            upto = *after;
        }
        if found.is_empty() {
            continue;
        }
        let mut rows = Rows::default();
        found.into_iter().for_each(|row| row.put_into(&mut rows));
        erased += search.store().erase(rows.clone()).await?;
        gone(&rows);
    }
    Ok((erased, upto))
}

/// Takes away the records of somebody in the vault once more, and gives how many there were.
///
/// # Errors
/// Like [`erase`].
pub async fn erase_records(search: &Search) -> Result<Erased, StoreError> {
    erase_from(search, Place::Records { after: 0 }, |_| ()).await.map(|(erased, _)| erased)
}
