//! The local Divar keeps the promises of its interface: over real TCP, as an app meets it.

mod hostile;
mod kit;
mod limits;
mod media;
mod oauth;
mod press;
mod push;
mod read;
mod send;
mod subscribe;
mod terminal;
