//! Derives JSON Schemas (2020-12, as OpenAPI 3.1 uses them) from the types that handlers serialize and deserialize.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

const DEFINITIONS: &str = "/components/schemas";

/// A type's schema, generated with the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DerivedSchema {
    generate: fn(&mut SchemaGenerator) -> Schema,
    is_request: bool,
}

impl DerivedSchema {
    /// Describes what a request may contain.
    pub(crate) fn for_request<T: JsonSchema>() -> Self {
        Self { generate: SchemaGenerator::subschema_for::<T>, is_request: true }
    }

    /// Describes what a response contains.
    pub(crate) fn for_response<T: JsonSchema>() -> Self {
        Self { generate: SchemaGenerator::subschema_for::<T>, is_request: false }
    }
}

/// The schemas of one document. A type `PersonView` or `PersonBody` is listed as `Person`.
#[derive(Debug)]
pub(crate) struct Schemas {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
    /// Schemas that are derived from no type.
    literals: BTreeMap<String, Value>,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = DEFINITIONS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            responses: settings().for_serialize().into_generator(),
            literals: BTreeMap::new(),
        }
    }
}

impl Schemas {
    /// Generates a schema; a type with a name becomes a reference to `components/schemas`.
    pub(crate) fn generate(&mut self, schema: &DerivedSchema) -> Value {
        let generator = if schema.is_request { &mut self.requests } else { &mut self.responses };
        simplify((schema.generate)(generator).to_value())
    }

    /// Adds a schema that is derived from no type.
    pub(crate) fn insert(&mut self, name: String, schema: Value) {
        self.literals.insert(name, schema);
    }

    pub(crate) fn provider_id(&mut self) -> Value {
        self.generate(&DerivedSchema::for_response::<ProviderIdView>())
    }

