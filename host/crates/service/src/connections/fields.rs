//! Validates submitted fields against the manifest, and merges them with the stored ones.

use std::collections::BTreeMap;

use jackfield_core::{
    Error, FieldError, Secret,
    manifest::{BoundSecret, Field, Manifest},
};
use jackfield_egress::Scrubber;
use jackfield_sandbox::validate_field_value;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::secret_release::describe_field;

/// Minimum length of a secret in characters.
///
/// Masking a shorter one in responses would mask ordinary words too.
const MIN_SECRET_LENGTH: usize = 8;

/// The members of a manifest that are only shown to people, so that a secret may contain one of their words.
const SHOWN_TEXTS: [&str; 5] = ["title", "label", "help", "help_url", "pattern"];

/// The value of one field as a caller sent it.
#[derive(Clone, Debug)]
pub enum SubmittedValue {
    Text(Secret<String>),
    /// `null`, which clears the stored value.
    Null,
    /// A JSON value of another type, which is not valid.
    Other,
}

impl<'de> Deserialize<'de> for SubmittedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::Text(Secret::new(text)),
            serde_json::Value::Null => Self::Null,
            // A key file may be sent as a JSON object instead of a string.
            object @ serde_json::Value::Object(_) => Self::Text(Secret::new(object.to_string())),
            _ => Self::Other,
        })
    }
}

/// The fields of the connection that is already stored.
#[derive(Debug, Default)]
pub(super) struct StoredFields {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, BoundSecret>,
}

/// The fields to connect with.
#[derive(Debug)]
pub(super) struct MergedFields {
    pub(super) fields: BTreeMap<String, String>,
    /// New values are bound to the destinations in the manifest, kept ones to those for which they were entered.
    pub(super) secrets: BTreeMap<String, BoundSecret>,
    /// Whether any value comes from the stored connection.
    ///
    /// If so, the stored connection must not change before these values are saved.
    pub(super) uses_stored_values: bool,
}

/// Merges submitted fields with the stored ones.
///
/// # Errors
/// [`Error::InvalidFields`] with a message for each field that is not valid. No message contains a value.
pub(super) fn merge(
    manifest: &Manifest,
    submitted: &BTreeMap<String, SubmittedValue>,
    mut stored: StoredFields,
) -> Result<MergedFields, Error> {
    let mut errors: Vec<FieldError> = submitted
        .keys()
        .filter(|name| manifest.field(name).is_none())
        .map(|name| FieldError::new(name.chars().take(100).collect::<String>(), "is not a field of this provider"))
        .collect();
    let mut merged = MergedFields { fields: BTreeMap::new(), secrets: BTreeMap::new(), uses_stored_values: false };
    for field in &manifest.fields {
        let name = &field.name;
        match submitted.get(name) {
            Some(SubmittedValue::Text(text)) => match validate(field, text) {
                Ok(value) if field.secret => {
                    let secret = BoundSecret::new(value, manifest.field_destinations(name));
                    merged.secrets.insert(name.clone(), secret);
                }
                Ok(value) => {
                    merged.fields.insert(name.clone(), value.expose().clone());
                }
                Err(message) => errors.push(FieldError::new(name, message)),
            },
            Some(SubmittedValue::Null) if field.required => {
                errors.push(FieldError::new(name, "is required and cannot be cleared"));
            }
            Some(SubmittedValue::Null) => {}
            Some(SubmittedValue::Other) => errors.push(FieldError::new(name, "must be a string")),
            None => {
                let stored_secret = stored.secrets.get(name).filter(|_| field.secret);
                let released = stored_secret.map(|secret| secret.release_for(&manifest.field_destinations(name)));
                if let Some(Err(missing)) = released {
                    errors.push(FieldError::new(name, describe_field(&missing)));
                    continue;
                }
                let kept = match (stored.secrets.remove(name), stored.fields.remove(name)) {
                    (Some(secret), _) if field.secret => merged.secrets.insert(name.clone(), secret).is_none(),
                    (_, Some(value)) if !field.secret => merged.fields.insert(name.clone(), value).is_none(),
                    _ => false,
                };
                merged.uses_stored_values |= kept;
                if !kept && field.required {
                    errors.push(FieldError::new(name, "is required"));
                }
            }
        }
    }
    let literals = list_literals(manifest);
    errors.extend(
        merged
            .secrets
            .iter()
            .filter_map(|(name, secret)| find_public_copy(name, secret.value_to_seal(), &merged.fields, &literals)),
    );
    if errors.is_empty() { Ok(merged) } else { Err(Error::InvalidFields(errors)) }
}

