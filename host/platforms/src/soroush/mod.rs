//! Soroush: the bot interface that pushes messages as server-sent events.
//!
//! One endless `GET …/getMessage` brings the messages, `POST …/sendMessage` takes the replies, and
//! the token stands in the path of both. The interface is small and old: messages have no id,
//! nothing is acknowledged, and what was sent while nobody listened comes in a burst later. So the
//! rules here are about not losing, not doubling and not stalling:
//!
//! | file | its idea |
//! |---|---|
//! | `normalise`, `object` | any bytes become clean, bounded frames, each as early as it is complete |
//! | `decode` | frames become events; the whole way from bytes without a network |
//! | `wire`, `incoming`, `keys` | one JSON object becomes one event, whatever its shape |
//! | `outgoing` | a message becomes the JSON that the platform takes |
//! | `api`, `judge` | the calls, and what their answers prove |
//! | `download`, `upload` | the bytes of files, as they come and go |
//! | `receive`, `patience` | the endless loop: connect, hand over, wait, connect again |
//! | `config`, `status`, `token` | what the operator says, what he is told, and what nobody is told |
//!
//! Facts come from the platform's developer page (`bot.sapp.ir`, "Soroush bot API") and from the
//! official SDKs (`soroush-app/bot-python-sdk`, `soroush-app/bot-php-sdk` on GitHub). Where these
//! contradict one another the code takes both, and the place says so.

mod api;
mod config;
mod connection;
mod decode;
mod download;
mod incoming;
mod judge;
mod keys;
mod normalise;
mod object;
mod outgoing;
mod patience;
mod receive;
mod status;
mod token;
mod upload;
mod wire;

pub use config::{AttachmentName, ConfigError, Options, SoroushConfig, StreamType, Timing};
pub use connection::{PACE_PER_CHAT, PACE_PER_CONNECTION, Soroush, private_chat};
pub use decode::Decoder;
