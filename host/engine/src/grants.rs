//! Grants become imports: a linker holds exactly what was granted, so anything else is missing
//! when the plugin is loaded, and the error names the line that would allow it.

use hodhod_core::runtime::Grants;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random, sockets};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

use crate::bindings::hodhod::bot::{files, messenger, timers, types};
use crate::bindings::hodhod::divar::kenar;
use crate::bindings::wasi::{config, keyvalue, logging};
use crate::imports::http;
use crate::state::State;

/// What an import needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every bot has it.
    Nothing,
    /// This grant.
    Grant(&'static str),
    /// The host will never serve it, or does not know it.
    Unknown,
}

/// What the import called `name` needs, as in `wasi:cli/stdout@0.2.6`.
pub(crate) fn need(name: &str) -> Need {
    let bare = name.split('@').next().unwrap_or(name);
    match bare {
        "hodhod:bot/types" => Need::Nothing,
        "hodhod:bot/messenger" => Need::Grant("messenger"),
        "hodhod:bot/timers" => Need::Grant("timers"),
        "hodhod:bot/files" => Need::Grant("files"),
        "hodhod:divar/kenar" => Need::Grant("divar"),
        "wasi:http/types" | "wasi:http/outgoing-handler" => Need::Grant("http"),
        "wasi:keyvalue/store" | "wasi:keyvalue/atomics" => Need::Grant("keyvalue"),
        "wasi:config/store" => Need::Grant("config"),
        "wasi:logging/logging" => Need::Grant("logging"),
        _ => {
            let package = bare.split('/').next().unwrap_or(bare);
            let closed_world = ["wasi:io", "wasi:clocks", "wasi:random", "wasi:cli", "wasi:filesystem", "wasi:sockets"];
            if closed_world.contains(&package) { Need::Nothing } else { Need::Unknown }
        }
    }
}

/// The grant that the import of this name needs, if it needs one.
pub fn grant_of(import: &str) -> Option<&'static str> {
    match need(import) {
        Need::Grant(grant) => Some(grant),
        Need::Nothing | Need::Unknown => None,
    }
}

/// A linker with the closed world that every bot has, and what was granted.
pub(crate) fn linker(engine: &Engine, grants: Grants) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    closed_world(&mut linker)?;
    types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    if grants.messenger {
        messenger::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.files {
        files::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.keyvalue {
        keyvalue::store::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        keyvalue::atomics::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.timers {
        timers::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.config {
        config::store::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.logging {
        logging::logging::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.divar {
        kenar::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    }
    if grants.http {
        http::link(&mut linker)?;
    }
    Ok(linker)
}

/// What the standard libraries of most languages expect to find: clocks, randomness, streams, and a
/// command line and a file system with nothing in them. Python's library imports sockets even where it opens
/// none; each try to make one, or to look up a name, is answered with `access-denied`.
fn closed_world(linker: &mut Linker<State>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    random::insecure::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    let network = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<State, WasiSockets>(linker, &network, State::sockets)?;
    sockets::instance_network::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::tcp::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::udp::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    Ok(())
}