/// Returns the error of a secret that is also part of a field that is not secret, or of a literal of the manifest.
///
/// The plugin sends such texts, and a request that contains a secret counts as a guess.
fn find_public_copy(
    name: &str,
    secret: &Secret<String>,
    fields: &BTreeMap<String, String>,
    literals: &[Literal],
) -> Option<FieldError> {
    let scrubber = Scrubber::new([secret.expose().as_str()]);
    let folded = Secret::new(secret.expose().to_lowercase());
    let is_part_of =
        |text: &str| scrubber.contains_secret(text.as_bytes()) || text.to_lowercase().contains(folded.expose());
    if let Some((other, value)) = fields.iter().find(|(_, value)| is_part_of(value)) {
        let is = if value.eq_ignore_ascii_case(secret.expose()) { "the same as" } else { "part of" };
        let message = format!("is {is} `{other}`, which is not secret; use another secret, or correct `{other}`");
        return Some(FieldError::new(name, message));
    }
    let Literal { location, .. } = literals.iter().find(|literal| is_part_of(&literal.text))?;
    let message = format!("is part of the plugin's manifest (`{location}`), which is not secret; use another secret");
    Some(FieldError::new(name, message))
}

/// A text of a manifest, and where it is.
struct Literal {
    location: String,
    text: String,
}

/// Lists the texts of a manifest that requests may contain: all except those that are only shown to people.
fn list_literals(manifest: &Manifest) -> Vec<Literal> {
    let urls = manifest.endpoints.iter().enumerate().map(|(index, endpoint)| Literal {
        location: format!("endpoints/{index}"),
        text: format!("https://{}{}", endpoint.host, endpoint.path),
    });
    let mut literals: Vec<Literal> = urls.collect();
    add_literals(&serde_json::to_value(manifest).unwrap_or_default(), "", &mut literals);
    literals
}

