//! The engine: which language it takes, how instances get memory, how time is kept. Each setting says why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store, Strategy,
    UpdateDeadline,
};

use super::limits::{CORE_INSTANCES, Limits, MEMORIES, Pooling, TABLE_ELEMENTS, TABLES, TICK};

/// Stack of a guest. The default; a deeper recursion traps.
const WASM_STACK: usize = 512 << 10;

/// Stack of a call, guest and host functions together. An overflow outside the guest's share aborts the process, so
/// the host keeps 1.5 MiB.
const CALL_STACK: usize = 2 << 20;

/// Makes the engine.
pub(super) fn new(limits: &Limits) -> wasmtime::Result<Engine> {
    let mut config = language();
    config
        // Cranelift only: Winch had four escapes and leaks in one month (GHSA-xx5w-cvp6-jv83 and others).
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Yields to the executor at every tick; two to three times cheaper than fuel.
        .epoch_interruption(true)
        .consume_fuel(limits.counts_fuel)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(CALL_STACK)
        // Off by default: a pooled stack would carry what an earlier call left on it.
        .async_stack_zeroing(true)
        // 4 GiB and guards let the compiler leave out bounds checks, and keep page permissions right between pooled
        // instances (GHSA-6wgr-89rj-399p).
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        // A trap's story names the guest's functions; without line tables it costs nothing until then.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    if limits.pooling == Pooling::WherePossible {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => {
                // Each slot reserves 4 GiB of address space; a container may not allow that.
                tracing::warn!(%error, "no pool of instances can be reserved here; calls will be slower");
            }
        }
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    }
    Engine::new(&config)
}

/// The language that guests may be written in: what compilers make today, and nothing that only widens the target.
pub(super) fn language() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The world is synchronous, so the machinery for concurrent guests is only weight on every call.
        .concurrency_support(false)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_function_references(false)
        .wasm_stack_switching(false);
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    // A little more than the calls in flight: `describe` takes a slot too, and a slot is given back a moment late.
    let slots = u32::try_from(limits.calls).unwrap_or(u32::MAX).saturating_add(16);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_stacks(slots)
        // A Rust guest has three core instances, two tables, one memory; the rare larger one takes others' share.
        .total_core_instances(slots * 4)
        .total_tables(slots * 2)
        .total_memories(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_tables_per_component(TABLES)
        .max_memories_per_component(MEMORIES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.memory)
        // Kept resident and zeroed by hand, which is quicker than giving pages back and faulting them in again.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(32 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Fills the tank, where fuel is counted: the time bounds a guest, so that it never runs dry.
pub(super) fn fill<T: 'static>(store: &mut Store<T>, limits: &Limits) {
    if limits.counts_fuel
        && let Err(error) = store.set_fuel(u64::MAX)
    {
        tracing::error!(%error, "the engine was made to count fuel and does not");
    }
}

/// The fuel that was burnt, where it is counted: about one for each instruction.
pub(super) fn burnt<T: 'static>(store: &Store<T>, limits: &Limits) -> Option<u64> {
    store.get_fuel().ok().filter(|_| limits.counts_fuel).map(|left| u64::MAX - left)
}

/// Lets a guest compute for so many ticks, handing the thread back at each.
pub(super) fn bound_time<T: 'static>(store: &mut Store<T>, ticks: u64) {
    let mut left = ticks;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        left = left.saturating_sub(1);
        if left == 0 {
            wasmtime::bail!("the guest computed for longer than a call may");
        }
        Ok(UpdateDeadline::Yield(1))
    });
}

/// Advances the epoch clock from a thread of its own, until dropped.
#[derive(Debug)]
pub(super) struct Ticker {
    stopped: Arc<AtomicBool>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (engine, seen) = (engine.weak(), Arc::clone(&stopped));
        // A thread and not a task: it must tick while every executor thread is busy in a guest.
        let ticker = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                thread::park_timeout(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        });
        if let Err(error) = ticker {
            // Without a tick a spinning guest would hold its thread for ever.
            tracing::error!(%error, "the epoch clock did not start");
            std::process::abort();
        }
        Self { stopped }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
