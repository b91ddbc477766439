//! `hodhod user`: what is stored of a person, shown and erased. A host that uses the state folder does it itself; where
//! none does, this process does it on the database.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hodhod_core::host::{Erasure, clear_log};
use hodhod_core::ids::ConnectionName;
use hodhod_core::people::{self, Item, Person, Search, Stored};
use hodhod_core::store::Erased;
use hodhod_core::time::Millis;
use hodhod_core::vault::Vaults;
use hodhod_store::{OpenError, Options, SqliteStore};
use hodhod_web::admin::Kept;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::asked::Asking;
use super::client::{Client, Refused};
use super::output::{Answer, table, time};
use crate::clock::SystemClock;
use crate::state_key::StateKey;
use crate::{config, log, wiring};

/// How long a host may take to look through all that waits for a part of what is stored.
const SHOW_PATIENCE: Duration = Duration::from_secs(120);

/// How long it may take to erase: turns under way end first, which may be 10 minutes.
const ERASE_PATIENCE: Duration = Duration::from_secs(900);

/// What is to be done for a person.
#[derive(Debug, clap::Subcommand)]
pub(super) enum User {
    /// Shows all that is stored of somebody.
    Export(Export),
    /// Erases all that is stored of somebody, for good.
    Erase(Erase),
}

/// Shows what is stored of somebody.
#[derive(Debug, clap::Args)]
#[group(id = "whose", args = ["user", "chat"], required = true, multiple = false)]
pub(super) struct Export {
    /// The connection, by its name in the configuration.
    connection: String,
    /// Whoever has this id on the platform.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Whoever is in the chat with this id.
    #[arg(long, value_name = "ID")]
    chat: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// Erases what is stored of somebody.
#[derive(Debug, clap::Args)]
#[group(id = "whose", args = ["user", "chat", "lost"], required = true, multiple = false)]
pub(super) struct Erase {
    /// The connection, by its name in the configuration.
    connection: String,
    /// Whoever has this id on the platform.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Whoever is in the chat with this id.
    #[arg(long, value_name = "ID")]
    chat: Option<String>,
    /// Records of the vault that do not open any more, because the key of the state folder is another one.
    #[arg(long)]
    lost: bool,
    /// Does it: there is no way back.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Who is meant.
struct Whose<'a> {
    connection: &'a str,
    user: Option<&'a str>,
    chat: Option<&'a str>,
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        log::start_quiet("warn");
        match self {
            Self::Export(export) => export.run(),
            Self::Erase(erase) => erase.run(),
        }
    }
}

impl Export {
    fn run(self) -> anyhow::Result<ExitCode> {
        Answer::from(self.shown()).print(self.asking.json, words)
    }

    fn shown(&self) -> anyhow::Result<All> {
        let whose = Whose { connection: &self.connection, user: self.user.as_deref(), chat: self.chat.as_deref() };
        by_whoever_can(&self.asking, |folder| folder.show(&whose), |client| asked(client, &whose))
    }
}

impl Erase {
    fn run(self) -> anyhow::Result<ExitCode> {
        Answer::from(self.erased()).print(self.asking.json, |erasure| {
            let Erasure { erased, log_is_clear, has_lost } = *erasure;
            let mut text = format!("erased: {}", counts(&erased));
            if self.lost {
                return text;
            }
            text.push_str("\nwhat is left are hashes of keys of events, until `remember`, and backups and logs that were made before");
            if !log_is_clear {
                text.push_str("\nsomething reads the database just now: its log holds it until it starts over, at the latest at the next stop");
            }
            if has_lost {
                text.push_str(&lost(&self.connection));
            }
            text
        })
    }

    fn erased(&self) -> anyhow::Result<Erasure> {
        if !self.yes {
            bail!("what is erased is gone for good: say --yes; `hodhod user export` shows what it would be");
        }
        let whose = Whose { connection: &self.connection, user: self.user.as_deref(), chat: self.chat.as_deref() };
        by_whoever_can(
            &self.asking,
            |folder| if self.lost { folder.drop_lost(&self.connection) } else { folder.erase(&whose) },
            |client| {
                let ask = client.post(&["api", "people", &self.connection, "erase"]).patience(ERASE_PATIENCE);
                let ask = ask.with("user", whose.user).with("chat", whose.chat);
                ask.with("lost", self.lost.then_some(true)).answer()
            },
        )
    }
}

