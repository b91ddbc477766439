//! What a bot does that stores things in another shape than its build before did.

use crate::{Bot, Context, Error};

/// A bot that brings what an earlier build has stored into the shape that this one reads.
///
/// It is exported beside the bot, by `hodhod_plugin::export!(Counter: Bot + Migrate)`; without that nobody calls it.
///
/// ```
/// use hodhod_plugin::{Bot, Context, Error, Migrate};
///
/// #[derive(Default)]
/// struct Counter;
///
/// impl Bot for Counter {}
///
/// impl Migrate for Counter {
///     fn migrate(&mut self, ctx: &Context, _from: &str) -> Result<(), Error> {
///         let values = ctx.bot_values();
///         if let Some(count) = values.get::<u64>("count")? {
///             values.set("total", count)?;
///             values.delete("count")?;
///         }
///         Ok(())
///     }
/// }
///
/// hodhod_plugin::export!(Counter: Bot + Migrate);
/// # fn main() {}
/// ```
pub trait Migrate: Bot {
    /// Called once, before this build serves, where another build of the bot served before. `from` is the version in
    /// that build's manifest, empty where it has none; it may also be a newer one. No event is handled meanwhile.
    ///
    /// There is no chat and no person, so of the values only [`bot_values`](Context::bot_values) are within reach:
    /// bring those of chats into shape when they are read. HTTP requests are refused.
    ///
    /// What it does takes effect together with the build. With an error, a panic or too much time nothing of it
    /// does, and the build before goes on serving.
    ///
    /// # Errors
    /// Why the values cannot be migrated, for the operator.
    fn migrate(&mut self, ctx: &Context, from: &str) -> Result<(), Error>;
}
