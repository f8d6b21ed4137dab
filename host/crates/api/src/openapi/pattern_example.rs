//! Makes a value that matches a field's pattern, for examples and conformance checks. Validates no value.

use jackfield_sandbox::compile_pattern;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How often a repetition without an upper bound is repeated: 8 times, because a secret has at least 8 characters.
const OPEN_REPETITIONS: u32 = 8;

/// Maximum length of an example in bytes, whatever a pattern requires.
const MAX_LENGTH: usize = 200;

/// Makes a value that matches the whole pattern; `None` for patterns that printable ASCII cannot match.
#[must_use]
pub fn example_of_pattern(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut example = String::new();
    append(&hir, &mut example)?;
    let matches = compile_pattern(pattern).is_ok_and(|pattern| pattern.is_match(&example));
    (matches && !example.is_empty()).then_some(example)
}

fn append(hir: &Hir, example: &mut String) -> Option<()> {
    if example.len() > MAX_LENGTH {
        return None;
    }
    match hir.kind() {
        // Anchors are fulfilled because the example is the whole value.
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(literal) => {
            example.push_str(std::str::from_utf8(&literal.0).ok()?);
            Some(())
        }
        HirKind::Class(class) => {
            example.push(character_of(class)?);
            Some(())
        }
        HirKind::Repetition(repetition) => {
            let open = if repetition.min == 0 { 0 } else { repetition.min.max(OPEN_REPETITIONS) };
            let times = repetition.max.map_or(open, |most| most.min(repetition.min));
            (0..times).try_for_each(|_| append(&repetition.sub, example))
        }
        HirKind::Capture(capture) => append(&capture.sub, example),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| append(part, example)),
        HirKind::Alternation(parts) => append(parts.first()?, example),
    }
}

/// Returns a character of the class: a letter or digit if it has one.
fn character_of(class: &Class) -> Option<char> {
    let is_in_class = |character: char| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&character)),
        Class::Bytes(class) => u8::try_from(character)
            .is_ok_and(|byte| class.iter().any(|range| (range.start()..=range.end()).contains(&byte))),
    };
    ('a'..='z').chain('A'..='Z').chain('0'..='9').chain('!'..='~').find(|character| is_in_class(*character))
}

#[cfg(test)]
mod tests {
    use super::example_of_pattern;

    #[test]
    fn an_example_matches_its_pattern() {
        for (pattern, example) in [
            ("^(tok\\.)?tok[ab]-[A-Za-z0-9-]+$", "toka-aaaaaaaa"),
            ("^[CGD][A-Z0-9]+$", "CAAAAAAAA"),
            ("[0-9]{4}", "0000"),
            ("live|test", "live"),
            (r"\S+@\S+", "aaaaaaaa@aaaaaaaa"),
        ] {
            assert_eq!(example_of_pattern(pattern).as_deref(), Some(example), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_printable_ascii_cannot_match_has_no_example() {
        for pattern in ["", "^$", "(", "[а-я]+", "a{300}", r"\bx\B"] {
            assert_eq!(example_of_pattern(pattern), None, "{pattern}");
        }
    }
}
