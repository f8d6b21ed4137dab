//! What a call may use, each number with its reason, and the meter that counts a component's memories together.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How long one tick of the epoch clock is. Short enough that a spinning guest hands the thread back unnoticed, long
/// enough that the ticker costs nothing.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// What every call is held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls in flight of one component.
    pub calls_per_component: usize,
    /// Calls in flight of all components.
    pub calls: usize,
    /// Linear memory of one call in bytes, all memories of the component together.
    pub memory: usize,
    /// Wall-clock time of one call.
    pub call_time: Duration,
    /// Time that a guest may spend computing in one call.
    pub guest_time: Duration,
    /// Wall-clock time of `describe`.
    pub describe_time: Duration,
    /// Requests in one call, redirects included.
    pub requests: u32,
    /// Bytes that a guest may hand to the host in one host call or as its answer.
    pub hostcall_bytes: usize,
    /// Component-model handles alive at once.
    pub handles: usize,
    /// Bytes of a component's file.
    pub component_bytes: u64,
    /// Threads' worth of slots are reserved only where this is set; tests and tools make do without.
    pub pooling: Pooling,
    /// Whether each instruction is counted. It bounds nothing, and makes a guest slower: for an author's look alone.
    pub counts_fuel: bool,
}

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// From a pool where the machine can reserve one, on demand otherwise.
    WherePossible,
    /// On demand.
    Never,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A slow provider at a thousand calls a second-long answer is served; one that hangs costs no other.
            calls_per_component: 1_024,
            // Twice that, so that one component at its bound leaves as much again to all others.
            calls: 2_048,
            // A JavaScript or Python guest starts at about 20 MiB; a page of 16 MiB must fit in twice over.
            memory: 128 << 20,
            // Above egress's 30 s for one request, so that a slow provider is told as such and not as our time-out.
            call_time: Duration::from_secs(45),
            // A page of 16 MiB takes an interpreted guest about 2 s.
            guest_time: Duration::from_secs(10),
            // `describe` only fills in a form; an interpreted guest starts within a second.
            describe_time: Duration::from_secs(5),
            // The six providers need three; Fastly gives 32.
            requests: 32,
            // The default is 128 MiB; the largest honest value is a page of 1,000 users, below 1 MiB, or a request
            // body of 1 MiB.
            hostcall_bytes: 4 << 20,
            // A guest's WASI handles; the default is 100,000.
            handles: 1_000,
            // componentize-py makes 18 MB.
            component_bytes: 32 << 20,
            pooling: Pooling::WherePossible,
            counts_fuel: false,
        }
    }
}

impl Limits {
    /// The guest's computing time in ticks.
    pub(super) fn ticks(&self) -> u64 {
        ticks(self.guest_time)
    }
}

/// A time in ticks, at least one.
pub(super) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Counts what one instance takes; wasmtime asks it before every growth.
#[derive(Debug)]
pub(super) struct Meter {
    memory: usize,
    left: usize,
    table_elements_left: usize,
}

/// Table elements of one call, all tables together; a Rust guest has about a hundred, a Python guest 12,000.
pub(super) const TABLE_ELEMENTS: usize = 40_000;

impl Meter {
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, left: memory, table_elements_left: TABLE_ELEMENTS }
    }

    /// The memory that was taken, which is the most that was ever held: linear memory never shrinks.
    pub(super) fn taken(&self) -> usize {
        self.memory - self.left
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(take(&mut self.left, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(take(&mut self.table_elements_left, current, desired))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

/// Core instances of one component: a Rust guest has three, JavaScript and Python up to a dozen.
pub(super) const CORE_INSTANCES: u32 = 20;
/// Tables of one component.
pub(super) const TABLES: u32 = 10;
/// Memories of one component: its own and an adapter's.
pub(super) const MEMORIES: u32 = 4;

fn take(left: &mut usize, current: usize, desired: usize) -> bool {
    let more = desired.saturating_sub(current);
    let fits = more <= *left;
    if fits {
        *left -= more;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_a_component_share_one_allowance() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).expect("asked"));
        assert!(!meter.memory_growing(0, 60, None).expect("asked"), "a second memory");
        assert!(meter.memory_growing(60, 100, None).expect("asked"));
        assert!(!meter.memory_growing(100, 101, None).expect("asked"));
    }
}
