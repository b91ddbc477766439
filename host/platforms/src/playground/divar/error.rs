//! What the people's side of the server can be told instead of an answer.

use std::io;
use std::time::Duration;

/// Why a call on the server had no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No port could be taken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The app cannot be set up so.
    #[error("the app cannot be set up so: {0}")]
    BadApp(String),
    /// Nobody has this name.
    #[error("nobody is called {0:?}")]
    UnknownPerson(String),
    /// No post has this token.
    #[error("no post has the token {0:?}")]
    UnknownPost(String),
    /// No conversation is there.
    #[error("there is no such conversation")]
    NoConversation,
    /// The message is not there, or shows this person no button in this place.
    #[error("there is no such button")]
    NoButton,
    /// Only the owner of a post may do this.
    #[error("only the owner of the post may do this")]
    NotOwner,
    /// The app has not said where its server is.
    #[error("the app has no address for {0}")]
    NoAddress(&'static str),
    /// The app's server could not be reached, or gave no answer in time.
    #[error("the app's server did not answer: {0}")]
    NoAnswer(String),
    /// The app's server answered something that Divar cannot use.
    #[error("the app's server gave a bad answer (HTTP {status}): {reason}")]
    BadAnswer {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// The consent page shows an error instead of a question.
    #[error("the consent page says: {0}")]
    NoConsentPage(String),
    /// A limit of what the server keeps is reached.
    #[error("the server keeps {limit} {what} already")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// What was waited for did not happen in time.
    #[error("not seen within {waited:?}; seen so far: {seen}")]
    TimedOut {
        /// How long the wait was.
        waited: Duration,
        /// How many of them had been seen.
        seen: u64,
    },
}
