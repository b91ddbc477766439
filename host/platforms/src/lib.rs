//! The messengers that hodhod speaks, one module each. They know the joint in `hodhod-core` and
//! nothing of bots, lanes or the store, and not one another.

pub mod divar;
pub mod playground;
pub mod soroush;
