//! The heap of a component. It allocates memory in order and frees almost none, because an instance runs for one call.
#![expect(unsafe_code, reason = "a global allocator returns raw pointers")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::memory_grow;
use std::cell::Cell;
use std::ptr::{copy_nonoverlapping, null_mut, without_provenance_mut};

#[global_allocator]
static HEAP: Heap = Heap { next: Cell::new(0), end: Cell::new(0) };

const PAGE: usize = 64 * 1024;

/// The minimum by which memory grows, because growing calls the host and untouched pages cost nothing.
const STEP: usize = 1024 * 1024;

/// A range of linear memory. Everything before `next` is allocated.
struct Heap {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

impl Heap {
    /// Allocates `size` bytes at `start` if they fit.
    fn try_allocate(&self, start: usize, size: usize) -> bool {
        match start.checked_add(size) {
            Some(next) if next <= self.end.get() => {
                self.next.set(next);
                true
            }
            _ => false,
        }
    }

    /// Grows memory by `size` bytes or more. The new bytes follow the free ones, unless other code grew memory.
    #[cold]
    fn grow(&self, size: usize) -> bool {
        // Near the memory limit, growing by the minimum may fail where growing by `size` does not.
        for pages in [size.max(STEP).div_ceil(PAGE), size.div_ceil(PAGE)] {
            let old = memory_grow::<0>(pages);
            if old != usize::MAX {
                if old * PAGE != self.end.get() {
                    self.next.set(old * PAGE);
                }
                // With all 4 GiB allocated, the end would wrap to 0, so the last page stays unused.
                self.end.set((old + pages).min(usize::MAX / PAGE) * PAGE);
                return true;
            }
        }
        false
    }
}

// SAFETY: every block is aligned and lies between `next` and `end` when it is allocated, and `next` then moves to its
// end. `next` moves back only over the block that was allocated last.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Try the free bytes first. The second attempt follows growth by enough bytes.
        for _ in 0..2 {
            let start = self.next.get().next_multiple_of(layout.align());
            if self.try_allocate(start, layout.size()) {
                return without_provenance_mut(start);
            }
            if !self.grow(layout.size().saturating_add(layout.align())) {
                break;
            }
        }
        null_mut()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == self.next.get() {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_last = block.addr() + layout.size() == self.next.get();
        if size <= layout.size() || (is_last && self.try_allocate(block.addr(), size)) {
            return block;
        }
        // SAFETY: the caller keeps `size` within what a layout can be, and the blocks do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}
