//! Divar: the chats of Kenar, the platform of its apps.

mod config;
mod oauth;

pub use config::{DivarConfig, OAuthConfig, Options};
pub use oauth::{NoToken, OAuth, SetupError};
