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
    /// Processor time that a guest may use in one call.
    pub guest_time: Duration,
    /// Guests of all components that compute at the same time. Others that are ready to compute wait for their turn.
    pub computing_slots: usize,
    /// Bytes that all calls use together: linear memories, bodies, and the copies in which secrets are searched.
    pub shared_memory: usize,
    /// Bytes of `shared_memory` that the calls of one component use together.
    pub component_memory: usize,
    /// How long a call waits for memory that other calls use.
    pub memory_wait: Duration,
    /// Processor time of `describe`.
    pub describe_time: Duration,
    /// How many times its processor time `describe` may take. A machine with other work gives a check only a part of
    /// its processors.
    pub describe_wall: u32,
    /// The time until a check that the machine prevented is done again.
    pub check_retry: Duration,
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

impl Limits {
    /// Reduces the memory of all calls to half of what the process may use, but leaves enough for some calls.
    #[must_use]
    pub fn within_memory(self, usable: usize) -> Self {
        let shared_memory = self.shared_memory.min((usable / 2).max(self.memory * 4));
        Self { shared_memory, component_memory: self.component_memory.min(shared_memory / 2), ..self }
    }
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
            // More would not compute faster.
            computing_slots: std::thread::available_parallelism().map_or(1, usize::from),
            // Room for a thousand calls of Rust guests, or for a hundred of JavaScript or Python guests. See
            // `within_memory` for a small machine.
            shared_memory: 2 << 30,
            // Half, so that one component leaves the other half to all others.
            component_memory: 1 << 30,
            // A call that waits keeps its own memory. Most calls end within two seconds.
            memory_wait: Duration::from_secs(2),
            // `describe` only builds a record; an interpreted guest starts within a second.
            describe_time: Duration::from_secs(5),
            describe_wall: 4,
            check_retry: Duration::from_secs(60),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_use_at_most_half_of_a_small_machine() {
        let of = |usable: usize| {
            let limits = Limits::default().within_memory(usable);
            (limits.shared_memory >> 20, limits.component_memory >> 20)
        };
        assert_eq!(of(64 << 30), (2_048, 1_024));
        assert_eq!(of(2 << 30), (1_024, 512));
        assert_eq!(of(256 << 20), (512, 256), "enough for four large calls");
    }
}
