//! A turn over a [`Shelf`], and the calls that its guest makes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hodhod_core::files::FileSeal;
use hodhod_core::platform::Platform;
use hodhod_core::runtime::Limits;
use hodhod_core::turn::{Actor, Refusal};
use tempfile::TempDir;
use wasmtime::component::Resource;

use super::shelf::Shelf;
use crate::bindings::hodhod::bot::files::{Error, Host, HostUpload};
use crate::engine::{Engine, PoolSize};
use crate::imports::files::Place;
use crate::imports::files::writing::OpenUpload;
use crate::state::State;
use crate::testing;

/// A turn of the bot `bot`, which serves `shop`.
pub(super) struct Rig {
    pub(super) shelf: Arc<Shelf>,
    pub(super) folder: TempDir,
    pub(super) seal: FileSeal,
}

impl Rig {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf: Arc::new(shelf), folder: tempfile::tempdir().unwrap(), seal: FileSeal::new([3; 32]) }
    }

    pub(super) fn state(&self, limits: Limits) -> State {
        let platform: Arc<dyn Platform> = self.shelf.clone();
        let actor = Actor::new("bot".into(), [("shop".into(), platform)].into(), limits.clone(), Arc::default());
        let turn = testing::turn(actor.with_seal(self.seal.clone()));
        let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
        let place = Place { spool: self.folder.path().to_owned(), io: None };
        State::new(turn, Instant::now(), Arc::default(), &limits, testing::meter(&engine), Arc::new(place))
    }

    pub(super) fn name(&self) -> String {
        self.seal.seal(&"bot".into(), &"shop".into(), "key")
    }

    /// Files of the folder that this process holds open; they have no names.
    pub(super) fn held(&self) -> usize {
        let folder = self.folder.path().canonicalize().unwrap();
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|to| to.starts_with(&folder))
            .count()
    }
}

/// The refusal as the core says it, which can be compared.
fn told(error: Error) -> Refusal {
    match error {
        Error::Denied(text) => Refusal::Denied(text),
        Error::Unsupported(text) => Refusal::Unsupported(text),
        Error::Invalid(text) => Refusal::Invalid(text),
        Error::TooLarge(limit) => Refusal::TooLarge(limit),
        Error::QuotaExceeded(text) => Refusal::Quota(text),
        Error::RateLimited(ms) => Refusal::Wait(Duration::from_millis(ms)),
        other => Refusal::Unavailable(match other {
            Error::Unavailable(text) => text,
            other => format!("{other:?}"),
        }),
    }
}

pub(super) async fn read(state: &mut State, file: &str, offset: u64, length: u32) -> Result<Vec<u8>, Refusal> {
    Host::read(state, file.to_owned(), offset, length).await.unwrap().map_err(told)
}

pub(super) async fn start(state: &mut State) -> Result<Resource<OpenUpload>, Refusal> {
    start_to(state, "shop").await
}

pub(super) async fn start_to(state: &mut State, connection: &str) -> Result<Resource<OpenUpload>, Refusal> {
    state.start(connection.into(), "گل.jpg".into(), "image/jpeg".into()).await.unwrap().map_err(told)
}

pub(super) fn again(upload: &Resource<OpenUpload>) -> Resource<OpenUpload> {
    Resource::new_own(upload.rep())
}

pub(super) async fn write(state: &mut State, upload: &Resource<OpenUpload>, bytes: &[u8]) -> Result<(), Refusal> {
    state.write(again(upload), bytes.to_vec()).await.unwrap().map_err(told)
}

pub(super) async fn finish(state: &mut State, upload: &Resource<OpenUpload>) -> Result<String, Refusal> {
    state.finish(again(upload)).await.unwrap().map_err(told)
}
