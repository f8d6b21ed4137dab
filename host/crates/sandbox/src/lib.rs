//! Runs one operation of one component: a fresh instance with its limits and the grant of this call.
//!
//! Knows wasmtime and the contract, and hands every request of a guest to `egress`. Knows no database and no secret
//! but what a call's grant holds for `egress`.

pub mod catalog;
pub mod check;

mod bindings;
mod breaker;
mod compiled;
mod contract;
mod convert;
mod describe;
mod engine;
pub mod file;
mod guest;
pub mod imitation;
mod inspection;
mod limits;
mod operation;
mod outbound;
mod review;
pub mod signature;
mod wasi_http;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use jackfield_core::{
    Account, FieldError, User,
    manifest::{Endpoint, Manifest},
};
use jackfield_egress::{Egress, Grant, SendError};
use tokio::{sync::Semaphore, time::Instant};
use wasmtime::{Engine, Store, component::Linker};

pub use self::{
    breaker::{Breaker, Ended, Pause},
    catalog::Catalog,
    check::Checker,
    compiled::Cache,
    inspection::Inspection,
    limits::{Limits, Pooling},
    review::Finding,
    signature::beside,
};
pub use self::{compiled::digest, review::whole_match};
use self::{engine::Ticker, guest::Guest, operation::Exports};

/// The one engine of the process and what every call is held to. Two engines would mix type indices
/// (GHSA-hgjw-h833-99q9).
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    egress: Egress,
    limits: Limits,
    cache: Cache,
    checker: Checker,
    /// Bounds the calls in flight of all components together.
    calls: Arc<Semaphore>,
    /// Compiling is slow and its cost is the attacker's to choose, so one at a time.
    compiling: Semaphore,
    _ticker: Ticker,
}

/// A component that was checked and compiled and has said what it is.
#[derive(Clone)]
pub struct Component {
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub digest: String,
    pub manifest: Arc<Manifest>,
    /// The manifest's endpoints, shared by all its calls.
    pub endpoints: Arc<[Endpoint]>,
    /// How its calls went lately.
    pub breaker: Arc<Breaker>,
    exports: Exports,
    /// Bounds its calls in flight, so that a slow provider starves no other.
    calls: Arc<Semaphore>,
}

/// What one call is about.
#[derive(Debug)]
pub struct Call {
    /// What `egress` may do for the guest meanwhile.
    pub grant: Grant,
    /// The connection's fields that are not secret.
    pub fields: BTreeMap<String, String>,
    pub account: Option<String>,
}

/// The versions of the contract that are served, the oldest first.
pub const CONTRACT_VERSIONS: [&str; 2] = contract::SERVED;

/// An operation of the contract.
#[derive(Clone, Debug)]
pub enum Operation {
    Connect,
    Disconnect,
    Health,
    ListUsers {
        cursor: Option<String>,
        limit: u32,
    },
    /// Where change alerts go.
    AlertTarget,
    /// Sets where they go; none turns them off.
    SetAlertTarget(Option<String>),
}

impl Operation {
    /// The operation's name in metrics and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Health => "health",
            Self::ListUsers { .. } => "list_users",
            Self::AlertTarget => "alert_target",
            Self::SetAlertTarget(_) => "set_alert_target",
        }
    }
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Connected {
        org_name: Option<String>,
        account: Option<String>,
        learned: BTreeMap<String, String>,
    },
    Choose(Vec<Account>),
    Disconnected {
        upstream: UpstreamFate,
        note: Option<String>,
    },
    Healthy(serde_json::Map<String, serde_json::Value>),
    Users {
        users: Vec<User>,
        next_cursor: Option<String>,
    },
    /// Where change alerts go; none where they are off.
    AlertTarget(Option<String>),
}

