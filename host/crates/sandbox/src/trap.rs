//! Formats a trap for an error message.

/// Maximum number of characters of a formatted trap.
const MAX_CHARS: usize = 4_000;

/// Formats a trap with its causes and the guest's stack. Only line breaks are kept of the control characters.
pub(crate) fn format_trap(trap: &wasmtime::Error) -> String {
    format!("{trap:#}")
        .chars()
        .take(MAX_CHARS)
        .map(|character| if character.is_control() && character != '\n' { '\u{fffd}' } else { character })
        .collect()
}
