//! The system's allocator, but for one thing: a large piece that is to grow is copied
//! to a new place, where the system's would have the kernel move it (mremap). A call
//! that moves memory can also make a stack larger than it may be, and so a cell that
//! holds a guest may not make it.

use std::alloc::{GlobalAlloc, Layout, System};

/// Pieces of fewer bytes never have a mapping of their own, with any allocator.
const SMALL_BYTES: usize = 64 << 10;

/// What each program that is a cell must say is its global allocator.
#[derive(Clone, Copy, Debug)]
pub struct Heap;

// SAFETY: all is the system's allocator's, to which each piece belongs from its
// beginning to its end.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(piece, layout) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() < SMALL_BYTES {
            // SAFETY: as above.
            return unsafe { System.realloc(piece, layout, size) };
        }
        // SAFETY: the caller vouches for the size, rounded up to the alignment.
        let larger = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !larger.is_null() {
            // SAFETY: both pieces have so many bytes and are apart; the old one is not
            // used any more.
            unsafe {
                std::ptr::copy_nonoverlapping(piece, larger, layout.size().min(size));
                self.dealloc(piece, layout);
            }
        }
        larger
    }
}
