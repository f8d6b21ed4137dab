//! Limits and counts the memory and tables of one instance. All memories of a component share one allowance.

use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// The allowance of one instance; wasmtime consults it before memory or a table grows.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: usize,
    memory_left: usize,
    table_elements_left: usize,
}

impl Meter {
    pub(crate) fn new(memory: usize) -> Self {
        Self { memory, memory_left: memory, table_elements_left: TABLE_ELEMENTS }
    }

    /// Returns the linear memory in use, in bytes. It is also the peak, because linear memory never shrinks.
    pub(crate) fn used_memory(&self) -> usize {
        self.memory - self.memory_left
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(take_growth(&mut self.memory_left, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
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
    use super::*;

    #[test]
    fn all_memories_of_a_component_share_one_allowance() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).expect("an answer"));
        assert!(!meter.memory_growing(0, 60, None).expect("an answer"), "a second memory");
        assert!(meter.memory_growing(60, 100, None).expect("an answer"));
        assert!(!meter.memory_growing(100, 101, None).expect("an answer"));
        assert_eq!(meter.used_memory(), 100);
    }
}
