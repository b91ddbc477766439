//! What a test says there is on Divar.

use super::TestHost;
use crate::divar::{Post, PostSummary, User};
use crate::{Bot, Error};

/// A consent that a bot has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Through which connection.
    pub connection: String,
    /// What the person is to grant.
    pub scopes: Vec<String>,
    /// The bot's own.
    pub data: String,
    /// What the bot was given to send to the person.
    pub address: String,
}

impl<B: Bot + Default> TestHost<B> {
    /// With this ad on Divar.
    #[must_use]
    pub fn post(mut self, post: Post) -> Self {
        self.lasting.divar.posts.insert(post.token.clone(), post);
        self
    }

    /// With a person there who has consented to be known, and whose ads are these.
    #[must_use]
    pub fn user(mut self, id: &str, user: User, posts: Vec<PostSummary>) -> Self {
        self.lasting.divar.users.insert(id.into(), user);
        self.lasting.divar.posts_of.insert(id.into(), posts);
        self
    }

    /// From now on Divar answers everything so; with `None` it is well again.
    pub fn trouble(&mut self, trouble: Option<Error>) {
        self.lasting.divar.trouble = trouble;
    }
}
