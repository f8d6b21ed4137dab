//! Configures the engine: the accepted language features, the memory of instances and the time limit of guests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store, Strategy,
    UpdateDeadline,
};

use crate::{
    computing_slots::ComputingTime,
    limits::{CORE_INSTANCES, Limits, MEMORIES, Pooling, TABLE_ELEMENTS, TABLES, TICK},
};

/// The stack of a guest in bytes, wasmtime's default. A deeper recursion traps.
const WASM_STACK: usize = 512 << 10;

/// The stack of a call in bytes, for guest and host functions together. An overflow outside the guest's share aborts
/// the process, so host functions get 1.5 MiB.
const CALL_STACK: usize = 2 << 20;

/// Creates the engine.
pub(crate) fn new_engine(limits: &Limits) -> wasmtime::Result<Engine> {
    let mut config = engine_config(limits);
    if limits.pooling == Pooling::WherePossible {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool_config(limits)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => {
                // Each slot reserves 4 GiB of address space, which a container may not allow.
                tracing::warn!(%error, "cannot reserve a pool of instances; calls will be slower");
            }
        }
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    }
    Engine::new(&config)
}

/// Returns the settings of the engine, without its memory for instances.
fn engine_config(limits: &Limits) -> Config {
    let mut config = language_config();
    config
        // Not Winch, which had four sandbox escapes or leaks in one month (GHSA-xx5w-cvp6-jv83 and others).
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Yields to the executor at every tick; two to three times cheaper than fuel.
        .epoch_interruption(true)
        .consume_fuel(limits.counts_fuel)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(CALL_STACK)
        // Off by default, but a pooled stack would keep the data of an earlier call.
        .async_stack_zeroing(true)
        // With 4 GiB and guard pages the compiler can omit bounds checks, and page permissions are reset between pooled
        // instances (GHSA-6wgr-89rj-399p).
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        // A trap names the guest's functions. Without line tables this costs nothing until there is a trap.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    config
}

/// The WebAssembly features that compilers use by default, and several memories. All others are off, because they only
/// add attack surface.
fn language_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The world is synchronous, so support for concurrent guests would only slow down every call.
        .concurrency_support(false)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        // Components that are composed of others copy between their memories with code that has two.
        .wasm_multi_memory(true)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_function_references(false)
        .wasm_stack_switching(false);
    config
}

fn pool_config(limits: &Limits) -> PoolingAllocationConfig {
    // A few more than the concurrent calls: `describe` needs a slot too, and a slot is released shortly after its call.
    let slots = u32::try_from(limits.calls).unwrap_or(u32::MAX).saturating_add(16);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_stacks(slots)
        // A Rust guest has three core instances, two tables and one memory. A larger guest is rare, and uses the share
        // of others.
        .total_core_instances(slots * 4)
        .total_tables(slots * 2)
        .total_memories(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_memories_per_component(MEMORIES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.memory)
        // Zeroing these pages is faster than releasing them and faulting them in again.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(32 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Gives a guest the maximum fuel, if fuel is counted. [`set_time_limit`] limits its time instead.
pub(crate) fn fill_fuel<T: 'static>(store: &mut Store<T>, limits: &Limits) {
    if limits.counts_fuel
        && let Err(error) = store.set_fuel(u64::MAX)
    {
        tracing::error!(%error, "the engine is configured to count fuel, but does not");
    }
}

/// Returns the used fuel, about one for each instruction; `None` if fuel is not counted.
pub(crate) fn used_fuel<T: 'static>(store: &Store<T>, limits: &Limits) -> Option<u64> {
    store.get_fuel().ok().filter(|_| limits.counts_fuel).map(|left| u64::MAX - left)
}

/// The guest computed for longer than its limit allows.
#[derive(Debug, thiserror::Error)]
#[error("the guest used up its computing time")]
pub(crate) struct ComputingTimeExceeded;

/// Lets a guest compute for `limit`, of which it has used `computed`. At each tick it yields its thread.
pub(crate) fn set_time_limit<T: 'static>(store: &mut Store<T>, limit: Duration, computed: ComputingTime) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if computed.total() >= limit {
            return Err(ComputingTimeExceeded.into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
}

/// Advances the epoch of an engine from its own thread, until dropped.
#[derive(Debug)]
pub(crate) struct EpochTicker {
    stopped: Arc<AtomicBool>,
}

impl EpochTicker {
    pub(crate) fn start(engine: &Engine) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (engine, is_stopped) = (engine.weak(), Arc::clone(&stopped));
        // A thread and not a task, because it must tick even if guests keep all threads of the executor busy.
        let ticker = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !is_stopped.load(Ordering::Relaxed) {
                thread::park_timeout(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        });
        if let Err(error) = ticker {
            // Without ticks, a guest in a loop would never yield its thread.
            tracing::error!(%error, "cannot start the epoch thread");
            std::process::abort();
        }
        Self { stopped }
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The language features that are on. Compilers use them by default, and components are made of them.
    const FEATURES: [&str; 14] = [
        "bulk_memory",
        "bulk_memory_opt",
        "call_indirect_overlong",
        "component_model",
        "extended_const",
        "floats",
        "gc_types",
        "multi_memory",
        "multi_value",
        "mutable_global",
        "reference_types",
        "saturating_float_to_int",
        "sign_extension",
        "simd",
    ];

    /// Returns the value of a setting in the text of a configuration.
    fn setting<'a>(text: &'a str, name: &str) -> &'a str {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim_end_matches(',')
    }

    #[test]
    fn the_engine_has_exactly_these_settings() {
        let limits = Limits::default();
        // wasmtime lists every feature that it knows, so that a new one which is on by default is noticed.
        let config = format!("{:#?}", engine_config(&limits));
        let enabled = config.lines().filter_map(|line| line.trim().strip_prefix("wasm_")?.strip_suffix(": true,"));
        assert_eq!(BTreeSet::from_iter(enabled), BTreeSet::from(FEATURES));
        let compact: String = config.split_whitespace().collect();
        assert!(compact.contains("strategy:Some(Cranelift,)"), "{config}");
        for (name, value) in [
            ("memory_reservation", "4294967296"),
            ("memory_guard_size", "33554432"),
            ("parse_wasm_debuginfo", "false"),
            ("consume_fuel", "false"),
            ("epoch_interruption", "true"),
            ("concurrency_support", "false"),
            ("wmemcheck", "false"),
            ("flags", "{}"),
        ] {
            assert_eq!(setting(&config, name), value, "{name}");
        }
        let pool = format!("{:#?}", pool_config(&limits));
        for (name, value) in [
            ("total_component_instances", "2064"),
            ("total_core_instances", "8256"),
            ("max_core_instances_per_component", "20"),
            ("max_memories_per_component", "4"),
            ("max_memories_per_module", "4"),
            ("max_tables_per_component", "10"),
            ("total_memories", "2064"),
            ("total_tables", "4128"),
            ("total_stacks", "2064"),
            ("table_elements", "40000"),
            ("max_memory_size", "134217728"),
        ] {
            assert_eq!(setting(&pool, name), value, "{name}");
        }
        assert!(Engine::new(&engine_config(&limits)).is_ok(), "these settings fit together");
    }
}