/// Has it done by a host that holds the state folder, or else by this process.
fn by_whoever_can<T>(
    asking: &Asking,
    here: impl FnOnce(Folder) -> anyhow::Result<T>,
    there: impl FnOnce(&Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(state) = asking.state()? else { return there(&asking.client()?) };
    let not_here = match Folder::open(&state, asking.config())? {
        Opened::Here(folder) => return here(*folder),
        Opened::InUse => format!("the state folder {} is in use, and no host does it", state.display()),
        Opened::Empty => format!("there is no database in {}", state.display()),
    };
    there(&asking.client()?).map_err(|error| if error.is::<Refused>() { error } else { error.context(not_here) })
}

/// All that is stored of somebody.
#[derive(Debug, Default, Serialize)]
struct All {
    items: Vec<Item>,
    /// True where the vault of the connection has records that do not open, so that nobody knows whose they are.
    has_lost: bool,
    #[serde(skip)]
    connection: String,
}

/// Asks a host, part by part.
fn asked(client: &Client, whose: &Whose<'_>) -> anyhow::Result<All> {
    let mut all = All { connection: whose.connection.to_owned(), ..All::default() };
    let mut after: Option<String> = None;
    loop {
        let ask = client.get(&["api", "people", whose.connection]).with("user", whose.user).with("chat", whose.chat);
        let Kept { items, next, has_lost } = ask.with("after", after.as_ref()).patience(SHOW_PATIENCE).answer()?;
        all.items.extend(items);
        all.has_lost |= has_lost;
        // Each part has to lead further.
        if next.is_none() || next == after {
            return Ok(all);
        }
        after = next;
    }
}

/// A state folder that no host uses.
struct Folder {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    vaults: Vaults,
    clock: Arc<SystemClock>,
    config: PathBuf,
}

/// What is in the place of a state folder.
enum Opened {
    Here(Box<Folder>),
    InUse,
    Empty,
}

impl Folder {
    /// A database of an older program is brought to the version of this one; one that is missing is not made.
    fn open(state: &Path, config: &Path) -> anyhow::Result<Opened> {
        if !hodhod_store::has_database(state) {
            return Ok(Opened::Empty);
        }
        // What frees room needs some.
        let options = Options { keep_free: 0, ..Options::default() };
        let store = match SqliteStore::open(state, &options) {
            Ok(store) => Arc::new(store),
            Err(OpenError::InUse { .. }) => return Ok(Opened::InUse),
            Err(error) => return Err(error.into()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (vaults, clock) = (Vaults::default(), Arc::new(SystemClock::new()));
        vaults.open(store.clone(), clock.clone(), wiring::vault_key(&StateKey::open(state)?));
        Ok(Opened::Here(Box::new(Self { runtime, store, vaults, clock, config: config.to_owned() })))
    }

    fn show(&self, whose: &Whose<'_>) -> anyhow::Result<All> {
        let search = self.search(whose)?;
        let mut all = All { connection: whose.connection.to_owned(), ..All::default() };
        self.end(async {
            let mut next = None;
            loop {
                let page = people::export(&search, next).await?;
                all.items.extend(page.items);
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            all.has_lost = self.vaults.has_lost(whose.connection.into()).await?;
            anyhow::Ok(())
        })?;
        if all.items.is_empty() && !all.has_lost {
            self.known(whose.connection)?;
        }
        Ok(all)
    }

    fn erase(&self, whose: &Whose<'_>) -> anyhow::Result<Erasure> {
        let search = self.search(whose)?;
        let erasure = self.end(async {
            let (erased, _) = people::erase(&search, |_| ()).await.context("some of it may be erased: ask again")?;
            let log_is_clear = clear_log(&*self.store, &*self.clock).await?;
            let has_lost = self.vaults.has_lost(whose.connection.into()).await?;
            anyhow::Ok(Erasure { erased, log_is_clear, has_lost })
        })?;
        if erasure.erased == Erased::default() && !erasure.has_lost {
            self.known(whose.connection)?;
        }
        Ok(erasure)
    }

    fn drop_lost(&self, connection: &str) -> anyhow::Result<Erasure> {
        let dropped = self.end(async { anyhow::Ok(self.vaults.drop_lost(connection.into()).await?) })?;
        Ok(Erasure { erased: Erased { records: dropped, ..Erased::default() }, ..Erasure::default() })
    }

    fn search(&self, whose: &Whose<'_>) -> anyhow::Result<Search> {
        let connection = ConnectionName::from(whose.connection);
        let person = match (whose.user, whose.chat) {
            (Some(user), None) if !user.is_empty() => Person::known_as(connection, user.into()),
            (None, Some(chat)) if !chat.is_empty() => Person::in_chat(connection, chat.into()),
            _ => bail!("nobody has an empty id"),
        };
        let platform =
            config::platform(&self.config, whose.connection).map_err(|problem| anyhow::anyhow!("{problem}"))?;
        let chat = person.user().and_then(|user| wiring::private_chat(platform.as_deref()?, user));
        let person = chat.into_iter().fold(person, Person::with_chat);
        Ok(Search::new(self.store.clone(), &self.vaults, person))
    }

    /// Refuses a connection that is not configured, of which nothing was found.
    fn known(&self, connection: &str) -> anyhow::Result<()> {
        match config::platform(&self.config, connection) {
            Ok(Some(_)) => Ok(()),
            _ => bail!("there is no connection {connection:?} in the configuration, and nothing of it is stored"),
        }
    }

    /// Does it, and closes the store, so that the folder is as a host leaves it.
    fn end<T>(&self, doing: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let done = doing.await;
            self.store.close().await;
            done
        })
    }
}

fn counts(erased: &Erased) -> String {
    let Erased { values, timers, letters, events, sends, records } = *erased;
    let all = [
        (values, "value", "values"),
        (events, "waiting event", "waiting events"),
        (letters, "dead letter", "dead letters"),
        (sends, "waiting message", "waiting messages"),
        (timers, "timer", "timers"),
        (records, "record of the vault", "records of the vault"),
    ];
    let some = all.into_iter().filter(|(number, ..)| *number > 0);
    let words: Vec<_> =
        some.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many })).collect();
    if words.is_empty() { "nothing, as nothing was stored".to_owned() } else { words.join(", ") }
}

