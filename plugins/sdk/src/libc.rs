//! Replaces two C functions of Rust's panic handler, so that a component does not import WASI because of them.
//!
//! Other functions of the standard library that a plugin uses, such as the clock, still import WASI.
#![expect(unsafe_code, reason = "the linker finds these by their C names")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

/// Writes the text of standard output and standard error, such as a panic message, to the operator's log.
#[unsafe(no_mangle)]
extern "C" fn write(_: c_int, text: *const c_void, length: usize) -> isize {
    // SAFETY: the caller passes a block of this length and does not change it during the call.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    let text = std::str::from_utf8(text).unwrap_or_default().trim_ascii();
    // Drop the hint about RUST_BACKTRACE, which has no effect in a component.
    if !text.is_empty() && !text.starts_with("note: ") {
        crate::log::error(text);
    }
    length.cast_signed()
}

/// Returns null for every variable, including `RUST_BACKTRACE`.
#[unsafe(no_mangle)]
extern "C" fn getenv(_: *const c_char) -> *mut c_char {
    null_mut()
}
