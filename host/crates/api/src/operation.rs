//! The OpenAPI description of one operation: parameters, bodies, responses and problems. It does not depend on any
//! route.

mod problems;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

#[cfg(test)]
pub(crate) use self::problems::PROBLEMS;
use self::problems::{PROBLEMS_OF_EVERY_ROUTE, PROBLEMS_OF_PROTECTED_ROUTES};
pub(crate) use self::{
    problems::code_schema,
    schemas::{AlwaysTrue, DerivedSchema, DoneView, ProviderIdView, Schemas, UtcTime, forbid_null},
};
use crate::http::access::Access;

const JSON: &str = "application/json";

/// The description of one operation, without its method, path and access level: those come from the route table.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// The `operationId`, unique in the document.
    id: String,
    pub(crate) group: &'static str,
    summary: String,
    description: Option<String>,
    query: Option<DerivedSchema>,
    /// Fields of the query type that are not listed as parameters.
    hidden_query_fields: &'static [&'static str],
    headers: Vec<Value>,
    /// The request body by media type.
    bodies: Vec<(&'static str, Media)>,
    responses: BTreeMap<u16, OperationResponse>,
    /// Status and code of each problem that is specific to this operation.
    problems: BTreeSet<(u16, &'static str)>,
}

#[derive(Clone, Debug)]
struct OperationResponse {
    description: &'static str,
    content: Vec<(&'static str, Media)>,
    /// Whether the response is a redirect, which has no body.
    is_redirect: bool,
}

/// A schema and an example of one media type.
#[derive(Clone, Debug)]
struct Media {
    schema: MediaSchema,
    example: Option<Value>,
}

#[derive(Clone, Debug)]
enum MediaSchema {
    Derived(DerivedSchema),
    Literal(Value),
}

impl Operation {
    pub(crate) fn new(id: impl Into<String>, group: &'static str, summary: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            group,
            summary: summary.into(),
            description: None,
            query: None,
            hidden_query_fields: &[],
            headers: Vec::new(),
            bodies: Vec::new(),
            responses: BTreeMap::new(),
            problems: BTreeSet::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds a query parameter for each field of `T`.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(DerivedSchema::for_request::<T>());
        self.problems.extend([(400, "invalid_request"), (422, "invalid_request")]);
        self
    }

    /// Leaves out query parameters that the operation always rejects.
    pub(crate) fn without_query(self, fields: &'static [&'static str]) -> Self {
        Self { hidden_query_fields: fields, ..self }
    }

    /// Adds an optional request header.
    pub(crate) fn header(mut self, name: &str, description: &str) -> Self {
        let schema = json!({ "type": "string" });
        self.headers.push(json!({ "name": name, "in": "header", "description": description, "schema": schema }));
        self
    }

    /// Adds a JSON request body that is deserialized to `T`.
    pub(crate) fn json_body<T: JsonSchema>(self, example: Value) -> Self {
        self.add_body(JSON, MediaSchema::Derived(DerivedSchema::for_request::<T>()), Some(example))
    }

    /// Adds a JSON request body with a schema that is not derived from a type.
    pub(crate) fn json_body_with_schema(self, schema: Value, example: Option<Value>) -> Self {
        self.add_body(JSON, MediaSchema::Literal(schema), example)
    }

    /// Adds a request body of another media type.
    pub(crate) fn body(self, media_type: &'static str, schema: Value, example: &str) -> Self {
        self.add_body(media_type, MediaSchema::Literal(schema), Some(example.into()))
    }

    fn add_body(mut self, media_type: &'static str, schema: MediaSchema, example: Option<Value>) -> Self {
        self.bodies.push((media_type, Media { schema, example }));
        self.problems.extend([(400, "invalid_request"), (413, "invalid_request"), (422, "invalid_request")]);
        self
    }

    /// Adds a JSON response that is serialized from `T`.
    pub(crate) fn json<T: JsonSchema>(self, status: u16, description: &'static str, example: Value) -> Self {
        let schema = MediaSchema::Derived(DerivedSchema::for_response::<T>());
        self.add_response(status, description, JSON, Media { schema, example: Some(example) })
    }

    /// Adds a JSON response with a schema that is not derived from a type.
    pub(crate) fn json_with_schema(
        self,
        status: u16,
        description: &'static str,
        schema: Value,
        example: Value,
    ) -> Self {
        let media = Media { schema: MediaSchema::Literal(schema), example: Some(example) };
        self.add_response(status, description, JSON, media)
    }

    /// Adds a response with status 200 and a text of another media type.
    pub(crate) fn text(self, description: &'static str, media_type: &'static str, example: &str) -> Self {
        self.content(description, media_type, json!({ "type": "string" }), example)
    }

    /// Adds a response with status 200 and a body of another media type.
    pub(crate) fn content(
        self,
        description: &'static str,
        media_type: &'static str,
        schema: Value,
        example: &str,
    ) -> Self {
        let media = Media { schema: MediaSchema::Literal(schema), example: Some(example.into()) };
        self.add_response(200, description, media_type, media)
    }

    fn add_response(mut self, status: u16, description: &'static str, media_type: &'static str, media: Media) -> Self {
        let response = self.responses.entry(status).or_insert(OperationResponse {
            description,
            content: Vec::new(),
            is_redirect: false,
        });
        response.content.push((media_type, media));
        self
    }

    /// Adds a redirect with status 303.
    pub(crate) fn redirect(mut self, description: &'static str) -> Self {
        self.responses.insert(303, OperationResponse { description, content: Vec::new(), is_redirect: true });
        self
    }

    /// Adds problems with these codes, besides those that every route has.
    pub(crate) fn problems(mut self, codes: &[&'static str]) -> Self {
        self.problems.extend(codes.iter().flat_map(|code| problems::with_code(code)));
        self
    }

    /// Renders the operation for one route, and the problem responses that operations share, by name.
    pub(crate) fn to_json(
        &self,
        method: &Method,
        path: &str,
        access: Access,
        schemas: &mut Schemas,
    ) -> (Value, Vec<(String, Value)>) {
        let mut parameters = path_parameters(path, schemas);
        let mut problems = self.problems.clone();
        if !parameters.is_empty() {
            // A path that is not UTF-8.
            problems.insert((400, "invalid_request"));
        }
        problems.extend(PROBLEMS_OF_EVERY_ROUTE.iter().flat_map(|code| problems::with_code(code)));
        if access != Access::Open {
            problems.extend(PROBLEMS_OF_PROTECTED_ROUTES.iter().flat_map(|code| problems::with_code(code)));
        }
        if access == Access::Executive && !method.is_safe() {
            problems.extend(problems::with_code("sealed"));
        }
        let (responses, shared) = self.responses(&problems, schemas);
        if let Some(query) = &self.query {
            let listed = schemas.query_parameters(query).into_iter();
            parameters.extend(listed.filter(|parameter| {
                !parameter["name"].as_str().is_some_and(|name| self.hidden_query_fields.contains(&name))
            }));
        }
        parameters.extend(self.headers.iter().cloned());
        let (level, security) = security(method, access);
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.group],
            "summary": self.summary,
            "security": security,
            "x-level": level,
            "responses": responses,
        });
        if let Some(description) = &self.description {
            operation["description"] = description.as_str().into();
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if !self.bodies.is_empty() {
            operation["requestBody"] = json!({ "required": true, "content": content(&self.bodies, schemas) });
        }
        (operation, shared)
    }

    /// Renders the responses. A problem is added to the operation's own response with the same status if there is one.
    /// Otherwise it becomes a shared response, which the operation refers to by name.
    fn responses(
        &self,
        problems: &BTreeSet<(u16, &'static str)>,
        schemas: &mut Schemas,
    ) -> (Map<String, Value>, Vec<(String, Value)>) {
        let mut responses: Map<String, Value> =
            self.responses.iter().map(|(status, response)| (status.to_string(), response.to_json(schemas))).collect();
        let mut codes_by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
        for (status, code) in problems {
            codes_by_status.entry(*status).or_default().insert(code);
        }
        let mut shared = Vec::new();
        for (status, codes) in &codes_by_status {
            let mut problem = problems::response(*status, codes);
            match responses.get_mut(&status.to_string()) {
                // `/readyz` answers 503 both with its own body and with a problem.
                Some(response) => {
                    if let (Value::Object(content), Value::Object(more)) =
                        (&mut response["content"], problem["content"].take())
                    {
                        content.extend(more);
                    }
                }
                None => {
                    let name = problems::response_name(*status, codes);
                    let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                    responses.insert(status.to_string(), reference);
                    shared.push((name, problem));
                }
            }
        }
        (responses, shared)
    }
}

impl OperationResponse {
    fn to_json(&self, schemas: &mut Schemas) -> Value {
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
        if self.is_redirect {
            headers["Location"] = json!({ "description": self.description, "schema": { "type": "string" } });
            return json!({ "description": self.description, "headers": headers });
        }
        json!({ "description": self.description, "headers": headers, "content": content(&self.content, schemas) })
    }
}

fn content(content: &[(&'static str, Media)], schemas: &mut Schemas) -> Map<String, Value> {
    let media = |(media_type, media): &(&'static str, Media)| {
        let schema = match &media.schema {
            MediaSchema::Derived(schema) => schemas.generate(schema),
            MediaSchema::Literal(schema) => schema.clone(),
        };
        let mut rendered = json!({ "schema": schema });
        if let Some(example) = &media.example {
            rendered["example"] = example.clone();
        }
        ((*media_type).to_owned(), rendered)
    };
    content.iter().map(media).collect()
}

/// Returns the value of `x-level` and the security requirements of a route.
fn security(method: &Method, access: Access) -> (&'static str, Value) {
    let session = if method == Method::GET { json!({ "session": [] }) } else { json!({ "session": [], "csrf": [] }) };
    match access {
        Access::Open => ("anybody", json!([])),
        Access::SignedIn => ("signed in", json!([session])),
        Access::Executive => ("executive", json!([{ "bearer": [] }, session])),
    }
}

/// Returns the parameters of a path. A parameter name has the same meaning in every path.
fn path_parameters(path: &str, schemas: &mut Schemas) -> Vec<Value> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let text = json!({ "type": "string" });
            let (description, schema) = match name {
                "provider" => ("The provider's id, as `GET /api/admin/providers` lists it.", schemas.provider_id()),
                "flow_id" => ("The flow's id, as `auth-url` returned it.", text),
                "person_id" | "id" => ("The person's id.", text),
                "plan_id" => ("The plan's id, as `match` returned it.", text),
                "hash" => ("The hash of all console files of this version.", text),
                _ => ("The file's name.", text),
            };
            json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
        })
        .collect()
}
