//! `wasi:http`: requests to other servers, which all go through [`crate::egress`].

use std::future::Future;
use std::sync::Arc;

use hodhod_core::egress::is_forbidden;
use hodhod_core::limits::HTTP_HEAD;
use hodhod_core::trace::EventTrace;
use hodhod_core::turn::Actor;
use http::{HeaderName, Request};
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::clock::TurnClock;
use crate::egress::{Egress, Sent, code};
use crate::state::State;

/// Bytes of a body that a guest may write at once; two such pieces wait in the host.
const WRITE: usize = 64 << 10;

/// What a turn has of HTTP: for most bots nothing.
pub(crate) struct Http {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks(Option<Way>);

/// The way out of a turn that has one.
#[derive(Clone)]
struct Way {
    egress: Arc<Egress>,
    actor: Arc<Actor>,
    trace: Option<EventTrace>,
    clock: TurnClock,
}

impl Http {
    pub(crate) fn none() -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(HTTP_HEAD);
        Self { ctx, hooks: Hooks(None) }
    }

    /// Lets a turn out.
    pub(crate) fn allow(
        &mut self,
        egress: Arc<Egress>,
        actor: Arc<Actor>,
        trace: Option<EventTrace>,
        clock: TurnClock,
    ) {
        self.hooks = Hooks(Some(Way { egress, actor, trace, clock }));
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http.hooks, table: &mut self.table, ctx: &mut self.http.ctx }
    }
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name.as_str())
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| is_forbidden(name.as_str()))
    }

    fn set_host_header(&mut self) -> bool {
        // Set from what was admitted, and not from what the guest wrote.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        match self.0.clone() {
            Some(Way { egress, actor, trace, clock }) => {
                Box::new(egress.send(actor, trace, clock.now(), request, options.unwrap_or_default()))
            }
            None => Box::new(std::future::ready(Err(Error::HttpRequestDenied))),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE
    }
}

/// Links `wasi:http/types` and `outgoing-handler`, and nothing that answers requests.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // The library knows the codes of requests that fail, but not those of bodies that do.
    linker.allow_shadowing(true);
    linker.instance("wasi:http/types@0.2.12")?.func_wrap("http-error-code", error_code)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn error_code(store: StoreContextMut<'_, State>, (error,): (Resource<IoError>,)) -> Result<(Option<ErrorCode>,)> {
    let error = store.data().table.get(&error)?;
    let known = error.downcast_ref::<ErrorCode>().cloned();
    Ok((known.or_else(|| error.downcast_ref::<Error>().map(code)),))
}