/// What became of the credential at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFate {
    Revoked,
    RevokeGrant,
    Kept,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component answered with an error of the contract.
    #[error("the component answered: {0}")]
    Refused(#[source] ProviderError),
    /// The component trapped, ran out of time or memory, or broke the contract.
    #[error("the component failed: {0}")]
    Fault(String),
    /// The call's time ended while the provider was being waited for.
    #[error("the provider did not answer in time")]
    ProviderTimeout,
    /// Too many calls are in flight.
    #[error("too many calls are in flight")]
    Overloaded,
}

/// A component's own error, as the contract has it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProviderError {
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    #[error("forbidden: {0}")]
    Forbidden(String),
    #[error("rate limited")]
    RateLimited(Option<u32>),
    #[error("unsupported: {0}")]
    Unsupported(String),
    #[error("upstream answered {status}: {message}")]
    Upstream { status: u16, message: String },
    #[error("malformed: {0}")]
    Malformed(String),
    #[error("invalid {}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    #[error("no answer: {0}")]
    Http(#[source] SendError),
}

/// Why a file is not a component that can be used; in words for the administrator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

impl Sandbox {
    /// Makes the engine and what is linked into every guest; components are checked in this process.
    ///
    /// # Errors
    /// The machine cannot give what the engine needs.
    pub fn new(limits: Limits, egress: Egress, cache: Cache) -> wasmtime::Result<Self> {
        Self::with_checker(limits, egress, cache, Checker::InProcess)
    }

    /// The same, with components checked elsewhere.
    ///
    /// # Errors
    /// The machine cannot give what the engine needs.
    pub fn with_checker(limits: Limits, egress: Egress, cache: Cache, checker: Checker) -> wasmtime::Result<Self> {
        let engine = engine::new(&limits)?;
        let linker = guest::linker(&engine)?;
        Ok(Self(Arc::new(Inner {
            _ticker: Ticker::start(&engine),
            linker,
            egress,
            cache,
            checker,
            calls: Arc::new(Semaphore::new(limits.calls)),
            compiling: Semaphore::new(1),
            limits,
            engine,
        })))
    }

