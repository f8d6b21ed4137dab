//! The two C functions by which Rust's panic message would pull in half of WASI, so that a component imports none.
//!
//! What a provider itself asks of the standard library, such as the time, still comes from WASI.
#![expect(unsafe_code, reason = "the linker takes these by their C names")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

/// Sends what would go to standard output and standard error, a panic above all, to the operator's log.
#[unsafe(no_mangle)]
extern "C" fn write(_: c_int, text: *const c_void, length: usize) -> isize {
    // SAFETY: whoever writes passes a block of that length, which no one changes meanwhile.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    let text = std::str::from_utf8(text).unwrap_or_default().trim_ascii();
    // The hint at RUST_BACKTRACE leads nowhere in a component.
    if !text.is_empty() && !text.starts_with("note: ") {
        crate::log::error(text);
    }
    length.cast_signed()
}

/// Finds no variable, `RUST_BACKTRACE` included.
#[unsafe(no_mangle)]
extern "C" fn getenv(_: *const c_char) -> *mut c_char {
    null_mut()
}
