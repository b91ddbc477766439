//! The loading of a component for one bot.

use std::sync::Arc;

use futures::future::BoxFuture;
use hodhod_core::limits::COMPONENT;
use hodhod_core::runtime::{Ended, Failure, Grants, Plugin, Setup, TurnResult};
use hodhod_core::text::{clean, hex};
use hodhod_core::turn::Turn;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::bindings::BotPre;
use crate::compile::{self, CompileError, one_line};
use crate::contract;
use crate::egress::{Egress, Network};
use crate::engine::Engine;
use crate::grants::{self, Need};
use crate::imports::kenar::Asking;
use crate::kept::Kept;
use crate::run::Loaded;
use crate::weight::Weight;

/// Bytes of a page of WebAssembly's memory.
const PAGE: u64 = 64 << 10;

/// Why a plugin cannot be loaded. The text says what to do about it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It is not a component.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It is compiled code, which the host only takes from itself.
    #[error("already compiled: give the component itself, not a .cwasm file")]
    Compiled,
    /// Its file is too large.
    #[error("it has {bytes} bytes, and a component may have {COMPONENT}: make it smaller")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
    },
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(CompileError),
    /// It imports what was not granted.
    #[error("it imports {}, which is not granted: add `{}` to grants", .imports.join(", "), lines(.missing))]
    NotGranted {
        /// The imports.
        imports: Vec<String>,
        /// The missing grants.
        missing: Vec<&'static str>,
    },
    /// It imports what this host has not.
    #[error("it imports {0}, which this host does not serve")]
    Unknown(String),
    /// It may ask other servers, and there is nobody whose certificates could be trusted.
    #[error(
        "it may use HTTP, and the certificates that this machine trusts cannot be read: {0}; install ca-certificates"
    )]
    Network(String),
    /// It does not fit the contract.
    #[error("it does not fit hodhod:bot@0.1.0: {0}")]
    Contract(String),
    /// It needs more than its limits allow before it has done anything.
    #[error("it needs {needed} bytes of memory to begin with, and its limit is {limit}: raise `memory` in limits")]
    Memory {
        /// Bytes of its initial memories.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// Its limit is above what the host's pool holds.
    #[error("its memory limit is {limit} bytes, and this host allows at most {most}")]
    LimitTooHigh {
        /// The limit.
        limit: u64,
        /// What the pool holds.
        most: u64,
    },
}

/// A component, loaded for one bot.
pub struct Component(Arc<Loaded>);

impl Component {
    /// Compiles a component, or takes its code out of the cache, and links it with what was granted. Waits
    /// for it: not to be called where other tasks wait for the thread.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(engine: &Engine, bytes: &[u8], setup: Setup) -> Result<Self, LoadError> {
        let network = if setup.grants.http { Some(engine.network().map_err(LoadError::Network)?) } else { None };
        Self::link(engine, bytes, setup, network)
    }

    /// The same, for a bot that reaches the world through `network`.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load_with(engine: &Engine, bytes: &[u8], setup: Setup, network: Network) -> Result<Self, LoadError> {
        Self::link(engine, bytes, setup, Some(network))
    }

    /// Begins the component as for a turn, and tells it nothing: whether it can begin at all. Nothing of it
    /// has effects.
    ///
    /// # Errors
    /// How it fails.
    pub async fn probe(&self, turn: Turn) -> Result<(), Failure> {
        match Loaded::probe(&self.0, turn).await.result {
            TurnResult::Failed(failure) => Err(failure),
            _ => Ok(()),
        }
    }

    fn link(engine: &Engine, bytes: &[u8], setup: Setup, network: Option<Network>) -> Result<Self, LoadError> {
        let Setup { grants, limits, config, http, version } = setup;
        let most = engine.largest_memory() as u64;
        if limits.memory > most {
            return Err(LoadError::LimitTooHigh { limit: limits.memory, most });
        }
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(LoadError::Compiled);
        }
        if bytes.len() as u64 > COMPONENT {
            return Err(LoadError::TooLarge { bytes: bytes.len() });
        }
        let digest = Sha256::digest(bytes).into();
        let component = compile::obtain(engine, bytes, &digest).map_err(|error| match error {
            CompileError::NotAComponent(what) => LoadError::NotAComponent(what),
            error => LoadError::Compile(error),
        })?;
        check_imports(&component, grants)?;
        // Told in pages of WebAssembly; a component whose parts are only known when it runs tells nothing.
        let pages = component.resources_required().and_then(|needed| needed.max_initial_memory_size);
        let needed = pages.unwrap_or(0).saturating_mul(PAGE);
        if needed > limits.memory {
            return Err(LoadError::Memory { needed, limit: limits.memory });
        }
        let linker = engine.linker(grants).map_err(|error| LoadError::Contract(one_line(&error)))?;
        let pre = linker.instantiate_pre(&component).map_err(|error| LoadError::Contract(one_line(&error)))?;
        let pre = BotPre::new(pre).map_err(|error| LoadError::Contract(one_line(&error)))?;
        if let Some(misfit) = contract::misfit(&component) {
            return Err(LoadError::Contract(misfit.to_owned()));
        }
        let migrate = contract::migration(&component).map_err(|misfit| LoadError::Contract(misfit.to_owned()))?;
        let network = network.filter(|_| grants.http);
        let egress = network.map(|network| Arc::new(Egress::new(http, limits.clone(), network)));
        Ok(Self(Arc::new(Loaded {
            pre,
            config: Arc::new(config),
            egress,
            asking: if grants.divar { Asking::allowed(limits.platform_at_once) } else { Asking::default() },
            digest: hex(&digest),
            version,
            migrate,
            weight: Weight::default(),
            slices: [engine.heavy.slices_of_bot(), engine.heavy.slices.clone()],
            kept: Kept::new(engine, limits.reuse),
            limits,
            engine: engine.clone(),
        })))
    }
}

impl Plugin for Component {
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended> {
        Box::pin(Loaded::run(&self.0, turn))
    }

    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn version(&self) -> &str {
        &self.0.version
    }

    fn has_migration(&self) -> bool {
        self.0.migrate.is_some()
    }

    fn migrate(&self, turn: Turn, from: String) -> BoxFuture<'_, Ended> {
        Box::pin(async move { Loaded::migrate(&self.0, turn, from).await })
    }

    fn waits_for_turns(&self, waits: bool) {
        self.0.kept.keep(waits);
    }
}

fn check_imports(component: &wasmtime::component::Component, grants: Grants) -> Result<(), LoadError> {
    let ty = component.component_type();
    let mut imports = Vec::new();
    let mut missing = Vec::new();
    for (name, _) in ty.imports(component.engine()) {
        match grants::need(name) {
            Need::Nothing => {}
            Need::Grant(grant) if grants.has(grant) => {}
            Need::Grant(grant) => {
                imports.push(clean(name, 100));
                if !missing.contains(&grant) {
                    missing.push(grant);
                }
            }
            Need::Unknown => return Err(LoadError::Unknown(clean(name, 100))),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(LoadError::NotGranted { imports, missing }) }
}

/// What to write to grant these.
fn lines(missing: &[&str]) -> String {
    let line = |grant: &&str| match *grant {
        "http" => "http = { hosts = [\"https://…\"] }".to_owned(),
        grant => format!("{grant} = true"),
    };
    missing.iter().map(line).collect::<Vec<_>>().join(", ")
}
