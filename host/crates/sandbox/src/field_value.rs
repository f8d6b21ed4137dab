//! Validates the value of a field, whether a person entered it or a component learned it.

use jackfield_core::manifest::{Field, FieldKind};
use jackfield_egress::policy;
use zeroize::Zeroize;

use crate::{manifest_review::compile_pattern, text::is_bidirectional};

/// Maximum length in bytes of any value but JSON.
const MAX_LENGTH: usize = 8 << 10;

/// Maximum length in bytes of a JSON document; a key file has about 2 KiB.
const MAX_JSON_LENGTH: usize = 64 << 10;

/// Checks a value against the rules of its field.
///
/// # Errors
/// The rule that the value breaks, for people. It continues a sentence that starts with the name of the field, and does
/// not contain the value.
pub fn validate_field_value(field: &Field, value: &str) -> Result<(), String> {
    let max_length = if field.kind == FieldKind::Json { MAX_JSON_LENGTH } else { MAX_LENGTH };
    if value.len() > max_length {
        return Err(format!("is longer than {max_length} bytes"));
    }
    let is_hidden = |character: char| character.is_control() || is_bidirectional(character);
    if field.kind != FieldKind::Json && value.chars().any(is_hidden) {
        return Err("contains a line break or another character that is not displayed".to_owned());
    }
    validate_kind(field, value)?;
    if let Some(pattern) = &field.pattern
        && !compile_pattern(pattern).is_ok_and(|pattern| pattern.is_match(value))
    {
        return Err(format!("has the wrong format: {}", field.help));
    }
    Ok(())
}

fn validate_kind(field: &Field, value: &str) -> Result<(), String> {
    match field.kind {
        FieldKind::Text => Ok(()),
        FieldKind::Email => match value.split_once('@') {
            Some((user, host)) if !user.is_empty() && host.contains('.') && !value.contains(' ') => Ok(()),
            _ => Err("is not an email address".to_owned()),
        },
        FieldKind::Url => {
            policy::validate_url(value).map(drop).map_err(|why| format!("is not an allowed address: {why}"))
        }
        FieldKind::Json => {
            let mut document: serde_json::Value = serde_json::from_str(value).map_err(|_| "is not JSON".to_owned())?;
            wipe(&mut document);
            Ok(())
        }
        FieldKind::Choice if field.choices.iter().any(|choice| choice.value == value) => Ok(()),
        FieldKind::Choice => {
            let choices: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            Err(format!("must be one of {}", choices.join(", ")))
        }
    }
}

/// Overwrites the strings of a document, because they can contain a private key.
fn wipe(document: &mut serde_json::Value) {
    match document {
        serde_json::Value::String(text) => text.zeroize(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(wipe),
        serde_json::Value::Object(members) => members.values_mut().for_each(wipe),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::manifest::Choice;

    #[test]
    fn a_value_follows_the_kind_and_the_pattern_of_its_field() {
        let field = |kind: FieldKind| Field {
            name: "team".to_owned(),
            label: "Team".to_owned(),
            help: "Any.".to_owned(),
            help_url: None,
            kind,
            secret: false,
            required: false,
            choices: vec![Choice { value: "red".to_owned(), label: "Red".to_owned() }],
            pattern: None,
        };
        for (kind, good, bad) in [
            (FieldKind::Text, "Zo\u{eb} & S\u{f6}hne", ["a\nb", "a\u{1b}[8m", "a\u{202e}", "a\u{2066}b", "\u{7f}"]),
            (FieldKind::Email, "a@b.example", ["a", "a@b", "a b@c.example", "@b.example", "a@b.example\r"]),
            (
                FieldKind::Url,
                "https://acme.example/x",
                ["http://acme.example/", "https://10.0.0.1/", "javascript:alert(1)", "https://a.example/#x", "x"],
            ),
            (FieldKind::Json, "{\n}", ["{", "", "x", "{}{}", "\u{202e}"]),
            (FieldKind::Choice, "red", ["blue", "Red", "", " red", "red\u{200e}"]),
        ] {
            assert_eq!(validate_field_value(&field(kind), good), Ok(()), "{kind:?}");
            for value in bad {
                assert!(validate_field_value(&field(kind), value).is_err(), "{kind:?} {value:?}");
            }
        }
        let patterned = Field { pattern: Some("[a-z]+".to_owned()), ..field(FieldKind::Text) };
        assert_eq!(validate_field_value(&patterned, "abc"), Ok(()));
        assert!(validate_field_value(&patterned, "abc1").is_err());
        assert!(validate_field_value(&field(FieldKind::Text), &"a".repeat(MAX_LENGTH + 1)).is_err());
    }
}
