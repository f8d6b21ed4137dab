//! Describes the connect, disconnect and status operations of one provider, with the fields that its plugin declares.

use http::Method;
use jackfield_core::manifest::{Auth, Field, FieldKind, Manifest};
use serde_json::{Map, Value, json};

use super::example_of_pattern;
use crate::{operation::Operation, routes::connections};

const GROUP: &str = "This service's providers";

/// Describes the operations with a path of one provider: method, path, operation.
///
/// A client matches such a path before the path with `{provider}`, so all of its methods are described.
pub(super) fn operations(manifest: &Manifest) -> Vec<(Method, String, Operation)> {
    let Manifest { id, title, .. } = manifest;
    let path = format!("/api/admin/connections/{id}");
    let suffix = id.replace('-', "_");
    let new = |id: &str, summary: String| Operation::new(format!("{id}_{suffix}"), GROUP, summary);
    let status = new("status_of", format!("Shows the fields of {title}"))
        .json_with_schema(
            200,
            "Whether there is a connection, and its fields.",
            status_schema(manifest),
            status_example(manifest),
        )
        .problems(&["unknown_provider"]);
    let disconnect = connections::describe_disconnect_responses(new("disconnect", format!("Disconnects {title}")));
    let mut operations =
        vec![(Method::GET, format!("{path}/status"), status), (Method::DELETE, path.clone(), disconnect)];
    if !matches!(manifest.auth, Auth::OAuth2(_)) {
        let connect = new("connect", format!("Connects {title}, or updates its connection"))
            .description(describe_connect(manifest))
            .json_body_with_schema(
                json!({ "$ref": format!("#/components/schemas/{}", body_name(manifest)) }),
                body_example(manifest),
            );
        operations.push((Method::PUT, path, connections::describe_connect_responses(connect)));
    }
    operations
}

/// Returns the name of the schema of a provider's connect body.
pub(super) fn body_name(manifest: &Manifest) -> String {
    format!("Fields.{}", manifest.id)
}

/// Returns the schema of a provider's connect body.
pub(super) fn body_schema(manifest: &Manifest) -> Value {
    let properties: Map<String, Value> =
        manifest.fields.iter().map(|field| (field.name.clone(), field_schema(field))).collect();
    let mut schema = json!({
        "type": "object",
        "description": describe_connect(manifest),
        "additionalProperties": false,
        "x-needed-to-connect": required_names(manifest).collect::<Vec<_>>(),
    });
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    schema
}

fn describe_connect(manifest: &Manifest) -> String {
    let names: Vec<String> = required_names(manifest).map(|name| format!("`{name}`")).collect();
    let requirement = if names.is_empty() {
        "A new connection requires no fields.".to_owned()
    } else {
        format!("A new connection requires {}.", names.join(", "))
    };
    format!(
        "{requirement} On an update, an omitted field keeps its value, even if it is secret, and null clears an \
         optional field. A secret that was not entered for all destinations of the approved version must be sent \
         again. The credential is checked with the provider before anything is stored."
    )
}

fn required_names(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.fields.iter().filter(|field| field.required).map(|field| field.name.as_str())
}

fn field_schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldKind::Text => json!({ "type": "string" }),
        FieldKind::Email => json!({ "type": "string", "format": "email" }),
        FieldKind::Url => json!({ "type": "string", "format": "uri" }),
        // A key file may be sent as a JSON object.
        FieldKind::Json => json!({ "type": ["string", "object"] }),
        FieldKind::Choice => {
            let values: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            json!({ "type": "string", "enum": values })
        }
    };
    if let Some(pattern) = &field.pattern {
        schema["pattern"] = anchor(pattern).into();
    }
    if field.secret {
        schema["writeOnly"] = true.into();
        schema["minLength"] = 8.into();
    }
    if let Some(url) = &field.help_url {
        schema["externalDocs"] = json!({ "url": url });
    }
    schema["title"] = field.label.as_str().into();
    schema["description"] = describe_field(field).into();
    if !field.required {
        allow_null(&mut schema);
    }
    schema
}

fn describe_field(field: &Field) -> String {
    let choices = field.choices.iter().map(|choice| format!("`{}`: {}.", choice.value, choice.label));
    let requirement = if field.required { "Required for a new connection." } else { "Optional; null clears it." };
    let sentences: Vec<String> = std::iter::once(field.help.clone())
        .chain(choices)
        .chain([requirement.to_owned()])
        .filter(|sentence| !sentence.is_empty())
        .collect();
    sentences.join(" ")
}

fn allow_null(schema: &mut Value) {
    schema["type"] = match schema["type"].take() {
        Value::Array(mut kinds) => {
            kinds.push("null".into());
            kinds.into()
        }
        kind => json!([kind, "null"]),
    };
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}

/// Anchors a pattern, because the host matches it against the whole value.
fn anchor(pattern: &str) -> String {
    let is_anchored = pattern.starts_with('^') && pattern.ends_with('$') && !pattern.contains('|');
    if is_anchored && !pattern.ends_with("\\$") { pattern.to_owned() } else { format!("^(?:{pattern})$") }
}

fn status_schema(manifest: &Manifest) -> Value {
    let shown = manifest.fields.iter().filter(|field| !field.secret);
    let fields = shown.map(|field| (field.name.clone(), json!({ "type": "string", "title": field.label })));
    let configured = ("configured".to_owned(), json!({ "type": "boolean" }));
    let properties: Map<String, Value> = std::iter::once(configured).chain(fields).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": ["configured"],
        "additionalProperties": false,
    })
}

fn status_example(manifest: &Manifest) -> Value {
    let shown = manifest.fields.iter().filter(|field| !field.secret && field.required);
    let fields = shown.filter_map(|field| Some((field.name.clone(), example_value(field)?)));
    std::iter::once(("configured".to_owned(), json!(true))).chain(fields).collect::<Map<_, _>>().into()
}

/// Returns a body that connects; `None` if no example value of a required field is known.
fn body_example(manifest: &Manifest) -> Option<Value> {
    let required = manifest.fields.iter().filter(|field| field.required);
    let fields: Option<Map<String, Value>> =
        required.map(|field| Some((field.name.clone(), example_value(field)?))).collect();
    fields.map(Value::Object)
}

fn example_value(field: &Field) -> Option<Value> {
    if let Some(pattern) = &field.pattern {
        return example_of_pattern(pattern).map(Value::String);
    }
    Some(match field.kind {
        FieldKind::Text => json!("…".repeat(if field.secret { 8 } else { 1 })),
        FieldKind::Email => json!("ada@acme.example"),
        FieldKind::Url => json!("https://acme.example/"),
        FieldKind::Json => json!({ "…": "…" }),
        FieldKind::Choice => json!(field.choices.first()?.value),
    })
}