    /// Describes each field of a type as a query parameter.
    pub(crate) fn query_parameters(&mut self, query: &DerivedSchema) -> Vec<Value> {
        let reference = self.generate(query);
        let name = reference["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
        let definitions = self.requests.definitions_mut();
        let definition = name.and_then(|name| {
            let key = definitions.keys().find(|key| component_name(key) == name)?.clone();
            definitions.remove(&key)
        });
        let Some(Value::Object(fields)) =
            definition.map(simplify).and_then(|mut schema| Some(schema.get_mut("properties")?.take()))
        else {
            return Vec::new();
        };
        fields.into_iter().map(|(name, schema)| query_parameter(&name, schema)).collect()
    }

    /// Returns every schema that was referred to, by name.
    pub(crate) fn into_components(mut self) -> Map<String, Value> {
        let requests = self.requests.take_definitions(true);
        let responses = self.responses.take_definitions(true);
        let responses = responses.into_iter().map(|(name, schema)| (name, close_objects(schema)));
        let derived = requests.into_iter().chain(responses);
        let derived = derived.map(|(name, schema)| (component_name(&name).to_owned(), simplify(schema)));
        derived.chain(self.literals).collect()
    }
}

fn query_parameter(name: &str, mut schema: Value) -> Value {
    // An optional field may be null in JSON; in a query it can only be absent.
    if let Some([kind, Value::String(null)]) = schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        schema["type"] = kind.clone();
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    if let Some(alternatives) = schema["anyOf"].as_array()
        && let [only, Value::Object(null)] = alternatives.as_slice()
        && null.get("type").is_some_and(|kind| kind == "null")
    {
        let only = only.clone();
        let description = schema["description"].take();
        schema = only;
        schema["description"] = description;
    }
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// Removes null from the schema of an optional field that may be absent but not null.
pub(crate) fn forbid_null(schema: &mut Schema) {
    if let Some([kind, Value::String(null)]) = schema.get("type").and_then(Value::as_array).map(Vec::as_slice)
        && null == "null"
    {
        let kind = kind.clone();
        schema.insert("type".to_owned(), kind);
    }
}

/// Returns the name of a type without the suffix that marks it as part of a request or a response.
fn component_name(type_name: &str) -> &str {
    type_name.strip_suffix("View").or_else(|| type_name.strip_suffix("Body")).unwrap_or(type_name)
}

/// Forbids properties that a response type does not have.
fn close_objects(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            let is_object = |kind: &Value| {
                kind == "object" || kind.as_array().is_some_and(|kinds| kinds.contains(&"object".into()))
            };
            if members.get("type").is_some_and(is_object) && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(|member| *member = close_objects(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = close_objects(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// Renames references to components, joins the lines of descriptions, and removes the number formats that only Rust
/// knows, such as `uint64`.
fn simplify(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/components/schemas/")
            {
                *reference = format!("#/components/schemas/{}", component_name(name));
            }
            let is_number = |kind: &Value| kind == "integer" || kind == "number";
            let is_number = members.get("type").is_some_and(|kind| {
                is_number(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(is_number))
            });
            if is_number {
                members.remove("format");
            }
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = join_lines(description);
            }
            members.values_mut().for_each(|member| *member = simplify(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = simplify(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// Joins the lines of a doc comment; blank lines separate paragraphs.
fn join_lines(comment: &str) -> String {
    let paragraphs: Vec<String> = comment.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    paragraphs.join("\n\n")
}

/// A point in time, serialized as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct UtcTime(Timestamp);

impl From<Timestamp> for UtcTime {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl JsonSchema for UtcTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "UtcTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// `true`, in the `ok` field of a response to a request that succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlwaysTrue;

impl Serialize for AlwaysTrue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl JsonSchema for AlwaysTrue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AlwaysTrue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": true, "description": "The request succeeded." })
    }
}

/// The response to a request that succeeded and returns nothing else.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DoneView {
    ok: AlwaysTrue,
}

impl DoneView {
    pub(crate) const OK: Self = Self { ok: AlwaysTrue };
}

/// The schema of a provider's id, for fields that are a `String`.
#[derive(Debug)]
pub(crate) struct ProviderIdView;

impl JsonSchema for ProviderIdView {
    fn schema_name() -> Cow<'static, str> {
        "ProviderId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            "minLength": 2,
            "maxLength": 40,
            "description": "A provider's id, the same in every route.",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct OuterView {
        inner: Option<InnerView>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        counts: Vec<u64>,
        at: UtcTime,
    }

    /// What is inside.
    #[derive(Serialize, JsonSchema)]
    struct InnerView {
        ok: AlwaysTrue,
    }

    #[expect(dead_code, reason = "only its schema is used")]
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct TestQuery {
        /// How many.
        #[schemars(range(min = 1, max = 9), extend("default" = 5))]
        limit: Option<u32>,
        /// Only this provider.
        provider: Option<String>,
    }

    #[test]
    fn a_response_type_becomes_closed_schemas_without_view_in_their_names() {
        let mut schemas = Schemas::default();
        let outer = schemas.generate(&DerivedSchema::for_response::<OuterView>());
        assert_eq!(outer, json!({ "$ref": "#/components/schemas/Outer" }));
        let expected = json!({
            "Inner": {
                "type": "object",
                "description": "What is inside.",
                "properties": { "ok": { "const": true, "description": "The request succeeded." } },
                "required": ["ok"],
                "additionalProperties": false,
            },
            "Outer": {
                "type": "object",
                "properties": {
                    "inner": { "anyOf": [{ "$ref": "#/components/schemas/Inner" }, { "type": "null" }] },
                    "counts": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
                    "at": { "type": "string", "format": "date-time" },
                },
                "required": ["inner", "at"],
                "additionalProperties": false,
            },
        });
        assert_eq!(Value::Object(schemas.into_components()), expected);
    }

    #[test]
    fn a_query_type_becomes_parameters_and_no_component() {
        let mut schemas = Schemas::default();
        let parameters = schemas.query_parameters(&DerivedSchema::for_request::<TestQuery>());
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 9, "default": 5 });
        let expected = json!([
            { "name": "limit", "in": "query", "description": "How many.", "schema": limit },
            { "name": "provider", "in": "query", "description": "Only this provider.", "schema": { "type": "string" } },
        ]);
        assert_eq!(Value::from(parameters), expected);
        assert!(schemas.into_components().is_empty());
    }
}
