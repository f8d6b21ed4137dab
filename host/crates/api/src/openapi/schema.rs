//! JSON Schemas (2020-12, as OpenAPI 3.1 takes them) in few words. Knows no route.

use serde_json::{Map, Value, json};

/// The schema of one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema(Map<String, Value>);

impl Schema {
    /// Takes a schema that is written out.
    pub(crate) fn of(schema: Value) -> Self {
        match schema {
            Value::Object(schema) => Self(schema),
            // `true` takes everything, and so does the empty schema.
            _ => Self(Map::new()),
        }
    }

    /// Says what the value is.
    pub(crate) fn says(self, description: impl Into<String>) -> Self {
        self.with("description", description.into())
    }

    /// Sets a keyword.
    pub(crate) fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.0.insert(keyword.to_owned(), value.into());
        self
    }

    /// Takes null too.
    pub(crate) fn or_null(mut self) -> Self {
        let Some(Value::String(kind)) = self.0.remove("type") else {
            return Self::of(json!({ "anyOf": [self.value(), { "type": "null" }] }));
        };
        if let Some(Value::Array(values)) = self.0.get_mut("enum") {
            values.push(Value::Null);
        }
        self.with("type", json!([kind, "null"]))
    }

    pub(crate) fn value(self) -> Value {
        Value::Object(self.0)
    }

    /// Adds a property that is always there.
    pub(crate) fn needs(mut self, name: &str, schema: Self) -> Self {
        if let Value::Array(required) = self.0.entry("required").or_insert_with(|| json!([])) {
            required.push(name.into());
        }
        self.may_have(name, schema)
    }

    /// Adds a property that is there at times.
    pub(crate) fn may_have(mut self, name: &str, schema: Self) -> Self {
        if let Value::Object(properties) = self.0.entry("properties").or_insert_with(|| json!({})) {
            properties.insert(name.to_owned(), schema.value());
        }
        self
    }

    /// Takes further properties of this schema.
    pub(crate) fn and_any(self, others: Self) -> Self {
        self.with("additionalProperties", others.value())
    }
}

/// An object of the properties that are added to it, and of no others.
pub(crate) fn object() -> Schema {
    Schema::of(json!({ "type": "object", "additionalProperties": false }))
}

/// A schema of the components, by its name.
pub(crate) fn named(name: &str) -> Schema {
    Schema::of(json!({ "$ref": format!("#/components/schemas/{name}") }))
}

pub(crate) fn text() -> Schema {
    Schema::of(json!({ "type": "string" }))
}

pub(crate) fn flag() -> Schema {
    Schema::of(json!({ "type": "boolean" }))
}

/// A whole number that is not negative.
pub(crate) fn count() -> Schema {
    Schema::of(json!({ "type": "integer", "minimum": 0 }))
}

/// A number that is not negative.
pub(crate) fn number() -> Schema {
    Schema::of(json!({ "type": "number", "minimum": 0 }))
}

/// A moment, RFC 3339 in UTC.
pub(crate) fn time() -> Schema {
    text().with("format", "date-time")
}

/// Always true: the word of an answer that something was done.
pub(crate) fn ok() -> Schema {
    Schema::of(json!({ "const": true })).says("It was done.")
}

/// One of these words.
pub(crate) fn word(words: &[&str]) -> Schema {
    text().with("enum", words)
}

pub(crate) fn list(items: Schema) -> Schema {
    Schema::of(json!({ "type": "array", "items": items.value() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_joins_a_type_an_enumeration_or_a_name() {
        assert_eq!(time().or_null().value(), json!({ "type": ["string", "null"], "format": "date-time" }));
        assert_eq!(word(&["a"]).or_null().value(), json!({ "type": ["string", "null"], "enum": ["a", null] }));
        let either = json!({ "anyOf": [{ "$ref": "#/components/schemas/Check" }, { "type": "null" }] });
        assert_eq!(named("Check").or_null().value(), either);
    }

    #[test]
    fn an_object_keeps_the_order_of_what_it_needs() {
        let schema = object().needs("b", text()).may_have("c", flag()).needs("a", count()).value();
        assert_eq!(schema["required"], json!(["b", "a"]));
        assert_eq!(schema["properties"].as_object().map(Map::len), Some(3));
        assert_eq!(schema["additionalProperties"], json!(false));
    }
}
