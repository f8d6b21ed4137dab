//! What a guest can reach: the two doors to `egress`, `log`, and a WASI that holds nothing. One [`Guest`] a call.

use std::time::Duration;

use jackfield_egress::{Egress, Grant};
use tokio::time::Instant;
use wasmtime::{
    Engine,
    component::{Component as Code, HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    LoadError,
    bindings::{
        Component,
        jackfield::provider::{http, log, types},
        with_alerts::AlertsPre,
    },
    contract::Provider,
    convert,
    limits::{Limits, Meter},
    operation::Exports,
    outbound::{Outbound, Progress},
    wasi_http::{self, Door},
};

/// Lines that one call may write to the log; the rest is dropped.
const LOG_LINES: u32 = 64;

/// Bytes of one such line.
const LOG_LINE: usize = 1 << 10;

/// Bytes that a guest may ask of a random generator at once; the default is 64 MiB.
const RANDOM_BYTES: u64 = 64 << 10;

/// The host's side of one call.
pub(super) struct Guest {
    pub(super) meter: Meter,
    table: ResourceTable,
    wasi: WasiCtx,
    wasi_http: WasiHttpCtx,
    provider: String,
    outbound: Outbound,
    door: Door,
    log_lines: u32,
}

impl Guest {
    /// A guest that may send what its grant allows.
    pub(super) fn for_call(
        limits: &Limits,
        provider: &str,
        egress: Egress,
        grant: Grant,
        deadline: Instant,
    ) -> (Self, Progress) {
        let wasi = WasiCtxBuilder::new().max_random_size(RANDOM_BYTES).build();
        let (outbound, progress) = Outbound::open(egress, grant, deadline);
        (Self::new(limits, provider, wasi, outbound), progress)
    }

    /// A guest in a world where nothing happens: no requests, one time, one randomness.
    pub(super) fn for_describe(limits: &Limits) -> Self {
        let wasi = WasiCtxBuilder::new()
            .max_random_size(RANDOM_BYTES)
            .wall_clock(Still)
            .monotonic_clock(Still)
            .secure_random(Same)
            .insecure_random(Same)
            .insecure_random_seed(0)
            .build();
        Self::new(limits, "describe", wasi, Outbound::closed())
    }

    fn new(limits: &Limits, provider: &str, wasi: WasiCtx, outbound: Outbound) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            meter: Meter::new(limits.memory),
            table,
            wasi,
            wasi_http: wasi_http::bounds(),
            provider: provider.to_owned(),
            door: Door::new(outbound.clone(), provider),
            outbound,
            log_lines: 0,
        }
    }
}

/// Links what a component may import. Whatever else it imports makes it unusable.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasi_http::link(&mut linker)?;
    Component::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// Resolves a component's imports and exports once, for all its calls.
///
/// # Errors
/// It imports something else, or does not export `provider`; the error names it.
pub(super) fn exports(engine: &Engine, linker: &Linker<Guest>, code: &Code) -> Result<Exports, LoadError> {
    let pre = linker.instantiate_pre(code).map_err(|error| {
        LoadError(format!("it imports what no component may: {}", convert::clean(&format!("{error:#}"), 500)))
    })?;
    let alerts = AlertsPre::new(pre.clone()).ok();
    Ok(Exports { provider: Provider::of(engine, code, pre)?, alerts })
}

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        let answer = self.outbound.send(convert::request(request)).await;
        Ok(answer.map(convert::response).map_err(convert::send_error))
    }
}

impl log::Host for Guest {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log_lines = self.log_lines.saturating_add(1);
        if self.log_lines > LOG_LINES {
            return Ok(());
        }
        let line = convert::clean(&message, LOG_LINE);
        let provider = self.provider.as_str();
        match level {
            log::Level::Debug => tracing::debug!(target: "jackfield::guest", provider, "{line}"),
            log::Level::Info => tracing::info!(target: "jackfield::guest", provider, "{line}"),
            log::Level::Warn => tracing::warn!(target: "jackfield::guest", provider, "{line}"),
            log::Level::Error => tracing::error!(target: "jackfield::guest", provider, "{line}"),
        }
        if self.log_lines == LOG_LINES {
            tracing::warn!(target: "jackfield::guest", provider, "further lines of this call are dropped");
        }
        Ok(())
    }
}

impl types::Host for Guest {}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.door, table: &mut self.table, ctx: &mut self.wasi_http }
    }
}

/// A clock that stands at 1970.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A generator that gives one number for ever.
struct Same;

impl rand_core::TryRng for Same {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(4)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(4)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(4);
        Ok(())
    }
}
