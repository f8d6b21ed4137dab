//! Sanitizes text from a guest before it is logged, returned or displayed.

/// Cuts a text to `max_chars` characters, and replaces control and bidirectional characters with U+FFFD.
///
/// An ellipsis follows a text that was cut.
pub(crate) fn sanitize(text: &str, max_chars: usize) -> String {
    let mut sanitized: String = text
        .chars()
        .take(max_chars)
        .map(|character| if character.is_control() || is_bidirectional(character) { '\u{fffd}' } else { character })
        .collect();
    if text.len() > sanitized.len() && text.chars().nth(max_chars).is_some() {
        sanitized.push('…');
    }
    sanitized
}

/// Sanitizes a text like [`sanitize`], but keeps its line breaks.
pub(crate) fn sanitize_lines(text: &str, max_chars: usize) -> String {
    let text: String = text.chars().take(max_chars).collect();
    text.split('\n').map(|line| sanitize(line, max_chars)).collect::<Vec<_>>().join("\n")
}

/// Sanitizes a text like [`sanitize`], but returns the same string if nothing needs to change.
///
/// That is the case for most names on most pages.
pub(crate) fn sanitize_owned(text: String, max_chars: usize) -> String {
    if text.len() <= max_chars && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text;
    }
    sanitize(&text, max_chars)
}

/// Returns whether a character changes the direction of text, which can make one name look like another.
pub(crate) fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_guest_is_cut_and_sanitized() {
        assert_eq!(sanitize("plain", 10), "plain");
        assert_eq!(sanitize("a\r\n\u{1b}[31mred\u{202e}", 20), "a\u{fffd}\u{fffd}\u{fffd}[31mred\u{fffd}");
        assert_eq!(sanitize("ääää", 3), "äää…");
        assert_eq!(sanitize("äää", 3), "äää");
        assert_eq!(sanitize_lines("a\n\tb\u{202e}\nc", 5), "a\n\u{fffd}b\u{fffd}");
        assert_eq!(sanitize_owned("Zoë".to_owned(), 500), "Zoë");
    }
}
