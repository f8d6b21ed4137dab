//! The host's state of one call, and the host functions that a guest can import.
//!
//! A guest can import `http`, `log` and WASI. Its WASI has no files, no arguments, no environment and no sockets.

use jackfield_egress::{CallMemory, CallPermissions, CallRecorder, Egress, LineSource, MemoryReservation};
use tokio::{runtime::Handle, time::Instant};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    bindings::jackfield::provider::{http, log, types},
    guest_clock::GuestClock,
    guest_log::GuestLog,
    http_types::{from_wit_request, to_wit_error, to_wit_response},
    limits::Limits,
    meter::Meter,
    request_sender::{RequestObserver, RequestSender},
    wasi_http::{self, OutgoingHandler},
};

/// Maximum number of random bytes that a guest may request at once. The default of wasmtime is 64 MiB.
const RANDOM_BYTES: u64 = 64 << 10;

/// The host's state of one call.
pub(crate) struct Guest {
    pub(crate) meter: Meter,
    pub(crate) clock: GuestClock,
    table: ResourceTable,
    wasi: WasiCtx,
    wasi_http: WasiHttpCtx,
    log: GuestLog,
    requests: RequestSender,
    /// The bytes of the latest response of `http.send`, which the guest copies into its own memory.
    response_memory: MemoryReservation,
    outgoing_handler: OutgoingHandler,
}

impl Guest {
    /// Creates the state of a call, and an observer of its requests.
    pub(crate) fn for_call(
        limits: &Limits,
        provider: &str,
        egress: Egress,
        permissions: CallPermissions,
        deadline: Instant,
        caller: Handle,
    ) -> (Self, RequestObserver) {
        let clock = GuestClock::start();
        let log = GuestLog::new(provider, permissions.recorder.clone());
        let wasi = new_wasi(&clock, &log).build();
        let memory = permissions.memory.clone();
        let (requests, observer) = RequestSender::new(egress, permissions, deadline, caller);
        let outgoing_handler = OutgoingHandler::new(requests.clone(), provider);
        (Self::new(limits, clock, log, wasi, requests, outgoing_handler, &memory), observer)
    }

    /// Creates the state for `describe`: no requests, a fixed clock and fixed random numbers, so that the manifest
    /// depends on nothing but the component. `recorder` records the lines that it writes.
    pub(crate) fn for_describe(limits: &Limits, recorder: CallRecorder) -> Self {
        let (clock, log) = (GuestClock::stopped(), GuestLog::new("describe", recorder));
        let mut wasi = new_wasi(&clock, &log);
        let wasi = wasi.secure_random(FixedRandom).insecure_random(FixedRandom).insecure_random_seed(0).build();
        let requests = RequestSender::denying();
        let outgoing_handler = OutgoingHandler::new(requests.clone(), "describe");
        Self::new(limits, clock, log, wasi, requests, outgoing_handler, &CallMemory::default())
    }

    fn new(
        limits: &Limits,
        clock: GuestClock,
        log: GuestLog,
        wasi: WasiCtx,
        requests: RequestSender,
        outgoing_handler: OutgoingHandler,
        memory: &CallMemory,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            meter: Meter::new(limits.memory, memory),
            clock,
            table,
            wasi,
            wasi_http: wasi_http::new_context(),
            log,
            outgoing_handler,
            response_memory: MemoryReservation::default(),
            requests,
        }
    }
}

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        self.response_memory = MemoryReservation::default();
        let response = self.requests.send(from_wit_request(request)).await;
        Ok(response.map_err(to_wit_error).map(|mut response| {
            self.response_memory = std::mem::take(&mut response.memory);
            to_wit_response(response)
        }))
    }
}

impl log::Host for Guest {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let source = match level {
            log::Level::Debug => LineSource::Debug,
            log::Level::Info => LineSource::Info,
            log::Level::Warn => LineSource::Warn,
            log::Level::Error => LineSource::Error,
        };
        self.log.write(source, &message);
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
        WasiHttpCtxView { hooks: &mut self.outgoing_handler, table: &mut self.table, ctx: &mut self.wasi_http }
    }
}

/// Returns a WASI context with the limits, clocks and output that every guest has.
fn new_wasi(clock: &GuestClock, log: &GuestLog) -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.max_random_size(RANDOM_BYTES).wall_clock(clock.clone()).monotonic_clock(clock.clone());
    wasi.stdout(log.output(LineSource::Stdout)).stderr(log.output(LineSource::Stderr));
    wasi
}

/// A generator that always returns the same number.
struct FixedRandom;

impl rand_core::TryRng for FixedRandom {
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
