//! Holds the body of a connect against the fields that the component declares, and merges it with what is stored.

use std::collections::BTreeMap;

use jackfield_core::{
    Error, FieldError, Secret,
    manifest::{Field, FieldKind, Manifest},
};
use jackfield_egress::policy;
use jackfield_sandbox::whole_match;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// Shorter secrets cannot be taken out of an answer without taking ordinary words out too.
const SHORTEST_SECRET: usize = 8;

/// Bytes of an ordinary value.
const LONGEST: usize = 8 << 10;

/// Bytes of a JSON document, such as a key file of 2 KiB.
const LONGEST_JSON: usize = 64 << 10;

/// The value of one field as a caller sent it.
#[derive(Clone, Debug)]
pub enum Submitted {
    Text(Secret<String>),
    /// `null`: clear it.
    Null,
    /// Neither text nor null.
    Other,
}

impl<'de> Deserialize<'de> for Submitted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::Text(Secret::new(text)),
            serde_json::Value::Null => Self::Null,
            // A key file may be sent as the JSON that it is.
            object @ serde_json::Value::Object(_) => Self::Text(Secret::new(object.to_string())),
            _ => Self::Other,
        })
    }
}

/// What is stored before a connect.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, Secret<String>>,
}

/// What a connect is to use.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, Secret<String>>,
    /// Whether any value comes from the store, so that the store must not change meanwhile.
    pub(super) kept_stored_values: bool,
}

/// Merges a body with what is stored, field by field. Each wrong field gets its own message; none repeats a value.
pub(super) fn merge(
    manifest: &Manifest,
    submitted: &BTreeMap<String, Submitted>,
    mut stored: Stored,
) -> Result<Merged, Error> {
    let mut errors: Vec<FieldError> = submitted
        .keys()
        .filter(|name| manifest.field(name).is_none())
        .map(|name| FieldError::new(name.chars().take(100).collect::<String>(), "is not a field of this provider"))
        .collect();
    let mut merged = Merged { fields: BTreeMap::new(), secrets: BTreeMap::new(), kept_stored_values: false };
    for field in &manifest.fields {
        let name = &field.name;
        match submitted.get(name) {
            Some(Submitted::Text(text)) => match judge(field, text) {
                Ok(value) if field.secret => {
                    merged.secrets.insert(name.clone(), value);
                }
                Ok(value) => {
                    merged.fields.insert(name.clone(), value.expose().clone());
                }
                Err(message) => errors.push(FieldError::new(name, message)),
            },
            Some(Submitted::Null) if field.required => {
                errors.push(FieldError::new(name, "is required and cannot be cleared"));
            }
            Some(Submitted::Null) => {}
            Some(Submitted::Other) => errors.push(FieldError::new(name, "must be a string")),
            None => {
                let kept = match (stored.secrets.remove(name), stored.fields.remove(name)) {
                    (Some(secret), _) if field.secret => merged.secrets.insert(name.clone(), secret).is_none(),
                    (_, Some(value)) if !field.secret => merged.fields.insert(name.clone(), value).is_none(),
                    _ => false,
                };
                merged.kept_stored_values |= kept;
                if !kept && field.required {
                    errors.push(FieldError::new(name, "is required"));
                }
            }
        }
    }
    if errors.is_empty() { Ok(merged) } else { Err(Error::InvalidFields(errors)) }
}

