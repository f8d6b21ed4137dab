//! The value of a setting, and the removal of line breaks and blanks around it.

/// A value as it was set.
#[derive(Debug)]
pub(super) struct SettingValue {
    pub(super) text: String,
    /// The name of the setting for messages, and its key if it is from the file.
    pub(super) source: String,
    /// The type of a value in the file that is not text.
    pub(super) type_other_than_text: Option<&'static str>,
}

impl SettingValue {
    pub(super) fn of_variable(name: &str, text: String) -> Self {
        Self { text, source: name.to_owned(), type_other_than_text: None }
    }

    pub(super) fn of_file(source: String, value: &toml::Value) -> Self {
        let type_other_than_text = match value {
            toml::Value::String(_) => None,
            toml::Value::Integer(_) => Some("an integer"),
            toml::Value::Float(_) => Some("a number"),
            toml::Value::Boolean(_) => Some("a boolean"),
            toml::Value::Datetime(_) => Some("a date"),
            toml::Value::Array(_) => Some("an array"),
            toml::Value::Table(_) => Some("a table"),
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self { text, source, type_other_than_text }
    }
}

/// Removes line breaks and blanks around a value.
///
/// Secrets of Kubernetes, `echo` and files often end in a line break.
///
/// # Errors
/// The value contains a control character inside, or is enclosed in quotes.
pub(super) fn clean(text: &str) -> Result<&str, String> {
    let text = text.trim_matches(is_blank);
    if let Some(control) = text.chars().find(|character| character.is_control()) {
        return Err(match control {
            '\n' | '\r' => "contains a line break in the middle; it must be one line".to_owned(),
            _ => format!("contains the control character U+{:04X}", u32::from(control)),
        });
    }
    let is_quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') {
        return Err("is enclosed in quotes; remove them (`docker run --env-file` does not)".to_owned());
    }
    Ok(text)
}

/// Returns whether a character at the end of a value is invisible: a blank, a line break or another control character,
/// a byte order mark, or a character of no width.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, '\u{feff}' | '\u{200b}' | '\u{2060}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_value_are_removed_and_control_characters_inside_are_named() {
        for padded in ["a b", " a b ", "a b\n", "a b\r\n", "\u{feff}a b\t", "\u{a0}a b\0", "\na b\u{200b}\n\n"] {
            assert_eq!(clean(padded), Ok("a b"), "{padded:?}");
        }
        assert_eq!(clean(" \n"), Ok(""));
        for (text, why) in [("a\nb", "line break"), ("a\u{7}b", "U+0007"), ("\"a\"", "quotes"), ("'a'\n", "quotes")] {
            assert!(clean(text).is_err_and(|problem| problem.contains(why)), "{text:?}");
        }
    }
}