fn lost(connection: &str) -> String {
    format!(
        "\nthe vault of {connection} has records that do not open, so nobody knows whose they are: put the file `key` that \
         belongs to this database back, or drop them by `hodhod user erase {connection} --lost --yes`"
    )
}

fn words(all: &All) -> String {
    let mut text = if all.items.is_empty() {
        "nothing is stored".to_owned()
    } else {
        table(["WHAT", "BOT", "WHERE", "NAME", "CONTENT"], all.items.iter().map(row))
    };
    if all.has_lost {
        text.push_str(lost(&all.connection).trim_start_matches(|c| c == '\n' && !all.items.is_empty()));
    }
    text
}

fn row(item: &Item) -> [String; 5] {
    fn json(body: Option<&impl Serialize>, unreadable: Option<&String>) -> String {
        let body = body.and_then(|body| serde_json::to_string(body).ok());
        body.or_else(|| unreadable.cloned()).unwrap_or_default()
    }
    match item {
        Item::Value { bot, bucket, connection, id, key, value } => {
            let (Stored::Text(content) | Stored::Hex(content)) = value;
            ["value".into(), bot.to_string(), format!("{bucket} {connection}/{id}"), key.clone(), content.clone()]
        }
        Item::Event { seq, bot, chat, event, unreadable, .. } => {
            let content = json(event.as_ref(), unreadable.as_ref());
            ["event".into(), bot.to_string(), chat.to_string(), seq.to_string(), content]
        }
        Item::DeadLetter(opened) => {
            let (letter, content) = (&opened.letter, json(opened.event.as_ref(), opened.unreadable.as_ref()));
            ["dead letter".into(), letter.bot.to_string(), letter.chat.to_string(), letter.seq.to_string(), content]
        }
        Item::Send { seq, bot, chat, message, unreadable, .. } => {
            let content = json(message.as_ref(), unreadable.as_ref());
            ["message".into(), bot.to_string(), chat.to_string(), seq.to_string(), content]
        }
        Item::Timer { bot, chat, id, due, payload, .. } => {
            let chat = chat.as_ref().map(ToString::to_string).unwrap_or_default();
            ["timer".into(), bot.to_string(), chat, id.clone(), format!("{}: {payload}", time(*due))]
        }
        Item::Record { kind, purpose, written, expires } => {
            let until = |at: &Millis| format!(", until {}", time(*at));
            let end = expires.as_ref().map(until).unwrap_or_default();
            let content = format!("{purpose}; since {}{end}", time(*written));
            ["record".into(), String::new(), String::new(), kind.clone(), content]
        }
    }
}

#[cfg(test)]
mod tests;
