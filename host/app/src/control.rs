//! The operator's hand on a running host: a socket in its state folder.
//!
//! A connection carries one line of JSON each way. Who may open the socket is the owner of the
//! folder and nobody else, which is why it needs no password. The host holds the folder's lock, so
//! a socket that is already there belongs to a host that is gone.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hodhod_core::generations::Record;
use hodhod_core::health::Order;
use hodhod_core::host::Host;
use hodhod_core::ids::BotName;
use hodhod_core::turns::{Obeyed, OrderError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::suggest;
use crate::reload::{ReloadError, Reloaded, Reloader};

/// The socket's name in the state folder.
const SOCKET: &str = "control.sock";

/// Where the socket is made before it is put in its place. Not longer than [`SOCKET`], as the kernel
/// takes the path.
const NURSERY: &str = ".control";

/// The kernel's room for the path of a socket, with the zero at its end.
const LONGEST_PATH: usize = 108;

/// Longest line of a request, in bytes: a name and a few words.
const LONGEST_REQUEST: u64 = 16 << 10;

/// Longest line of an answer, in bytes: the longest tells what became of some builds.
pub(crate) const LONGEST_ANSWER: u64 = 64 << 10;

/// How long a connection may take to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections served at once; the next ones wait.
const AT_ONCE: usize = 8;

/// Requests about the versions of plugins that are followed at once; the next ones are refused.
static RELOADS: Semaphore = Semaphore::const_new(AT_ONCE);

/// How long the answer to a kill waits for the turns to be over, and how often it looks.
const KILL_WAIT: Duration = Duration::from_secs(1);
const KILL_LOOK: Duration = Duration::from_millis(2);

/// What the operator asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The name of an [`Order`], or of what is wanted of the bot's [`Version`].
    pub(crate) order: String,
    /// The bot.
    pub(crate) bot: String,
}

/// What the operator may want of the version of a bot's plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Look at its file now.
    Reload,
    /// Let the one before serve again.
    RollBack,
    /// Tell what became of each.
    List,
}

impl Version {
    /// Every one.
    const ALL: [Self; 3] = [Self::Reload, Self::RollBack, Self::List];

    /// Its name on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::RollBack => "rollback",
            Self::List => "generations",
        }
    }
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// True if it is as ordered.
    pub(crate) ok: bool,
    /// Why not, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// False if the bot was as ordered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<bool>,
    /// The bot's state now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The generation of its plugin that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<u64>,
    /// What became of each file that was to be one, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) records: Option<Vec<Record>>,
    /// Turns that were running when the order came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) running: Option<usize>,
    /// Turns of them that a kill had not ended when the answer was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) still_running: Option<usize>,
}

impl Answer {
    /// Nothing was done.
    pub(crate) fn refusal(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }
}

/// Why a state folder cannot have a control socket.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The kernel takes no such path.
    #[error(
        "{} has {} bytes, and the path of a socket may have {}: choose a shorter `state` in [host]",
        .0.display(), .0.as_os_str().len(), LONGEST_PATH - 1
    )]
    TooLong(PathBuf),
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// The path of the socket of a state folder.
pub(crate) fn path(state: &Path) -> Result<PathBuf, ControlError> {
    let path = state.join(SOCKET);
    if path.as_os_str().len() < LONGEST_PATH { Ok(path) } else { Err(ControlError::TooLong(path)) }
}

/// The socket of a running host. It goes with this.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Makes the socket, in place of one that a host left behind. The caller holds the folder.
    pub(crate) fn bind(state: &Path) -> Result<Self, ControlError> {
        let path = path(state)?;
        let made = in_nursery(&state.join(NURSERY), &path);
        Ok(Self { listener: made.map_err(|source| ControlError::Io { path: path.clone(), source })?, path })
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self, host: Arc<Host>, reloader: Arc<Reloader>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            // Never closed; if it were, nobody could be served.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (host, reloader) = (host.clone(), reloader.clone());
                    tokio::spawn(async move {
                        if let Err(error) = talk(stream, &host, &reloader, place).await {
                            tracing::info!(%error, "a connection to the control socket broke off");
                        }
                    });
                }
                Err(error) => {
                    // Too many open files, most likely; they may be fewer in a moment.
                    tracing::warn!(%error, "the control socket cannot take a connection");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // One that stays is replaced by the next host.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// Binds where nobody else can look, so that the socket never has other rights than its own, and
/// puts it in its place in one step.
fn in_nursery(nursery: &Path, path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_dir_all(nursery) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => DirBuilder::new().mode(0o700).create(nursery)?,
    }
    let newborn = nursery.join("s");
    let listener = UnixListener::bind(&newborn)?;
    std::fs::set_permissions(&newborn, Permissions::from_mode(0o600))?;
    std::fs::rename(&newborn, path)?;
    std::fs::remove_dir(nursery)?;
    Ok(listener)
}

