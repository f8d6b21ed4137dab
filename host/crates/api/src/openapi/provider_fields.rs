//! Describes the typed body of one provider's connect, and its status, from what its component declares.

use http::Method;
use jackfield_core::manifest::{Auth, Field, FieldKind, Manifest};
use serde_json::{Map, Value, json};

use super::{
    connections::{CONNECTING, connected, disconnected},
    operation::Operation,
    pattern_example,
    schema::{Schema, flag, named, object, text},
};

const GROUP: &str = "This service's providers";

/// The operations of a provider that have a description of their own. It is found before that of any provider, so the
/// methods of one path are all here.
pub(crate) fn operations(manifest: &Manifest) -> Vec<Operation> {
    let Manifest { id, title, .. } = manifest;
    let path = format!("/api/admin/connections/{id}");
    let name = id.replace('-', "_");
    let operation = |method, path: &str, what: &str, summary: String| {
        Operation::new(method, path, &format!("{what}_{name}"), GROUP, &summary)
    };
    let status = operation(Method::GET, &format!("{path}/status"), "status_of", format!("Shows the fields of {title}"))
        .answers(200, "Whether there is a connection, and its fields.", status(manifest), status_example(manifest))
        .fails(&["unknown_provider"]);
    let disconnect = operation(Method::DELETE, &path, "disconnect", format!("Disconnects {title}"))
        .answers(200, "There is no connection any more.", named("Disconnected"), disconnected())
        .fails(&["unknown_provider", "sealed"]);
    let mut operations = vec![status, disconnect];
    if !matches!(manifest.auth, Auth::OAuth2(_)) {
        let connect = operation(Method::PUT, &path, "connect", format!("Connects {title}, or updates its connection"))
            .says(how(manifest))
            .takes(named(&body_name(manifest)), example(manifest))
            .answers(200, "The provider takes the credential, and it is stored.", named("Connected"), connected())
            .fails(&CONNECTING);
        operations.push(connect);
    }
    operations
}

/// The name under which a provider's body stands among the schemas.
pub(crate) fn body_name(manifest: &Manifest) -> String {
    format!("Fields.{}", manifest.id)
}

/// What the connect of a provider takes.
pub(crate) fn body(manifest: &Manifest) -> Schema {
    let needed: Vec<&str> = needed(manifest).collect();
    let mut schema = object().says(how(manifest)).with("x-needed-to-connect", needed);
    for declared in &manifest.fields {
        schema = schema.may_have(&declared.name, field(declared));
    }
    schema
}

fn how(manifest: &Manifest) -> String {
    let needed: Vec<String> = needed(manifest).map(|name| format!("`{name}`")).collect();
    let needed = if needed.is_empty() { "nothing".to_owned() } else { needed.join(", ") };
    format!(
        "A new connection needs {needed}. On an update a field that is left out keeps its value, a secret too, and \
         null clears an optional one. The credential is tried before anything is stored."
    )
}

fn needed(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.fields.iter().filter(|field| field.required).map(|field| field.name.as_str())
}

fn field(field: &Field) -> Schema {
    let mut schema = match field.kind {
        FieldKind::Text => text(),
        FieldKind::Email => text().with("format", "email"),
        FieldKind::Url => text().with("format", "uri"),
        // A key file may be sent as the JSON that it is.
        FieldKind::Json => Schema::of(json!({ "type": ["string", "object"] })),
        FieldKind::Choice => {
            let values: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            text().with("enum", values)
        }
    };
    if let Some(pattern) = &field.pattern {
        schema = schema.with("pattern", whole(pattern));
    }
    if field.secret {
        schema = schema.with("writeOnly", true).with("minLength", 8);
    }
    if let Some(url) = &field.help_url {
        schema = schema.with("externalDocs", json!({ "url": url }));
    }
    let optional = if field.required { "Needed for a new connection." } else { "Optional; null clears it." };
    let choices: Vec<String> =
        field.choices.iter().map(|choice| format!("`{}`: {}.", choice.value, choice.label)).collect();
    let words: Vec<&str> = [field.help.as_str()]
        .into_iter()
        .chain(choices.iter().map(String::as_str))
        .chain([optional])
        .filter(|words| !words.is_empty())
        .collect();
    schema = schema.with("title", field.label.as_str()).says(words.join(" "));
    match (field.required, field.kind) {
        (true, _) => schema,
        (false, FieldKind::Json) => schema.with("type", json!(["string", "object", "null"])),
        (false, _) => schema.or_null(),
    }
}

/// The pattern so that it must match the whole value, as the host reads it.
fn whole(pattern: &str) -> String {
    let is_whole = pattern.starts_with('^') && pattern.ends_with('$') && !pattern.contains('|');
    if is_whole && !pattern.ends_with("\\$") { pattern.to_owned() } else { format!("^(?:{pattern})$") }
}

fn status(manifest: &Manifest) -> Schema {
    let mut schema = object().needs("configured", flag());
    for declared in manifest.fields.iter().filter(|field| !field.secret) {
        schema = schema.may_have(&declared.name, text().with("title", declared.label.as_str()));
    }
    schema
}

fn status_example(manifest: &Manifest) -> Value {
    let shown = manifest.fields.iter().filter(|field| !field.secret && field.required);
    let fields = shown.filter_map(|field| Some((field.name.clone(), value(field)?)));
    Value::Object([("configured".to_owned(), json!(true))].into_iter().chain(fields).collect())
}

/// A body that connects, as far as values can be made up; none where one cannot.
fn example(manifest: &Manifest) -> Option<Value> {
    let fields: Option<Map<String, Value>> = manifest
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| Some((field.name.clone(), value(field)?)))
        .collect();
    fields.map(Value::Object)
}

fn value(field: &Field) -> Option<Value> {
    if let Some(pattern) = &field.pattern {
        return pattern_example::example(pattern).map(Value::String);
    }
    Some(match field.kind {
        FieldKind::Text => json!("…".repeat(if field.secret { 8 } else { 1 })),
        FieldKind::Email => json!("ada@acme.example"),
        FieldKind::Url => json!("https://acme.example/"),
        FieldKind::Json => json!({ "…": "…" }),
        FieldKind::Choice => json!(field.choices.first()?.value),
    })
}
