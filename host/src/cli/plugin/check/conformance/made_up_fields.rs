//! Made-up values for the fields of a plugin's connect form.

use std::collections::BTreeMap;

use anyhow::Context;
use jackfield_api::example_of_pattern;
use jackfield_core::{
    Secret,
    manifest::{Field, FieldKind, Manifest},
};
use jackfield_service::connections::SubmittedValue;

/// The value of tokens, and of secrets without a pattern.
pub(super) const MADE_UP: &str = "conformance-0123456789";

/// Adds a made-up value for every required field that has none.
pub(super) fn fill_in(
    manifest: &Manifest,
    mut fields: BTreeMap<String, SubmittedValue>,
) -> anyhow::Result<BTreeMap<String, SubmittedValue>> {
    for field in manifest.fields.iter().filter(|field| field.required) {
        if !fields.contains_key(&field.name) {
            let value = make_up(field).with_context(|| {
                format!("cannot make up a value for the field `{0}`; pass --field {0}=VALUE", field.name)
            })?;
            fields.insert(field.name.clone(), SubmittedValue::Text(Secret::new(value)));
        }
    }
    Ok(fields)
}

fn make_up(field: &Field) -> Option<String> {
    if let Some(pattern) = &field.pattern {
        return example_of_pattern(pattern);
    }
    Some(match field.kind {
        FieldKind::Text => MADE_UP.to_owned(),
        FieldKind::Email => "conformance@acme.example".to_owned(),
        FieldKind::Url => "https://hooks.acme.example/conformance".to_owned(),
        FieldKind::Json => format!("{{\"made_up\":\"{MADE_UP}\"}}"),
        FieldKind::Choice => field.choices.first()?.value.clone(),
    })
}
