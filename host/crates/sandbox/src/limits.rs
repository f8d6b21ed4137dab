//! The limits of the engine and of each call, with the reason for each number.

use std::time::Duration;

/// Period of the epoch clock. Short enough that a guest in a loop soon yields its thread, long enough that the ticks
/// cost nothing.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Maximum number of table elements of one call, all tables together. A Rust guest has about a hundred, a Python guest
/// 12,000.
pub(crate) const TABLE_ELEMENTS: usize = 40_000;

/// Maximum number of core instances of one component. A Rust guest has three, JavaScript and Python up to a dozen.
pub(crate) const CORE_INSTANCES: u32 = 20;

/// Maximum number of tables of one component.
pub(crate) const TABLES: u32 = 10;

/// Maximum number of memories of one component: its own, and those of adapters.
pub(crate) const MEMORIES: u32 = 4;

/// The limits of a sandbox; the default is what a service uses.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Concurrent calls of one component.
    pub calls_per_component: usize,
    /// Concurrent calls of all components.
    pub calls: usize,
    /// Linear memory of one call in bytes, all memories of the component together.
    pub memory: usize,
    /// Wall-clock time of one call.
    pub call_time: Duration,
    /// Time that a guest may compute in one call, without its waits for a provider.
    pub guest_time: Duration,
    /// Wall-clock time of `describe`.
    pub describe_time: Duration,
    /// Requests in one call, including redirects.
    pub requests: u32,
    /// Bytes that a guest may pass to the host in one host call or as its answer.
    pub hostcall_bytes: usize,
    /// Component-model handles that are open at the same time.
    pub handles: usize,
    /// Size of a component's file in bytes.
    pub component_bytes: u64,
    /// How instances get their memory. Tests and command-line tools use [`Pooling::Never`].
    pub pooling: Pooling,
    /// Whether instructions are counted. This limits nothing and slows guests down; only `jackfield plugin try` uses it.
    pub counts_fuel: bool,
}

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// From a pool if the machine can reserve one, otherwise on demand.
    WherePossible,
    /// On demand.
    Never,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Enough for a thousand calls a second to a provider that answers within a second.
            calls_per_component: 1_024,
            // Twice that, so that one component at its limit leaves the same number of calls to all others.
            calls: 2_048,
            // A JavaScript or Python guest starts at about 20 MiB, and a page of 16 MiB must fit twice.
            memory: 128 << 20,
            // More than the 30 s that egress allows one request, so that a slow provider is reported as a provider
            // timeout and not as a fault of the component.
            call_time: Duration::from_secs(45),
            // An interpreted guest needs about 2 s for a page of 16 MiB.
            guest_time: Duration::from_secs(10),
            // `describe` only builds a record; an interpreted guest starts within a second.
            describe_time: Duration::from_secs(5),
            // The plugins of this repository need three; Fastly allows 32.
            requests: 32,
            // wasmtime's default is 128 MiB. The largest legitimate values are a page of 1,000 users, below 1 MiB, and
            // a request body of 1 MiB.
            hostcall_bytes: 4 << 20,
            // Far more than a guest needs for WASI; wasmtime's default is 100,000.
            handles: 1_000,
            // componentize-py builds components of 18 MB.
            component_bytes: 32 << 20,
            pooling: Pooling::WherePossible,
            counts_fuel: false,
        }
    }
}

/// Converts a time to ticks of the epoch clock, at least one.
pub(crate) fn to_ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).max(1)
}
