//! Consent: what people allow an app to do in their name, from the question to its end.
//!
//! A bot asks for the address of a question and sends it to a person. The person answers at Divar and comes
//! back with a code; the code becomes a pair of tokens, which is renewed for as long as the person wants. A
//! bot never sees one: it is told who granted what, and the host shows the tokens where they belong.
//!
//! | file | its idea |
//! |---|---|
//! | `joint` | what the rest of the connection asks of this folder |
//! | `setup`, `scope` | what the operator says, and allows |
//! | `consent`, `state` | the question's address, and what ties the answer to it |
//! | `callback`, `page`, `users` | a person comes back; what they see; who they are |
//! | `client`, `token` | requests; the server of the tokens |
//! | `grant`, `grants`, `links`, `person` | what was given, and by whom; where it is kept |
//! | `refresh`, `locks`, `subscribe`, `run` | the next pair, and what lives as long as a pair; the keeping of all |
//! | `tokens` | whose token it is that goes out |
//! | `told`, `revoke` | what bots are told; a person takes everything back |
//! | `calls` | what a bot can have done at once |
//!
//! # When the host dies in between
//!
//! Everything durable is in the vault, and each line is one change of it or one hand-over to the inbox.
//!
//! | it dies after | what that leaves |
//! |---|---|
//! | the state is kept | an address that nobody got; it ends in a quarter of an hour |
//! | a person's no is kept, and the state gone | the event, which [`OAuth::run`] hands over |
//! | the state is taken | a person who sees no page, or an error: the code may or may not be used. They ask again in the chat |
//! | the code is exchanged, before the grant is kept | the same, and tokens at Divar that nobody has; they end by themselves |
//! | the grant is kept | the event beside it, which is handed over later, and subscriptions to make |
//! | the event is in the inbox | the event beside the grant, which is handed over again and dropped by its key |
//! | a renewal is written down as tried | the old pair, good as before; the next try comes a second later |
//! | the server gave the next pair | the old pair, which lives two minutes more: the next try uses it |
//! | the next pair is kept | subscriptions of the old pair, which end with it, and new ones to make |
//! | a subscription is made | the same to make again; events that come twice are known by their ids |
//! | a person's tokens are gone | the event, which is handed over later; before it goes what is stored of the person |
//! | what is stored of a person is gone | the same to take away again, with what bots have kept since; events and consents that came since stay |
//! | it is noted that it is gone | the event, which is handed over later |
//!
//! A vault that takes no writes stops renewals before the server is asked, so a full disk costs nobody their
//! consent: the pair that is kept can be renewed for weeks.
//!
//! Facts come from Divar's developer pages (`oauth/ReadMe.md`, `oauth/get_user.md`, `events/ReadMe.md`,
//! `scopes/README.md`), from its OpenAPI document, and from RFC 6749.

mod callback;
mod calls;
mod client;
mod consent;
mod digest;
mod grant;
mod grants;
mod joint;
mod links;
mod locks;
mod page;
mod parts;
mod person;
mod refresh;
mod revoke;
mod run;
mod scope;
mod setup;
mod state;
mod subscribe;
mod token;
mod tokens;
mod told;
mod users;

pub use joint::OAuth;
pub use setup::SetupError;
pub use tokens::NoToken;