fn add_literals(value: &Value, location: &str, literals: &mut Vec<Literal>) {
    let join = |part: &dyn std::fmt::Display| format!("{location}{}{part}", if location.is_empty() { "" } else { "/" });
    match value {
        Value::Object(members) => {
            let sent = members.iter().filter(|(name, _)| !SHOWN_TEXTS.contains(&name.as_str()));
            sent.for_each(|(name, member)| add_literals(member, &join(name), literals));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| add_literals(item, &join(&index), literals));
        }
        Value::String(text) => literals.push(Literal { location: location.to_owned(), text: text.clone() }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Trims one value and checks it against the rules of its field.
///
/// Pasted text often starts or ends with white space.
fn validate(field: &Field, text: &Secret<String>) -> Result<Secret<String>, String> {
    let value = text.expose().trim();
    if value.is_empty() {
        return Err("is empty; leave it out to keep the stored value, or send null to clear it".to_owned());
    }
    if field.secret && value.chars().all(|character| matches!(character, '*' | '•' | '●')) {
        return Err("is a mask, not a secret; leave it out to keep the stored value".to_owned());
    }
    if field.secret && value.chars().count() < MIN_SECRET_LENGTH {
        return Err(format!("is shorter than {MIN_SECRET_LENGTH} characters"));
    }
    validate_field_value(field, value)?;
    Ok(Secret::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::manifest::{
        Attachment, Auth, Capabilities, CredentialSource, Endpoint, FieldKind, MappingFate, Method, Placement,
    };

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

    fn body(json: &str) -> BTreeMap<String, SubmittedValue> {
        serde_json::from_str(json).expect("a body")
    }

    fn stored() -> StoredFields {
        StoredFields {
            fields: [("team".to_owned(), "red".to_owned()), ("note".to_owned(), "old".to_owned())].into(),
            secrets: [("token".to_owned(), BoundSecret::new(Secret::new("tok-stored".to_owned()), Default::default()))]
                .into(),
        }
    }

    fn messages(json: &str, stored: StoredFields) -> Vec<String> {
        match merge(&manifest(), &body(json), stored) {
            Err(Error::InvalidFields(errors)) => {
                errors.into_iter().map(|error| format!("{} {}", error.field, error.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_invalid_field_has_its_own_message() {
        assert_eq!(
            messages(r#"{"token": 5, "tokn": "x"}"#, StoredFields::default()),
            ["tokn is not a field of this provider", "token must be a string", "team is required"]
        );
        assert_eq!(
            messages(r#"{"token": "tok-UPPERCASE", "team": ""}"#, StoredFields::default()),
            [
                "token has the wrong format: Starts with tok-.",
                "team is empty; leave it out to keep the stored value, or send null to clear it"
            ]
        );
        assert_eq!(
            messages(r#"{"token": "********", "team": null}"#, stored()),
            [
                "token is a mask, not a secret; leave it out to keep the stored value",
                "team is required and cannot be cleared"
            ]
        );
        assert_eq!(
            messages(r#"{"token": "tok-abcdef", "team": "TOK-abcdef"}"#, stored()),
            ["token is the same as `team`, which is not secret; use another secret, or correct `team`"]
        );
        assert_eq!(
            messages(r#"{"token": "tok-abcdef", "team": "old-Tok-abcdef-2"}"#, stored()),
            ["token is part of `team`, which is not secret; use another secret, or correct `team`"]
        );
        assert_eq!(
            messages(r#"{"note": "tok-stored"}"#, stored()),
            ["token is the same as `note`, which is not secret; use another secret, or correct `note`"]
        );
        assert_eq!(
            messages(r#"{"token": "tok-a", "team": "a\nb"}"#, stored()),
            [
                "token is shorter than 8 characters",
                "team contains a line break or another character that is not displayed"
            ]
        );
    }

    #[test]
    fn a_secret_that_is_part_of_the_manifest_is_rejected_with_the_name_of_its_field() {
        let mut manifest = manifest();
        manifest.fields.first_mut().expect("the token").pattern = None;
        manifest.endpoints.push(Endpoint {
            method: Method::Get,
            host: "tenant-portal.example.com".to_owned(),
            path: "/api/v2/directory/*".to_owned(),
            credential: Some(Attachment {
                source: CredentialSource::Field("token".to_owned()),
                placement: Placement::Header { name: "X-Vendor-Key".to_owned(), format: "Secret {}".to_owned() },
            }),
        });
        for (secret, location) in [
            ("tenant-portal", Some("endpoints/0")),
            ("Directory", Some("endpoints/0")),
            (".com/api", Some("endpoints/0")),
            ("vendor-key", Some("endpoints/0/credential/place/header/name")),
            // Only people read this text.
            ("Starts with", None),
            ("directory-7", None),
        ] {
            let submitted = body(&format!(r#"{{"token": "{secret}", "team": "blue"}}"#));
            let errors = match merge(&manifest, &submitted, StoredFields::default()) {
                Err(Error::InvalidFields(errors)) => errors,
                other => {
                    assert!(other.is_ok(), "{secret}: {other:?}");
                    Vec::new()
                }
            };
            let expected = location.map(|location| {
                let message = "which is not secret; use another secret";
                FieldError::new("token", format!("is part of the plugin's manifest (`{location}`), {message}"))
            });
            assert_eq!(errors, Vec::from_iter(expected), "{secret}");
        }
    }

    #[test]
    fn a_field_that_is_left_out_keeps_its_value() {
        let merged = merge(&manifest(), &body(r#"{"note": null, "team": " blue "}"#), stored()).expect("merges");
        assert_eq!(merged.secrets["token"].value_to_seal().expose(), "tok-stored");
        assert_eq!(merged.fields, BTreeMap::from([("team".to_owned(), "blue".to_owned())]));
        assert!(merged.uses_stored_values);
    }

    #[test]
    fn a_complete_body_uses_no_stored_value() {
        let whole = body(r#"{"token": "tok-fresh", "team": "blue", "note": "new"}"#);
        assert!(!merge(&manifest(), &whole, stored()).expect("merges").uses_stored_values);
    }
}
