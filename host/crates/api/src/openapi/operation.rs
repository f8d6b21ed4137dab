//! One operation as it is described: what it takes, what it answers, how it fails. Knows no route in particular.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    problems::{self, EVERYWHERE, PROBLEMS, WITH_A_LEVEL},
    schema::{Schema, named},
};
use crate::Access;

const JSON: &str = "application/json";

/// The description of one operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// A name for programs, the only one of its kind.
    pub(crate) id: String,
    pub(crate) group: &'static str,
    summary: String,
    description: Option<String>,
    /// Of the query and of header fields; those of the path come from the path.
    parameters: Vec<Value>,
    takes: Map<String, Value>,
    answers: BTreeMap<u16, Value>,
    /// Status and code of each way to fail that is its own.
    fails: BTreeSet<(u16, &'static str)>,
}

impl Operation {
    pub(crate) fn new(method: Method, path: &str, id: &str, group: &'static str, summary: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            id: id.to_owned(),
            group,
            summary: summary.to_owned(),
            description: None,
            parameters: Vec::new(),
            takes: Map::new(),
            answers: BTreeMap::new(),
            fails: BTreeSet::new(),
        }
    }

    /// Says the same of this path, whose parameters may be called otherwise.
    pub(crate) fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Says more than the summary.
    pub(crate) fn says(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Takes a parameter of the query.
    pub(crate) fn asks(mut self, name: &str, what: &str, schema: Schema) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "description": what, "schema": schema.value() }));
        self.fails.extend([(400, "invalid_request"), (422, "invalid_request")]);
        self
    }

    /// Takes a header field that may be left out.
    pub(crate) fn asks_in_header(mut self, name: &str, what: &str, schema: Schema) -> Self {
        self.parameters.push(json!({ "name": name, "in": "header", "description": what, "schema": schema.value() }));
        self
    }

    /// Takes a JSON body.
    pub(crate) fn takes(self, schema: Schema, example: impl Into<Option<Value>>) -> Self {
        self.takes_as(JSON, schema, example)
    }

    /// Takes a body of some type.
    pub(crate) fn takes_as(mut self, kind: &str, schema: Schema, example: impl Into<Option<Value>>) -> Self {
        self.takes.insert(kind.to_owned(), media(schema, example.into()));
        self.fails.extend([(400, "invalid_request"), (413, "invalid_request"), (422, "invalid_request")]);
        self
    }

    /// Answers with JSON.
    pub(crate) fn answers(self, status: u16, what: &str, schema: Schema, example: Value) -> Self {
        self.answers_as(status, what, JSON, schema, example)
    }

    /// Answers with a body of some type; several types of one status add up.
    pub(crate) fn answers_as(mut self, status: u16, what: &str, kind: &str, schema: Schema, example: Value) -> Self {
        let answer = self.answers.entry(status).or_insert_with(|| {
            let headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
            json!({ "description": what, "headers": headers, "content": {} })
        });
        answer["content"][kind] = media(schema, Some(example));
        self
    }

    /// Leads the browser elsewhere.
    pub(crate) fn leads(mut self, what: &str) -> Self {
        let headers = json!({
            "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" },
            "Location": { "description": what, "schema": { "type": "string" } },
        });
        self.answers.insert(303, json!({ "description": what, "headers": headers }));
        self
    }

    /// Fails with these codes, besides those of every route.
    pub(crate) fn fails(mut self, codes: &[&'static str]) -> Self {
        for wanted in codes {
            self.fails.extend(PROBLEMS.iter().filter(|(code, _, _)| code == wanted).map(|(code, of, _)| (*of, *code)));
        }
        self
    }

    /// The operation as a path item holds it, and the responses that it shares with others, by name.
    pub(crate) fn written(self, access: Access) -> (Value, Vec<(String, Value)>) {
        let mut fails = self.fails;
        let mut parameters = path_parameters(&self.path);
        if !parameters.is_empty() {
            // A path that is not UTF-8.
            fails.insert((400, "invalid_request"));
        }
        let common = EVERYWHERE.iter().chain(if access == Access::Open { &[][..] } else { &WITH_A_LEVEL[..] });
        for wanted in common {
            fails.extend(PROBLEMS.iter().filter(|(code, _, _)| code == wanted).map(|(code, of, _)| (*of, *code)));
        }
        let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
        for (status, code) in fails {
            by_status.entry(status).or_default().insert(code);
        }
        let mut shared = Vec::new();
        let mut responses: Map<String, Value> =
            self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        for (status, codes) in &by_status {
            let name = problems::response_name(*status, codes);
            match responses.get_mut(&status.to_string()) {
                // Where the status is an answer of the route's own too, as of a service that is not ready.
                Some(answer) => {
                    let problem = problems::response(*status, codes)["content"].take();
                    if let (Value::Object(content), Value::Object(problem)) = (&mut answer["content"], problem) {
                        content.extend(problem);
                    }
                }
                None => {
                    let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                    responses.insert(status.to_string(), reference);
                    shared.push((name, problems::response(*status, codes)));
                }
            }
        }
        let by_cookie =
            if self.method == Method::GET { json!({ "session": [] }) } else { json!({ "session": [], "csrf": [] }) };
        let (level, security) = match access {
            Access::Open => ("anybody", json!([])),
            Access::SignedIn => ("signed in", json!([by_cookie])),
            Access::Executive => ("executive", json!([{ "bearer": [] }, by_cookie])),
        };
        parameters.extend(self.parameters);
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.group],
            "summary": self.summary,
            "security": security,
            "x-level": level,
            "responses": responses,
        });
        if let Some(description) = self.description {
            operation["description"] = description.into();
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if !self.takes.is_empty() {
            operation["requestBody"] = json!({ "required": true, "content": self.takes });
        }
        (operation, shared)
    }
}

/// A body of one type. A schema that is only a name keeps its example beside it.
fn media(schema: Schema, example: Option<Value>) -> Value {
    let mut media = json!({ "schema": schema.value() });
    if let Some(example) = example {
        media["example"] = example;
    }
    media
}

/// The parameters that stand in the path, each by its one meaning.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let (what, schema) = match name {
                "provider" => {
                    ("The provider's id, as `GET /api/admin/providers` lists it.", named("ProviderId").value())
                }
                "flow_id" => ("The flow's id, as `auth-url` gave it.", json!({ "type": "string" })),
                "person_id" => ("The person's id.", json!({ "type": "string" })),
                "plan_id" => ("The plan's id, as `match` gave it.", json!({ "type": "string" })),
                _ => ("The id of what is meant.", json!({ "type": "string" })),
            };
            json!({ "name": name, "in": "path", "required": true, "description": what, "schema": schema })
        })
        .collect()
}
