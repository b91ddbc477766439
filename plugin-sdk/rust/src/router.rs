//! From a text to the function that handles it: commands, words, and a help that lists them.

use crate::text::{is_blank, match_key};
use crate::{Context, Result};

/// Handles a command: the bot, the turn, and what came after the command's name (nothing after a
/// word). A method of the bot fits, and so does a closure that captures nothing.
pub type Handler<B> = fn(&mut B, &Context, &str) -> Result;

/// A table of what a bot understands.
///
/// A *command* is `/name` and perhaps arguments: «/add ۵». A *word* is a whole text: «آمار». Names
/// are compared whole, by their [`match_key`], so `/startx` is not `/start` while `/Start` is, and
/// so is «/start@some_bot» from a group. `/help` answers with the table unless the bot has a help
/// of its own.
///
/// ```
/// use hodhod_plugin::{Bot, Context, Result, Router};
///
/// #[derive(Default)]
/// struct Shop;
///
/// impl Shop {
///     fn router() -> Router<Self> {
///         Router::new()
///             .about("فروشگاه من")
///             .command("price", "بهای یک کالا", Self::price)
///             .word("کالاها", "فهرست کالاها", Self::list)
///             .fallback(|_, ctx, text| {
///                 ctx.reply(format!("«{text}» را نمی‌شناسم؛ /help"))?;
///                 Ok(())
///             })
///     }
///
///     fn price(&mut self, ctx: &Context, name: &str) -> Result {
///         ctx.reply(format!("بهای {name}؟"))?;
///         Ok(())
///     }
///
///     fn list(&mut self, ctx: &Context, _: &str) -> Result {
///         ctx.reply("سیب، انار")?;
///         Ok(())
///     }
/// }
///
/// impl Bot for Shop {
///     fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
///         Self::router().text(self, ctx, text)
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Router<B> {
    about: Option<&'static str>,
    entries: Vec<Entry<B>>,
    unknown: Option<Handler<B>>,
    fallback: Option<Handler<B>>,
}

#[derive(Debug)]
struct Entry<B> {
    command: bool,
    name: &'static str,
    help: &'static str,
    handler: Handler<B>,
}

impl<B> Router<B> {
    /// A table that understands `/help` only.
    pub fn new() -> Self {
        Self { about: None, entries: Vec::new(), unknown: None, fallback: None }
    }

    /// The first line of the help.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// Understands `/name`. With an empty help it works without being listed.
    #[must_use]
    pub fn command(self, name: &'static str, help: &'static str, handler: Handler<B>) -> Self {
        self.entry(Entry { command: true, name: name.strip_prefix('/').unwrap_or(name), help, handler })
    }

    /// Understands a text that is this word or phrase and nothing more, such as a button's label.
    #[must_use]
    pub fn word(self, word: &'static str, help: &'static str, handler: Handler<B>) -> Self {
        self.entry(Entry { command: false, name: word, help, handler })
    }

    /// Takes every command that is not in the table, as it was written. Without it such a command
    /// goes where other texts go.
    #[must_use]
    pub fn unknown(mut self, handler: Handler<B>) -> Self {
        self.unknown = Some(handler);
        self
    }

    /// Takes every text that is not in the table, as it was written. Without it such a text is
    /// left alone.
    #[must_use]
    pub fn fallback(mut self, handler: Handler<B>) -> Self {
        self.fallback = Some(handler);
        self
    }

    /// Handles a text.
    pub fn text(&self, bot: &mut B, ctx: &Context, text: &str) -> Result {
        match self.find(text) {
            Found::Entry(entry, arguments) => (entry.handler)(bot, ctx, arguments),
            Found::Help(help) => {
                ctx.reply(help)?;
                Ok(())
            }
            Found::Unknown => or_nothing(self.unknown.or(self.fallback), bot, ctx, text),
            Found::Nothing => or_nothing(self.fallback, bot, ctx, text),
        }
    }

    /// Handles the opening of a conversation: the command `start`, if there is one, with the
    /// payload as its arguments.
    pub fn start(&self, bot: &mut B, ctx: &Context, payload: Option<&str>) -> Result {
        let handler = self.command_named("start").map(|entry| entry.handler);
        or_nothing(handler, bot, ctx, payload.unwrap_or_default())
    }

    /// What `/help` answers: a line for each command and word that has a help.
    pub fn help(&self) -> String {
        let mut help = self.about.unwrap_or_default().to_owned();
        for entry in self.entries.iter().filter(|entry| !entry.help.is_empty()) {
            if !help.is_empty() {
                help.push('\n');
            }
            if entry.command {
                help.push('/');
            }
            help.push_str(entry.name);
            help.push_str(" – ");
            help.push_str(entry.help);
        }
        help
    }

    fn entry(mut self, entry: Entry<B>) -> Self {
        self.entries.push(entry);
        self
    }

    fn find<'a, 't>(&'a self, text: &'t str) -> Found<'a, 't, B> {
        if let Some((name, arguments)) = command_of(text) {
            return match self.command_named(name) {
                Some(entry) => Found::Entry(entry, arguments),
                None if match_key(name) == "help" => match self.help() {
                    help if help.is_empty() => Found::Unknown,
                    help => Found::Help(help),
                },
                None => Found::Unknown,
            };
        }
        if self.entries.iter().all(|entry| entry.command) {
            return Found::Nothing;
        }
        let key = match_key(text);
        let word = self.entries.iter().find(|entry| !entry.command && match_key(entry.name) == key);
        word.map_or(Found::Nothing, |entry| Found::Entry(entry, ""))
    }

    fn command_named(&self, name: &str) -> Option<&Entry<B>> {
        let key = match_key(name);
        self.entries.iter().find(|entry| entry.command && match_key(entry.name) == key)
    }
}

impl<B> Default for Router<B> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a text turned out to be.
enum Found<'a, 't, B> {
    Entry(&'a Entry<B>, &'t str),
    Help(String),
    /// A command, but none of the table's.
    Unknown,
    Nothing,
}

fn or_nothing<B>(handler: Option<Handler<B>>, bot: &mut B, ctx: &Context, text: &str) -> Result {
    handler.map_or(Ok(()), |handler| handler(bot, ctx, text))
}

/// The name and the arguments of a command; `None` for a text that is none.
fn command_of(text: &str) -> Option<(&str, &str)> {
    let command = text.trim_start_matches(is_blank).strip_prefix('/')?;
    let (name, arguments) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let name = name.split_once('@').map_or(name, |(name, _bot)| name);
    (!name.is_empty()).then(|| (name, arguments.trim()))
}
