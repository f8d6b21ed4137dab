//! Makes up a value that a field's pattern takes, for examples and dry runs. Judges no value.

use jackfield_sandbox::whole_match;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How long an open repetition is made: as long as the shortest secret.
const OPEN: u32 = 8;

/// Letters of a value at most, whatever a pattern asks for.
const LONGEST: usize = 200;

/// A value that the pattern takes; none where no plain one comes to mind.
#[must_use]
pub fn example(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut made = String::new();
    write(&hir, &mut made)?;
    let fits = whole_match(pattern).is_ok_and(|pattern| pattern.is_match(&made));
    (fits && !made.is_empty()).then_some(made)
}

fn write(hir: &Hir, made: &mut String) -> Option<()> {
    if made.len() > LONGEST {
        return None;
    }
    match hir.kind() {
        // The ends of the text, which the whole value is anyway.
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(literal) => {
            made.push_str(std::str::from_utf8(&literal.0).ok()?);
            Some(())
        }
        HirKind::Class(class) => {
            made.push(letter(class)?);
            Some(())
        }
        HirKind::Repetition(repetition) => {
            let open = if repetition.min == 0 { 0 } else { repetition.min.max(OPEN) };
            let times = repetition.max.map_or(open, |most| most.min(repetition.min));
            (0..times).try_for_each(|_| write(&repetition.sub, made))
        }
        HirKind::Capture(capture) => write(&capture.sub, made),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, made)),
        HirKind::Alternation(parts) => write(parts.first()?, made),
    }
}

/// A letter of the class, one that reads well where it has such.
fn letter(class: &Class) -> Option<char> {
    let is_in = |letter: char| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&letter)),
        Class::Bytes(class) => u8::try_from(letter)
            .is_ok_and(|byte| class.iter().any(|range| (range.start()..=range.end()).contains(&byte))),
    };
    ('a'..='z').chain('A'..='Z').chain('0'..='9').chain('!'..='~').find(|letter| is_in(*letter))
}

#[cfg(test)]
mod tests {
    use super::example;

    #[test]
    fn what_is_made_up_fits_its_pattern() {
        for (pattern, made) in [
            ("^(tok\\.)?tok[ab]-[A-Za-z0-9-]+$", "toka-aaaaaaaa"),
            ("^[CGD][A-Z0-9]+$", "CAAAAAAAA"),
            ("[0-9]{4}", "0000"),
            ("live|test", "live"),
            (r"\S+@\S+", "aaaaaaaa@aaaaaaaa"),
        ] {
            assert_eq!(example(pattern).as_deref(), Some(made), "{pattern}");
        }
    }

    #[test]
    fn where_no_value_comes_to_mind_there_is_no_example() {
        for pattern in ["", "^$", "(", "[а-я]+", "a{300}", r"\bx\B"] {
            assert_eq!(example(pattern), None, "{pattern}");
        }
    }
}
