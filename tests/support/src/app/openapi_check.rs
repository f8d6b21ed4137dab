//! Checks every response of a test service, and every accepted request body, against its OpenAPI document.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use jackfield_api::openapi_document;
use jackfield_sandbox::Catalog;
use jsonschema::Validator;
use reqwest::{Method, Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::TestResponse;

const PROBLEM: &str = "application/problem+json";

/// A request as it was sent.
#[derive(Debug)]
pub(super) struct SentRequest {
    method: Method,
    path: String,
    /// The media type and the bytes of the body, if there is one.
    body: Option<(String, Vec<u8>)>,
}

impl SentRequest {
    pub(super) fn of(request: &Request) -> Self {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let body = request.body().and_then(|body| body.as_bytes());
        Self {
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            body: body.map(|body| (essence(kind).to_owned(), body.to_vec())),
        }
    }
}

/// Returns a media type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// The OpenAPI document of one service, with its compiled schemas.
pub(super) struct OpenApiCheck {
    document: Value,
    /// Compiled on first use, by operation and status.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl OpenApiCheck {
    pub(super) fn of(catalog: &Catalog) -> Self {
        Self::by(openapi_document(catalog))
    }

    fn by(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// Fails the test if the response or the accepted body does not match the document.
    pub(super) fn assert_documented(&self, sent: &SentRequest, answer: &TestResponse) {
        if let Err(why) = self.check(sent, answer) {
            let (SentRequest { method, path, .. }, TestResponse { status, text, .. }) = (sent, answer);
            panic!(
                "{method} {path} → {status}: {why}\nthe documentation of the handler (host/crates/api/src/routes/) does not match this response: {text}"
            );
        }
    }

    fn check(&self, SentRequest { method, path, body }: &SentRequest, answer: &TestResponse) -> Result<(), String> {
        // HEAD is answered by the GET handler of the path, without a body.
        let is_head = method == Method::HEAD;
        let name = if is_head { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
        let template = self.template(path);
        let Some((template, operation)) =
            template.and_then(|template| Some((template, self.document["paths"][template].get(&name)?)))
        else {
            return match answer.status {
                ..400 => Err("no operation of it is described".to_owned()),
                _ if is_head => Ok(()),
                _ => self.validate(PROBLEM, &json!({ "$ref": "#/components/schemas/Problem" }), &answer.json()),
            };
        };
        let response = self.resolve(&operation["responses"][answer.status.to_string()]);
        if response.is_null() {
            return Err(format!("this status of `{template}` is not described"));
        }
        if is_head {
            return Ok(());
        }
        if response["content"].is_null() && answer.text.is_empty() {
            return Ok(());
        }
        let kind = essence(answer.header("content-type").unwrap_or_default());
        let media = &response["content"][kind];
        if media.is_null() {
            return Err(format!("the type `{kind}` of `{template}` is not described"));
        }
        let key = format!("{name} {template} {} {kind}", answer.status);
        if kind.ends_with("json") {
            self.validate(&key, &media["schema"], &answer.json())?;
        }
        let Some((kind, body)) = body.as_ref().filter(|_| answer.status < 300) else { return Ok(()) };
        let media = &operation["requestBody"]["content"][kind];
        if media.is_null() {
            return Err(format!("it took a body of the type `{kind}`, and none is described"));
        }
        if !kind.ends_with("json") {
            return Ok(());
        }
        let body = serde_json::from_slice(body).map_err(|why| format!("it took a body that is not JSON: {why}"))?;
        self.validate(&format!("{key} body"), &media["schema"], &body).map_err(|why| format!("it took a body: {why}"))
    }

    /// Returns the documented path that matches, preferring the one with the fewest parameters.
    fn template(&self, path: &str) -> Option<&str> {
        let segments: Vec<&str> = path.split('/').collect();
        let is_parameter = |segment: &str| segment.starts_with('{');
        let fits = |template: &&String| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == segments.len()
                && wanted
                    .iter()
                    .zip(&segments)
                    .all(|(wanted, given)| wanted == given || (is_parameter(wanted) && !given.is_empty()))
        };
        let templates = self.document["paths"].as_object().expect("paths").keys();
        let parameters = |template: &&String| template.split('/').filter(|segment| is_parameter(segment)).count();
        templates.filter(fits).min_by_key(parameters).map(String::as_str)
    }

    fn resolve<'a>(&'a self, thing: &'a Value) -> &'a Value {
        match thing["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => thing,
        }
    }

    fn validate(&self, key: &str, schema: &Value, instance: &Value) -> Result<(), String> {
        let validator = {
            let mut validators = self.validators.lock().expect("no thread panicked while it held the validators' lock");
            let made = validators.entry(key.to_owned());
            Arc::clone(made.or_insert_with(|| Arc::new(validator(&self.document, schema))))
        };
        // The values are masked because they may be secrets of the test.
        let wrong: Vec<String> = validator
            .iter_errors(instance)
            .map(|error| format!("`{}`: {}", error.instance_path(), error.masked()))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
}

impl fmt::Debug for OpenApiCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Described").finish_non_exhaustive()
    }
}

/// Compiles a schema of an OpenAPI document, including the schemas it refers to.
///
/// # Panics
/// If it is not a valid schema.
#[must_use]
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&whole).unwrap_or_else(|error| panic!("{error}: {schema:#}"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn check(method: &Method, path: &str, sent: Option<&Value>, status: u16, kind: &str, text: &str) -> String {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).expect("a type"))]);
        let answer = TestResponse { status, headers, text: text.to_owned() };
        let body = sent.map(|sent| ("application/json".to_owned(), sent.to_string().into_bytes()));
        let sent = SentRequest { method: method.clone(), path: path.to_owned(), body };
        OpenApiCheck::by(jackfield_api::testing::general_document()).check(&sent, &answer).err().unwrap_or_default()
    }

    const STATUS: &str = "/api/admin/connections/acme/status";

    #[test]
    fn a_documented_response_passes() {
        let json = "application/json; charset=utf-8";
        assert_eq!(check(&Method::GET, STATUS, None, 200, json, r#"{"configured": true, "team": "red"}"#), "");
        assert_eq!(check(&Method::HEAD, STATUS, None, 200, json, ""), "");
        assert_eq!(check(&Method::GET, "/healthz", None, 200, "text/plain", "ok\n"), "");
    }

    #[test]
    fn an_undocumented_response_fails() {
        let json = "application/json";
        let problem = |code: &str, status: u16| {
            json!({
                "type": "about:blank", "title": "x", "status": status, "code": code, "detail": "x", "request_id": "x",
            })
            .to_string()
        };
        let put = json!({ "token": 5 });
        for (why, found) in [
            ("this status of", check(&Method::GET, STATUS, None, 204, json, "")),
            ("the type `text/html`", check(&Method::GET, STATUS, None, 200, "text/html", "<p>")),
            ("\"configured\" is a required", check(&Method::GET, STATUS, None, 200, json, "{}")),
            ("is not of type", check(&Method::GET, STATUS, None, 200, json, r#"{"configured": "yes"}"#)),
            ("Additional", check(&Method::GET, "/readyz", None, 503, json, r#"{"why": 1}"#)),
            ("no operation", check(&Method::GET, "/api/nowhere", None, 200, json, "{}")),
            ("no operation", check(&Method::PATCH, STATUS, None, 200, json, "{}")),
            ("`/code`", check(&Method::GET, STATUS, None, 404, PROBLEM, &problem("unknown_person", 404))),
            ("`/status`", check(&Method::GET, STATUS, None, 404, PROBLEM, &problem("unknown_provider", 409))),
            ("`/code`", check(&Method::GET, "/nowhere", None, 404, PROBLEM, &problem("unheard_of", 404))),
            (
                "it took a body: `/token`",
                check(&Method::PUT, "/api/admin/connections/acme", Some(&put), 200, json, r#"{"ok": true}"#),
            ),
        ] {
            assert!(found.contains(why), "{why}: {found}");
        }
    }
}
