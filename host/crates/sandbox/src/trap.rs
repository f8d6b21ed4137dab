//! Formats a trap for an error message.

use wasmtime::WasmBacktrace;

use crate::text::sanitize_lines;

/// Maximum number of characters of a formatted trap.
const MAX_CHARS: usize = 4_000;

/// How wasmtime introduces the frames of the guest, which it puts before the reason.
const BACKTRACE: &str = "error while executing at wasm backtrace:";

/// A part of wasmtime's message about more data than `Limits::hostcall_bytes`.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// Formats a trap: the reason in the first line, and then the guest's stack. Only line breaks are kept of the control
/// characters.
pub(crate) fn format_trap(trap: &wasmtime::Error) -> String {
    let frames = format_frames(trap).map(|frames| format!("\n{frames}")).unwrap_or_default();
    sanitize_lines(&format!("{}{frames}", format_reason(trap)), MAX_CHARS)
}

/// Formats a trap like [`format_trap`], with what the guest wrote last after the reason.
pub(crate) fn format_trap_after(trap: &wasmtime::Error, last_line: &str) -> String {
    let frames = format_frames(trap).map(|frames| format!("\n{frames}")).unwrap_or_default();
    sanitize_lines(&format!("{}; before that it wrote: {last_line}{frames}", format_reason(trap)), MAX_CHARS)
}

fn format_reason(trap: &wasmtime::Error) -> String {
    let reasons = trap.chain().map(ToString::to_string).filter(|reason| !reason.starts_with(BACKTRACE));
    let reasons: Vec<String> = reasons.collect();
    if reasons.iter().any(|reason| reason.contains(HOSTCALL_FUEL)) {
        return "it returned or passed more than 4 MiB at once".to_owned();
    }
    if reasons.is_empty() { "it trapped".to_owned() } else { reasons.join(": ") }
}

fn format_frames(trap: &wasmtime::Error) -> Option<String> {
    let backtrace = trap.downcast_ref::<WasmBacktrace>().filter(|backtrace| !backtrace.frames().is_empty())?;
    Some(backtrace.to_string().replacen(BACKTRACE, "wasm backtrace:", 1))
}