/// One request, one answer. The place is given back before something that may take minutes, or orders that
/// are to be followed at once would wait for it.
async fn talk(stream: UnixStream, host: &Host, reloader: &Reloader, place: OwnedSemaphorePermit) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(LONGEST_REQUEST));
    tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await??;
    let answer = match serde_json::from_slice::<Request>(&line) {
        _ if !line.ends_with(b"\n") => {
            Answer::refusal(format!("a request is one line of at most {LONGEST_REQUEST} bytes"))
        }
        Err(error) => Answer::refusal(format!("not a request: {error}")),
        Ok(request) => match Version::ALL.into_iter().find(|order| order.as_str() == request.order) {
            Some(order) => {
                drop(place);
                follow(host, reloader, order, &request).await
            }
            None => obey(host, &request).await,
        },
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    tokio::time::timeout(PATIENCE, writer.write_all(&line)).await?
}

async fn obey(host: &Host, request: &Request) -> Answer {
    let Some(order) = Order::ALL.into_iter().find(|order| order.as_str() == request.order) else {
        let known = [&Order::ALL.map(Order::as_str)[..], &Version::ALL.map(Version::as_str)].concat();
        return Answer::refusal(format!("there is no order {:?}; there are: {}", request.order, known.join(", ")));
    };
    let bot = BotName::from(request.bot.as_str());
    match host.turns().order(&bot, order).await {
        Ok(obeyed) => {
            let still_running = match order {
                Order::Kill => Some(ended(host, &bot).await),
                _ => None,
            };
            tell(obeyed, still_running)
        }
        Err(OrderError::Unknown(_)) => Answer::refusal(unknown(host, &request.bot)),
        Err(error) => Answer::refusal(format!("{}: {error}", request.bot)),
    }
}

async fn follow(host: &Host, reloader: &Reloader, order: Version, request: &Request) -> Answer {
    let bot = BotName::from(request.bot.as_str());
    let Ok(_place) = RELOADS.try_acquire() else {
        return Answer::refusal("too many reloads are asked for at once; ask again when they are over");
    };
    let done = match order {
        Version::Reload => reloader.reload(&bot).await.map(|reloaded| match reloaded {
            Reloaded::Unchanged(number) => (Some(number), Some(false), None),
            Reloaded::Applied(number) => (Some(number), Some(true), None),
        }),
        Version::RollBack => reloader.roll_back(&bot).await.map(|number| (Some(number), Some(true), None)),
        Version::List => reloader.records(&bot).map(|records| (None, None, Some(records))),
    };
    match done {
        Ok((generation, changed, records)) => Answer { ok: true, generation, changed, records, ..Answer::default() },
        Err(ReloadError::Unknown(_)) => Answer::refusal(unknown(host, &request.bot)),
        Err(error) => Answer::refusal(format!("{}: {error}", request.bot)),
    }
}

fn tell(obeyed: Obeyed, still_running: Option<usize>) -> Answer {
    Answer {
        ok: still_running.unwrap_or(0) == 0,
        error: still_running.filter(|turns| *turns > 0).map(|turns| format!("{turns} turns have not ended yet")),
        changed: Some(obeyed.changed),
        state: Some(obeyed.health.state.as_str().to_owned()),
        reason: obeyed.health.reason,
        running: Some(obeyed.running),
        still_running,
        ..Answer::default()
    }
}

/// Waits until no turn of a bot runs, and gives the number of those that still do.
async fn ended(host: &Host, bot: &BotName) -> usize {
    let waited = tokio::time::timeout(KILL_WAIT, async {
        while host.turns().running(bot) > 0 {
            tokio::time::sleep(KILL_LOOK).await;
        }
    });
    if waited.await.is_ok() { 0 } else { host.turns().running(bot) }
}

fn unknown(host: &Host, name: &str) -> String {
    let bots = host.turns().bots();
    let names: Vec<&str> = bots.iter().map(|bot| bot.name().as_str()).collect();
    match suggest(name, &names) {
        Some(meant) => format!("there is no bot {name:?}; did you mean {meant:?}?"),
        None => format!("there is no bot {name:?}; there are: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_replaces_one_that_was_left_behind() {
        let state = tempfile::tempdir().unwrap();
        let file = path(state.path()).unwrap();
        std::fs::create_dir(state.path().join(NURSERY)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&file).unwrap());
        assert!(std::os::unix::net::UnixStream::connect(&file).is_err(), "nobody listens at what was left behind");

        let control = Control::bind(state.path()).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [SOCKET], "nothing else is left");
        drop(std::os::unix::net::UnixStream::connect(&file).unwrap());
        drop(control);
        assert!(!file.exists(), "it goes with the host");
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_told_before_the_kernel_refuses_it() {
        let fits = PathBuf::from("/").join("x".repeat(LONGEST_PATH - 3 - SOCKET.len()));
        assert_eq!(path(&fits).unwrap().as_os_str().len(), LONGEST_PATH - 1);
        assert!(NURSERY.len() + "/s".len() <= SOCKET.len());
        let error = path(&fits.join("y")).unwrap_err().to_string();
        assert!(error.ends_with("choose a shorter `state` in [host]"), "{error}");
    }

    #[test]
    fn only_what_is_known_is_told() {
        assert_eq!(serde_json::to_string(&Answer::refusal("no")).unwrap(), r#"{"ok":false,"error":"no"}"#);
        let answer = Answer { ok: true, changed: Some(true), state: Some("paused".into()), ..Answer::default() };
        let line = serde_json::to_string(&answer).unwrap();
        assert_eq!(line, r#"{"ok":true,"changed":true,"state":"paused"}"#);
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer);
    }
}
