//! Reads a JSON object field by field, so that one error lists every field that is missing, unknown or of a wrong type.

use std::collections::BTreeMap;

use jackfield_core::{Error, FieldError};
use serde_json::Value;

use super::extractors::MAX_SHOWN_NAME;

/// Maximum number of unknown fields that an error lists.
const MAX_UNKNOWN: usize = 20;

/// The fields of a body that are not read yet, and the errors so far.
pub(crate) struct JsonFields {
    fields: BTreeMap<String, Value>,
    errors: Vec<FieldError>,
}

impl JsonFields {
    pub(crate) fn new(fields: BTreeMap<String, Value>) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// Reads a required string.
    pub(crate) fn string(&mut self, name: &str) -> String {
        match self.optional_string(name) {
            Some(text) => text,
            None => {
                if !self.errors.iter().any(|error| error.field == name) {
                    self.add_error(name, "is required");
                }
                String::new()
            }
        }
    }

    /// Reads an optional string.
    pub(crate) fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.fields.remove(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.add_error(name, "must be a string");
                None
            }
        }
    }

    /// Reads an optional string that null clears: `None` is absent, `Some(None)` is null.
    pub(crate) fn clearable_string(&mut self, name: &str) -> Option<Option<String>> {
        if self.fields.get(name) == Some(&Value::Null) {
            self.fields.remove(name);
            return Some(None);
        }
        self.optional_string(name).map(Some)
    }

    /// Reads a required boolean.
    pub(crate) fn boolean(&mut self, name: &str) -> bool {
        if !self.fields.contains_key(name) {
            self.add_error(name, "is required");
        }
        self.optional_boolean(name).unwrap_or_default()
    }

    /// Reads an optional boolean.
    pub(crate) fn optional_boolean(&mut self, name: &str) -> Option<bool> {
        match self.fields.remove(name)? {
            Value::Bool(value) => Some(value),
            _ => {
                self.add_error(name, "must be true or false");
                None
            }
        }
    }

    /// Rejects the fields that were not read, and returns every error.
    ///
    /// # Errors
    /// Every field that is missing, of a wrong type, or unknown.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        for name in self.fields.into_keys().take(MAX_UNKNOWN) {
            let name: String = name.chars().take(MAX_SHOWN_NAME).collect();
            self.errors.push(FieldError::new(name, "is not a field of this body"));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Error::InvalidFields(self.errors)) }
    }

    fn add_error(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError::new(name, message));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn one_error_lists_every_wrong_field() {
        let body = json!({ "a": 1, "b": "text", "c": "yes", "d": null, "f": null });
        let mut fields = JsonFields::new(from_value(body).expect("an object"));
        assert_eq!(fields.string("a"), "");
        assert_eq!(fields.string("b"), "text");
        assert!(!fields.boolean("c"));
        assert_eq!(fields.clearable_string("d"), Some(None));
        assert_eq!(fields.optional_string("e"), None);
        assert_eq!(fields.string("g"), "");
        let Err(Error::InvalidFields(errors)) = fields.finish() else { panic!("the body was accepted") };
        let errors: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
        assert_eq!(
            errors,
            ["a must be a string", "c must be true or false", "g is required", "f is not a field of this body"]
        );
    }
}
