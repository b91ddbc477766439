//! The Divar of a test.

use std::collections::BTreeMap;

use super::with;
use crate::divar::{Post, PostSummary, User};
use crate::testing::Asked;
use crate::{Chat, Error};

/// What there is on Divar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kenar {
    pub(crate) posts: BTreeMap<String, Post>,
    pub(crate) posts_of: BTreeMap<String, Vec<PostSummary>>,
    pub(crate) users: BTreeMap<String, User>,
    /// What it answers to everything, where something is wrong with it.
    pub(crate) trouble: Option<Error>,
    /// How many consents were ever asked for, which makes their addresses.
    consents: u64,
}

fn ask<T>(answer: impl FnOnce(&mut Kenar) -> Option<T>) -> Result<T, Error> {
    with(|world| match &world.lasting.divar.trouble {
        Some(trouble) => Err(trouble.clone()),
        None => answer(&mut world.lasting.divar).ok_or_else(|| Error::Other("refused: there is no such thing".into())),
    })
}

pub(crate) fn get_post(_connection: &str, token: &str) -> Result<Post, Error> {
    ask(|divar| divar.posts.get(token).cloned())
}

pub(crate) fn user_posts(_connection: &str, user: &str) -> Result<Vec<PostSummary>, Error> {
    ask(|divar| divar.posts_of.get(user).cloned())
}

pub(crate) fn get_user(_connection: &str, user: &str) -> Result<User, Error> {
    ask(|divar| divar.users.get(user).cloned())
}

pub(crate) fn open_chat(connection: &str, user: &str) -> Result<Chat, Error> {
    Ok(Chat { connection: connection.into(), id: format!("user:{user}") })
}

pub(crate) fn request_consent(connection: &str, scopes: &[String], data: &str) -> Result<String, Error> {
    let number = ask(|divar| {
        divar.consents += 1;
        Some(divar.consents)
    })?;
    let address = format!("https://consent.example/{number}");
    let asked =
        Asked { connection: connection.into(), scopes: scopes.into(), data: data.into(), address: address.clone() };
    with(|world| world.asked.push(asked));
    Ok(address)
}
