//! Tells names that are made to look like other names (Unicode Technical Standard 39). Pure: texts in, findings out.

use unicode_security::{MixedScript, skeleton};

/// What makes a text fit to deceive who reads it; none where nothing does.
pub(super) fn finding(text: &str) -> Option<&'static str> {
    if text.chars().any(is_invisible) {
        return Some("holds a character that cannot be seen");
    }
    // Word by word: `Яндекс Directory` is honest, a Cyrillic letter within a Latin word is not.
    let mixed = text.split(|letter: char| !letter.is_alphanumeric()).any(|word| !word.is_single_script());
    mixed.then_some("mixes letters of several scripts in one word")
}

/// Whether two names look alike to a reader who does not look twice.
pub fn looks_like(one: &str, other: &str) -> bool {
    let seen = |name: &str| -> String {
        let small = name.trim().to_lowercase();
        // Once more in small letters: a capital in another script may stand for a small one in ours.
        skeleton(&small).collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    seen(one) == seen(other)
}

/// Characters without ink that are no blank and turn no direction, which `convert` knows.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_two_scripts_or_with_a_hidden_letter_is_found() {
        for honest in ["Acme Chat", "Zoë & Söhne", "日本語のアプリ", "Яндекс Directory", "API token (v2)", "Ελλάδα"]
        {
            assert_eq!(finding(honest), None, "{honest}");
        }
        for (made, why) in [
            ("B\u{430}sil", "several scripts"),
            ("\u{405}adie", "several scripts"),
            ("Ba\u{200b}sil", "cannot be seen"),
            ("Basil\u{e0041}", "cannot be seen"),
            ("Bas\u{fe0f}il", "cannot be seen"),
        ] {
            assert!(finding(made).is_some_and(|found| found.contains(why)), "{made:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_known_and_others_are_not() {
        for (one, other) in
            [("bill", "bi1l"), ("Basil", "basil "), ("Pace", "\u{420}\u{430}\u{441}\u{435}"), ("acme-pay", "acrne-pay")]
        {
            assert!(looks_like(one, other), "{one} {other}");
        }
        for (one, other) in [("basil", "bazil"), ("Acme Chat", "Acme Pay"), ("nero", "zero")] {
            assert!(!looks_like(one, other), "{one} {other}");
        }
    }
}
