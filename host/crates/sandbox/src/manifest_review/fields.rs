//! Reviews the fields of the connect form.

use std::collections::HashSet;

use jackfield_core::manifest::{Field, FieldKind};
use regex::{Regex, RegexBuilder};

use super::Review;

/// Maximum number of bytes of a compiled pattern. A pattern that needs more is rejected.
const PATTERN_BYTES: usize = 64 << 10;

/// Keys of the API's own responses, which a field of that name would hide.
const RESERVED_NAMES: [&str; 4] = ["ok", "configured", "errors", "accounts"];

/// Compiles the pattern of a field, so that it must match the whole value.
///
/// # Errors
/// The pattern is not a regular expression, or it is too large when compiled.
pub fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES).build()
}

impl Review<'_> {
    pub(super) fn fields(&mut self) {
        let fields = &self.manifest.fields;
        if fields.len() > 32 {
            self.add(format!("it has {} fields; the maximum is 32", fields.len()), "declare fewer fields");
        }
        let mut names = HashSet::new();
        for field in fields {
            let name = &field.name;
            if !is_identifier(name) {
                self.add(
                    "the name of a field does not have the form [a-z][a-z0-9_]*, 1 to 40 characters",
                    "choose a name like `api_token`; people see its label",
                );
                continue;
            }
            if RESERVED_NAMES.contains(&name.as_str()) {
                self.add(
                    format!("the field name `{name}` is reserved for the API"),
                    format!("call it `{name}_value`, or use the provider's word for it"),
                );
            }
            if !names.insert(name) {
                self.add(format!("the field `{name}` is declared twice"), "remove one of the two fields");
            }
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        let name = &field.name;
        self.text(&format!("the label of `{name}`"), &field.label, 60);
        if !field.help.is_empty() {
            self.text(&format!("the help of `{name}`"), &field.help, 500);
        }
        if let Some(url) = &field.help_url {
            self.url(&format!("the help URL of `{name}`"), url);
        }
        if (field.kind == FieldKind::Choice) == field.choices.is_empty() || field.choices.len() > 32 {
            self.add(
                format!("the field `{name}` must have 1 to 32 choices if its kind is `choice`, and none otherwise"),
                "add choices to a field of kind `choice`, and remove them from any other field",
            );
        }
        for choice in &field.choices {
            self.text(&format!("a choice of `{name}`"), &choice.value, 100);
            self.text(&format!("the label of a choice of `{name}`"), &choice.label, 60);
        }
        if let Some(problem) = field.pattern.as_ref().and_then(|pattern| find_pattern_problem(pattern)) {
            self.add(
                format!("the pattern of `{name}` {problem}"),
                "use the syntax of docs.rs/regex, at most 500 characters, without look-around and large repetitions",
            );
        }
    }
}

/// Returns what is wrong with a pattern, in words about it; `None` if it can be used.
fn find_pattern_problem(pattern: &str) -> Option<String> {
    if pattern.len() > 500 {
        return Some(format!("has {} bytes; the maximum is 500", pattern.len()));
    }
    // The last line of the parser's message says what is wrong, the lines before show where.
    let error = compile_pattern(pattern).err()?.to_string();
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Some(format!("is not a supported regular expression: {why}"))
}

fn is_identifier(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
