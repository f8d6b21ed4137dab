//! The sandbox: the engine and everything else that all calls share. Also a loaded component.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use jackfield_core::manifest::{Endpoint, Manifest};
use jackfield_egress::{Egress, MemoryAllowance};
use tokio::sync::Semaphore;
use wasmtime::{
    Engine, Store,
    component::{Component as Code, Linker},
};

use crate::{
    cache::Cache,
    circuit_breaker::CircuitBreaker,
    computing_slots::{ComponentNumber, ComputingSlots, ComputingTime},
    contract::Exports,
    engine::{EpochTicker, fill_fuel, new_engine, set_time_limit},
    error::LoadError,
    guest::Guest,
    guest_runtime::GuestRuntime,
    limits::Limits,
    linker::{new_linker, resolve},
    manifest_review::{Finding, join_findings, review_new_version},
};

/// Loads components and runs their calls. A clone is the same sandbox.
///
/// A process needs only one: type indices of two engines must not be mixed (GHSA-hgjw-h833-99q9).
#[derive(Clone)]
pub struct Sandbox(Arc<SandboxState>);

struct SandboxState {
    engine: Engine,
    linker: Linker<Guest>,
    egress: Egress,
    limits: Limits,
    cache: Cache,
    checker: Checker,
    /// Limits the concurrent calls of all components together.
    calls: Arc<Semaphore>,
    /// The threads of the calls, and which of the calls compute.
    runtime: GuestRuntime,
    slots: ComputingSlots,
    /// Limits the memory of all calls together.
    memory: MemoryAllowance,
    /// Only one component is compiled at a time, because compiling is slow and the component determines its cost.
    compiling: Semaphore,
    _ticker: EpochTicker,
}

/// Where new components are compiled and described.
#[derive(Clone, Debug)]
pub enum Checker {
    /// In a child process that runs this program, with limits on memory and CPU time; see `child_check`.
    Child(PathBuf),
    /// The same at the priority of this process, for command-line tools: a person waits for the check.
    Foreground(PathBuf),
    /// In this process, without limits on compiling: for tests.
    InProcess,
}

impl Checker {
    /// Checks components in a child process of the running program, even if its file has been replaced since.
    #[must_use]
    pub fn this_program() -> Self {
        Self::Child(PathBuf::from("/proc/self/exe"))
    }

    /// Checks components like [`this_program`](Self::this_program), for a person who waits.
    #[must_use]
    pub fn this_program_in_foreground() -> Self {
        Self::Foreground(PathBuf::from("/proc/self/exe"))
    }
}

/// A component that was compiled and has described itself.
#[derive(Clone)]
pub struct Component {
    /// The SHA-256 of its bytes in lower-case hexadecimal digits.
    pub digest: String,
    /// What `describe` returned, after the review.
    pub manifest: Arc<Manifest>,
    /// Why this version cannot be approved unless it was approved before. Empty if it can.
    pub objections: Arc<[Finding]>,
    /// The manifest's endpoints, shared by all calls.
    pub endpoints: Arc<[Endpoint]>,
    /// Pauses the component after repeated faults.
    pub breaker: Arc<CircuitBreaker>,
    pub(crate) exports: Exports,
    /// Limits the concurrent calls of this component, so that a slow provider does not block others.
    pub(crate) calls: Arc<Semaphore>,
    /// Limits the memory of this component's calls together, so that it leaves some to others.
    pub(crate) memory: MemoryAllowance,
    /// Identifies the component to the computing slots.
    pub(crate) number: ComponentNumber,
}

impl Sandbox {
    /// Creates a sandbox that checks components in this process.
    ///
    /// # Errors
    /// The machine does not support what the engine needs.
    pub fn new(limits: Limits, egress: Egress, cache: Cache) -> wasmtime::Result<Self> {
        Self::with_checker(limits, egress, cache, Checker::InProcess)
    }

    /// Creates a sandbox that checks components as `checker` says.
    ///
    /// # Errors
    /// The machine does not support what the engine needs.
    pub fn with_checker(limits: Limits, egress: Egress, cache: Cache, checker: Checker) -> wasmtime::Result<Self> {
        let engine = new_engine(&limits)?;
        let linker = new_linker(&engine)?;
        Ok(Self(Arc::new(SandboxState {
            _ticker: EpochTicker::start(&engine),
            linker,
            egress,
            cache,
            checker,
            calls: Arc::new(Semaphore::new(limits.calls)),
            runtime: GuestRuntime::new(limits.computing_slots),
            slots: ComputingSlots::new(limits.computing_slots),
            memory: MemoryAllowance::new(limits.shared_memory, limits.memory_wait),
            compiling: Semaphore::new(1),
            limits,
            engine,
        })))
    }

    /// Returns the maximum size of a component's file in bytes.
    pub fn component_bytes(&self) -> u64 {
        self.0.limits.component_bytes
    }

    /// Returns the time until a check that the machine prevented is done again.
    #[must_use]
    pub fn check_retry(&self) -> std::time::Duration {
        self.0.limits.check_retry
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.0.egress
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    pub(crate) fn checker(&self) -> &Checker {
        &self.0.checker
    }

    /// Returns the permits for the calls of all components.
    pub(crate) fn calls(&self) -> &Arc<Semaphore> {
        &self.0.calls
    }

    /// Returns the threads on which calls run.
    pub(crate) fn runtime(&self) -> &GuestRuntime {
        &self.0.runtime
    }

    /// Returns the slots of the calls that compute.
    pub(crate) fn slots(&self) -> &ComputingSlots {
        &self.0.slots
    }

    /// Returns the bytes of memory that calls can still use.
    #[must_use]
    pub fn free_memory(&self) -> usize {
        self.0.memory.free_bytes()
    }

    /// Returns the permit for compiling.
    pub(crate) fn compiling(&self) -> &Semaphore {
        &self.0.compiling
    }

    /// Resolves the imports and exports of compiled code.
    pub(crate) fn resolve(&self, code: &Code) -> Result<Exports, LoadError> {
        resolve(&self.0.engine, &self.0.linker, code)
    }

    /// Creates the store of one instance, with all limits set. The guest may compute for `time`.
    pub(crate) fn new_store(&self, guest: Guest, time: Duration, computed: &ComputingTime) -> Store<Guest> {
        let limits = self.limits();
        let mut store = Store::new(&self.0.engine, guest);
        store.limiter_async(|guest| &mut guest.meter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.handles);
        set_time_limit(&mut store, time, computed.clone());
        fill_fuel(&mut store, limits);
        store
    }

    pub(crate) fn new_component(&self, digest: String, manifest: Manifest, exports: Exports) -> Component {
        Component {
            digest,
            objections: review_new_version(&manifest).into(),
            endpoints: manifest.endpoints.clone().into(),
            manifest: Arc::new(manifest),
            breaker: Arc::default(),
            exports,
            calls: Arc::new(Semaphore::new(self.0.limits.calls_per_component)),
            memory: self.0.memory.part(self.0.limits.component_memory),
            number: self.0.slots.new_component(),
        }
    }
}

impl Component {
    /// Returns why this version cannot be approved for the first time, and how its author can fix that, as one text.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        join_findings(&self.objections)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Component")
            .field("id", &self.manifest.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