/// Judges one value by its field's rules, and takes blanks off its ends, which pasting leaves there.
fn judge(field: &Field, text: &Secret<String>) -> Result<Secret<String>, String> {
    let value = text.expose().trim();
    if value.is_empty() {
        return Err("is empty; leave it out to keep what is stored, or send null to clear it".to_owned());
    }
    let longest = if field.kind == FieldKind::Json { LONGEST_JSON } else { LONGEST };
    if value.len() > longest {
        return Err(format!("is longer than {longest} bytes"));
    }
    if field.kind != FieldKind::Json && value.chars().any(char::is_control) {
        return Err("holds a line break or another control character".to_owned());
    }
    if field.secret && value.chars().all(|letter| matches!(letter, '*' | '•' | '●')) {
        return Err("is a mask, not a secret; leave it out to keep what is stored".to_owned());
    }
    if field.secret && value.chars().count() < SHORTEST_SECRET {
        return Err(format!("is shorter than {SHORTEST_SECRET} characters"));
    }
    match field.kind {
        FieldKind::Text => {}
        FieldKind::Email => {
            let parts = value.split_once('@');
            if !parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !value.contains(' ')) {
                return Err("is not an email address".to_owned());
            }
        }
        FieldKind::Url => policy::url_may_be_asked(value).map_err(|why| format!("is not an address to use: {why}"))?,
        FieldKind::Json => {
            let mut parsed: Result<serde_json::Value, _> = serde_json::from_str(value);
            if let Ok(document) = &mut parsed {
                wipe(document);
            } else {
                return Err("is not JSON".to_owned());
            }
        }
        FieldKind::Choice => {
            if !field.choices.iter().any(|choice| choice.value == value) {
                let choices: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
                return Err(format!("must be one of {}", choices.join(", ")));
            }
        }
    }
    if let Some(pattern) = &field.pattern
        && !whole_match(pattern).is_ok_and(|pattern| pattern.is_match(value))
    {
        return Err(format!("does not look like one: {}", field.help));
    }
    Ok(Secret::new(value.to_owned()))
}

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
    use jackfield_core::manifest::{Auth, Capabilities, MappingFate};

    fn field(name: &str, secret: bool, required: bool) -> Field {
        Field {
            name: name.to_owned(),
            label: name.to_owned(),
            help: "Starts with tok-.".to_owned(),
            help_url: None,
            kind: FieldKind::Text,
            secret,
            required,
            choices: Vec::new(),
            pattern: secret.then(|| "tok-[a-z]+".to_owned()),
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            id: "example".to_owned(),
            title: "Example".to_owned(),
            version: "1.0.0".to_owned(),
            auth: Auth::Fields,
            fields: vec![field("token", true, true), field("team", false, true), field("note", false, false)],
            endpoints: Vec::new(),
            capabilities: Capabilities::default(),
            on_disconnect: MappingFate::Keep,
        }
    }

    fn body(json: &str) -> BTreeMap<String, Submitted> {
        serde_json::from_str(json).expect("a body")
    }

    fn stored() -> Stored {
        Stored {
            fields: [("team".to_owned(), "red".to_owned()), ("note".to_owned(), "old".to_owned())].into(),
            secrets: [("token".to_owned(), Secret::new("tok-stored".to_owned()))].into(),
        }
    }

    fn messages(json: &str, stored: Stored) -> Vec<String> {
        match merge(&manifest(), &body(json), stored) {
            Err(Error::InvalidFields(errors)) => {
                errors.into_iter().map(|error| format!("{} {}", error.field, error.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_wrong_field_has_its_own_message() {
        assert_eq!(
            messages(r#"{"token": 5, "tokn": "x"}"#, Stored::default()),
            ["tokn is not a field of this provider", "token must be a string", "team is required"]
        );
        assert_eq!(
            messages(r#"{"token": "tok-UPPERCASE", "team": ""}"#, Stored::default()),
            [
                "token does not look like one: Starts with tok-.",
                "team is empty; leave it out to keep what is stored, or send null to clear it"
            ]
        );
        assert_eq!(
            messages(r#"{"token": "********", "team": null}"#, stored()),
            [
                "token is a mask, not a secret; leave it out to keep what is stored",
                "team is required and cannot be cleared"
            ]
        );
        assert_eq!(
            messages(r#"{"token": "tok-a", "team": "a\nb"}"#, stored())[0],
            "token is shorter than 8 characters"
        );
    }

    #[test]
    fn what_is_left_out_keeps_its_value() {
        let merged = merge(&manifest(), &body(r#"{"note": null, "team": " blue "}"#), stored()).expect("merges");
        assert_eq!(merged.secrets["token"].expose(), "tok-stored");
        assert_eq!(merged.fields, BTreeMap::from([("team".to_owned(), "blue".to_owned())]));
        assert!(merged.kept_stored_values);
    }

    #[test]
    fn a_whole_body_depends_on_nothing_stored() {
        let whole = body(r#"{"token": "tok-fresh", "team": "blue", "note": "new"}"#);
        assert!(!merge(&manifest(), &whole, stored()).expect("merges").kept_stored_values);
    }
}
