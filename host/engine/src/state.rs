//! What a store holds during one turn.

use std::sync::Arc;
use std::time::Instant;

use hodhod_core::limits::{RANDOM, RESOURCES};
use hodhod_core::runtime::{BotConfig, Failure, Limits};
use hodhod_core::turn::Turn;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::clock::TurnClock;
use crate::imports::files::{Files, Place};
use crate::imports::http::Http;
use crate::imports::kenar::Asking;
use crate::limiter::Limiter;
use crate::lines::{LineStream, Lines};
use crate::meter::Meter;

pub(crate) struct State {
    pub(crate) turn: Turn,
    pub(crate) config: Arc<BotConfig>,
    pub(crate) limiter: Limiter,
    pub(crate) meter: Arc<Meter>,
    pub(crate) lines: Lines,
    pub(crate) clock: TurnClock,
    pub(crate) files: Files,
    /// Why the host ended the turn, where it was the host that did.
    pub(crate) ended: Option<Failure>,
    pub(crate) table: ResourceTable,
    pub(crate) http: Http,
    pub(crate) asking: Asking,
    wasi: WasiCtx,
}

impl State {
    /// For a turn that began at `at`.
    pub(crate) fn new(
        turn: Turn,
        at: Instant,
        config: Arc<BotConfig>,
        limits: &Limits,
        meter: Arc<Meter>,
        place: Arc<Place>,
    ) -> Self {
        let clock = TurnClock::new(turn.began(), at);
        let lines = Lines::new(turn.actor().clone(), turn.trace(), clock.clone());
        let wasi = WasiCtx::builder()
            .stdout(LineStream::output(lines.clone()))
            .stderr(LineStream::error(lines.clone()))
            .max_random_size(RANDOM)
            .wall_clock(clock.clone())
            // No address and no name is allowed anyway; with these, no socket is even made.
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        Self {
            turn,
            config,
            limiter: Limiter::new(limits.memory),
            meter,
            lines,
            clock,
            files: Files::new(place),
            ended: None,
            table,
            http: Http::none(),
            asking: Asking::default(),
            wasi,
        }
    }

    /// Takes the turn that has ended out of a store that is kept.
    pub(crate) fn end(&mut self) -> Turn {
        let over = self.turn.over();
        self.files = Files::new(self.files.place());
        std::mem::replace(&mut self.turn, over)
    }

    /// Puts another turn of the same bot into a store that was kept.
    pub(crate) fn begin(&mut self, turn: Turn, at: Instant, meter: Arc<Meter>) {
        self.clock.begin(turn.began(), at);
        self.lines.begin(turn.trace());
        self.limiter.begin();
        self.files = Files::new(self.files.place());
        (self.turn, self.meter, self.ended) = (turn, meter, None);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
