//! The heap of a component: memory is handed out in order and given back with the instance, which lives for one call.
#![expect(unsafe_code, reason = "a global allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::memory_grow;
use std::cell::Cell;
use std::ptr::{copy_nonoverlapping, null_mut, without_provenance_mut};

#[global_allocator]
static HEAP: Heap = Heap { next: Cell::new(0), end: Cell::new(0) };

const PAGE: usize = 64 * 1024;

/// What memory grows by at least: growing is a call into the host, and pages that nobody touches cost nothing.
const STEP: usize = 1024 * 1024;

/// A stretch of linear memory, taken up to `next`.
struct Heap {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

impl Heap {
    /// Takes `size` bytes from `start` on where that much is left.
    fn take(&self, start: usize, size: usize) -> bool {
        match start.checked_add(size) {
            Some(next) if next <= self.end.get() => {
                self.next.set(next);
                true
            }
            _ => false,
        }
    }

    /// Adds `size` bytes, behind what is left unless somebody else grew memory meanwhile.
    #[cold]
    fn grow(&self, size: usize) -> bool {
        // Near the memory limit the step may be too much where the need itself is not.
        for pages in [size.max(STEP).div_ceil(PAGE), size.div_ceil(PAGE)] {
            let old = memory_grow::<0>(pages);
            if old != usize::MAX {
                if old * PAGE != self.end.get() {
                    self.next.set(old * PAGE);
                }
                // All 4 GiB taken would end at 0; the last page stays unused then.
                self.end.set((old + pages).min(usize::MAX / PAGE) * PAGE);
                return true;
            }
        }
        false
    }
}

// SAFETY: every block lies between `next` and `end` when it is taken, aligned, and `next` then moves behind it; it
// moves back only over the block that was taken last.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Twice: once in what is left, once after growing by what certainly suffices.
        for _ in 0..2 {
            let start = self.next.get().next_multiple_of(layout.align());
            if self.take(start, layout.size()) {
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
        if size <= layout.size() || (is_last && self.take(block.addr(), size)) {
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