    /// Checks, compiles (or takes from the cache) and describes a component.
    ///
    /// # Errors
    /// It is not a component, imports what is not linked, or says of itself what may not be approved.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<Component, LoadError> {
        let (digest, bytes) = (compiled::digest(&bytes), Arc::new(bytes));
        let _one_at_a_time = self.0.compiling.acquire().await.map_err(|_closed| LoadError("stopping".to_owned()))?;
        let known = {
            let (sandbox, digest) = (self.clone(), digest.clone());
            blocking(move || Ok(sandbox.0.cache.take(&sandbox.0.engine, &digest))).await?
        };
        if let Some((code, manifest)) = known {
            let exports = guest::exports(&self.0.engine, &self.0.linker, &code)?;
            return Ok(self.component(digest, manifest, exports));
        }
        compiled::is_component(&bytes)?;
        match &self.0.checker {
            Checker::InProcess => {
                let sandbox = self.clone();
                let code = blocking(move || compiled::compile(&sandbox.0.engine, &bytes)).await?;
                let exports = guest::exports(&self.0.engine, &self.0.linker, &code)?;
                let manifest = judged(describe::run(self, &exports.provider).await?, &exports)?;
                let code = code.serialize().map_err(|error| LoadError(format!("it cannot be kept: {error:#}")))?;
                self.0.cache.put(&self.0.engine, &digest, &code, &manifest);
                Ok(self.component(digest, manifest, exports))
            }
            Checker::Child(program) => {
                let checked = check::in_child(program.clone(), bytes).await?;
                let (sandbox, name) = (self.clone(), digest.clone());
                let (exports, manifest) = blocking(move || {
                    let code = compiled::from_child(&sandbox.0.engine, &checked.code)?;
                    let exports = guest::exports(&sandbox.0.engine, &sandbox.0.linker, &code)?;
                    let manifest = judged(checked.manifest, &exports)?;
                    sandbox.0.cache.put(&sandbox.0.engine, &name, &checked.code, &manifest);
                    Ok((exports, manifest))
                })
                .await?;
                Ok(self.component(digest, manifest, exports))
            }
        }
    }

    fn component(&self, digest: String, manifest: Manifest, exports: Exports) -> Component {
        Component {
            digest,
            endpoints: manifest.endpoints.clone().into(),
            manifest: Arc::new(manifest),
            breaker: Arc::default(),
            exports,
            calls: Arc::new(Semaphore::new(self.0.limits.calls_per_component)),
        }
    }

    /// The largest file that is taken for a component, in bytes.
    pub fn component_bytes(&self) -> u64 {
        self.0.limits.component_bytes
    }

    /// Runs one operation in a fresh instance.
    ///
    /// # Errors
    /// See [`CallError`]. Whatever the guest does, this ends within the call's time.
    pub async fn run(&self, component: &Component, call: Call, operation: Operation) -> Result<Answer, CallError> {
        let _own_place = component.calls.try_acquire().map_err(|_full| CallError::Overloaded)?;
        let _place = self.0.calls.try_acquire().map_err(|_full| CallError::Overloaded)?;
        let limits = &self.0.limits;
        let deadline = Instant::now() + limits.call_time;
        let activity = call.grant.activity.clone();
        let (guest, progress) =
            Guest::for_call(limits, &component.manifest.id, self.0.egress.clone(), call.grant, deadline);
        let mut store = self.store(guest);
        let connection = operation::connection(call.fields, call.account);
        let work = operation::perform(&component.exports, &mut store, &connection, operation);
        // The outer net: a panic ends this call only, and the time holds inside host calls too, where no epoch reaches.
        let (worked, waits_upstream) = {
            let mut work = std::pin::pin!(AssertUnwindSafe(work).catch_unwind());
            let worked = tokio::time::timeout_at(deadline, activity.of_call(work.as_mut())).await;
            // Asked before the call is dropped: that ends what it waits for.
            (worked, progress.is_waiting_upstream())
        };
        activity.held(store.data().meter.taken(), engine::burnt(&store, limits));
        match worked {
            Err(_elapsed) if waits_upstream => Err(CallError::ProviderTimeout),
            Err(_elapsed) => Err(CallError::Fault(format!("it did not finish within {}", in_words(limits.call_time)))),
            Ok(Err(_panic)) => Err(CallError::Fault("a host function failed on what the guest gave it".to_owned())),
            Ok(Ok(Err(trap))) => Err(CallError::Fault(trap_in_words(&trap))),
            Ok(Ok(Ok(answer))) => operation::answer(answer, &component.manifest),
        }
    }

    fn store(&self, guest: Guest) -> Store<Guest> {
        let limits = &self.0.limits;
        let mut store = Store::new(&self.0.engine, guest);
        store.limiter(|guest| &mut guest.meter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.handles);
        engine::bound_time(&mut store, limits.ticks());
        engine::fill(&mut store, limits);
        store
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sandbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Component")
            .field("id", &self.manifest.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Does what keeps a thread busy off the threads that serve.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| LoadError(format!("the component could not be compiled: {panic}")))?
}

/// A manifest that may be shown to an administrator.
fn judged(manifest: Manifest, exports: &Exports) -> Result<Manifest, LoadError> {
    if manifest.capabilities.alerts && exports.alerts.is_none() {
        return Err(LoadError("it says that it takes alerts, and does not export `alerts`".to_owned()));
    }
    let findings = review::findings(&manifest);
    if findings.is_empty() {
        return Ok(manifest);
    }
    Err(LoadError(format!("its manifest cannot be approved: {}", findings.join("; "))))
}

fn in_words(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}

/// A trap's whole story: the message and the guest's own functions, for the log.
fn trap_in_words(trap: &wasmtime::Error) -> String {
    let story = format!("{trap:#}");
    story
        .chars()
        .take(4_000)
        .map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
        .collect()
}
