//! A JSON object field by field: each that is missing, of the wrong kind or unknown is named, all in one answer.

use std::collections::BTreeMap;

use jackfield_core::{Error, FieldError};
use serde_json::Value;

/// Unknown fields that are named; the body is the caller's own.
const UNKNOWN: usize = 20;

/// The fields of a body that are still to be read.
pub(crate) struct Form {
    fields: BTreeMap<String, Value>,
    errors: Vec<FieldError>,
}

impl Form {
    pub(crate) fn new(fields: BTreeMap<String, Value>) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// A text that has to be there.
    pub(crate) fn text(&mut self, name: &str) -> String {
        match self.optional_text(name) {
            Some(text) => text,
            None => {
                if !self.errors.iter().any(|error| error.field == name) {
                    self.wrong(name, "is required");
                }
                String::new()
            }
        }
    }

    /// A text that may be left out.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.fields.remove(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(name, "must be a text");
                None
            }
        }
    }

    /// A text that may be left out, or be null to take away what is there.
    pub(crate) fn clearable_text(&mut self, name: &str) -> Option<Option<String>> {
        if self.fields.get(name) == Some(&Value::Null) {
            self.fields.remove(name);
            return Some(None);
        }
        self.optional_text(name).map(Some)
    }

    /// A truth that has to be there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        if !self.fields.contains_key(name) {
            self.wrong(name, "is required");
        }
        self.optional_flag(name).unwrap_or_default()
    }

    /// A truth that may be left out.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        match self.fields.remove(name)? {
            Value::Bool(flag) => Some(flag),
            _ => {
                self.wrong(name, "must be true or false");
                None
            }
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every field that was missing, of the wrong kind, or never asked for.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        for name in self.fields.into_keys().take(UNKNOWN) {
            let name: String = name.chars().take(40).collect();
            self.errors.push(FieldError::new(name, "is not a field of this body"));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Error::InvalidFields(self.errors)) }
    }

    fn wrong(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError::new(name, message));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let body = json!({ "a": 1, "b": "text", "c": "yes", "d": null, "f": null });
        let mut form = Form::new(from_value(body).expect("an object"));
        assert_eq!(form.text("a"), "");
        assert_eq!(form.text("b"), "text");
        assert!(!form.flag("c"));
        assert_eq!(form.clearable_text("d"), Some(None));
        assert_eq!(form.optional_text("e"), None);
        assert_eq!(form.text("g"), "");
        let Err(Error::InvalidFields(errors)) = form.finish() else { panic!("it was taken") };
        let said: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
        assert_eq!(
            said,
            ["a must be a text", "c must be true or false", "g is required", "f is not a field of this body"]
        );
    }
}
