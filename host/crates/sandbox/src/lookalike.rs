//! Finds names that are made to look like other names (Unicode Technical Standard 39).

use unicode_security::{MixedScript, skeleton};

/// Returns what makes a text deceptive, in words about it; `None` if nothing does.
pub(crate) fn find_deception(text: &str) -> Option<String> {
    let to_code = |character: char| format!("U+{:04X}", u32::from(character));
    if let Some(character) = text.chars().find(|character| is_invisible(*character)) {
        return Some(format!("contains the invisible character {}", to_code(character)));
    }
    // Each word is checked alone: `Яндекс Directory` is legitimate, a Cyrillic character in a Latin word is not.
    let mut words = text.split(|character: char| !character.is_alphanumeric());
    let mixed = words.find(|word| !word.is_single_script())?;
    let foreign: Vec<String> = mixed.chars().filter(|character| !character.is_ascii()).take(3).map(to_code).collect();
    Some(format!("mixes characters of several scripts in the word `{mixed}`: {}", foreign.join(", ")))
}

/// Returns whether two names look alike to a person.
pub fn looks_like(one: &str, other: &str) -> bool {
    to_skeleton(one) == to_skeleton(other)
}

/// Replaces each character by the one that it looks like, without regard to case and spaces.
fn to_skeleton(name: &str) -> String {
    let lower_case = name.trim().to_lowercase();
    // Lower case again afterwards, because a capital of another script may look like a small character of ours.
    let skeleton = skeleton(&lower_case).collect::<String>().to_lowercase();
    skeleton.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether a character has no glyph and is neither a space nor bidirectional (see `text`).
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        character,
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
    fn a_word_of_two_scripts_or_with_an_invisible_character_is_deceptive() {
        for honest in ["Acme Chat", "Zoë & Söhne", "日本語のアプリ", "Яндекс Directory", "API token (v2)", "Ελλάδα"]
        {
            assert_eq!(find_deception(honest), None, "{honest}");
        }
        for (deceptive, why) in [
            ("B\u{430}sil", "several scripts"),
            ("\u{405}adie", "several scripts"),
            ("Ba\u{200b}sil", "invisible"),
            ("Basil\u{e0041}", "invisible"),
            ("Bas\u{fe0f}il", "invisible"),
        ] {
            assert!(find_deception(deceptive).is_some_and(|found| found.contains(why)), "{deceptive:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_found() {
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
