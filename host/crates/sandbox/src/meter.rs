//! Limits and counts the memory and tables of one instance. All memories of a component share one allowance.

use jackfield_egress::{CallMemory, MemoryReservation};
use wasmtime::ResourceLimiterAsync;

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// The allowance of one instance; wasmtime consults it before memory or a table grows.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The bytes of the linear memory in the allowance that all calls share.
    reserved: MemoryReservation,
    memory: usize,
    memory_left: usize,
    table_elements_left: usize,
}

impl Meter {
    /// Creates the allowance. Its memory counts in `shared` too.
    pub(crate) fn new(memory: usize, shared: &CallMemory) -> Self {
        let reserved = MemoryReservation::of(shared);
        Self { reserved, memory, memory_left: memory, table_elements_left: TABLE_ELEMENTS }
    }

    /// Returns the linear memory in use, in bytes. It is also the peak, because linear memory never shrinks.
    pub(crate) fn used_memory(&self) -> usize {
        self.memory - self.memory_left
    }
}

#[async_trait::async_trait]
impl ResourceLimiterAsync for Meter {
    /// Waits if other calls use the memory. If that takes too long, the call ends.
    async fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if !take_growth(&mut self.memory_left, current, desired) {
            return Ok(false);
        }
        self.reserved.grow_to(self.used_memory()).await?;
        Ok(true)
    }

    async fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(take_growth(&mut self.table_elements_left, current, desired))
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

/// Subtracts a growth from what is left, or returns `false` if too little is left.
fn take_growth(left: &mut usize, current: usize, desired: usize) -> bool {
    let growth = desired.saturating_sub(current);
    let fits = growth <= *left;
    if fits {
        *left -= growth;
    }
    fits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jackfield_egress::{MemoryAllowance, MemoryExhausted};

    use super::*;

    #[tokio::test]
    async fn all_memories_of_a_component_share_one_allowance() {
        let mut meter = Meter::new(100, &CallMemory::default());
        assert!(meter.memory_growing(0, 60, None).await.expect("an answer"));
        assert!(!meter.memory_growing(0, 60, None).await.expect("an answer"), "a second memory");
        assert!(meter.memory_growing(60, 100, None).await.expect("an answer"));
        assert!(!meter.memory_growing(100, 101, None).await.expect("an answer"));
        assert_eq!(meter.used_memory(), 100);
    }

    #[tokio::test]
    async fn memory_counts_in_the_allowance_of_all_calls_until_the_call_ends() {
        let shared = MemoryAllowance::new(4 << 20, Duration::ZERO);
        let mut meter = Meter::new(8 << 20, &shared.for_call());
        assert!(meter.memory_growing(0, 3 << 20, None).await.expect("an answer"));
        assert_eq!(shared.free_bytes(), 1 << 20);
        let exhausted = meter.memory_growing(3 << 20, 5 << 20, None).await.expect_err("the others use the rest");
        assert!(exhausted.is::<MemoryExhausted>());
        drop(meter);
        assert_eq!(shared.free_bytes(), 4 << 20);
    }
}
