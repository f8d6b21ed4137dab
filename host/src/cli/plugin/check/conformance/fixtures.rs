//! Recorded exchanges, in the format of the Rust SDK's fixtures: request and response, separated by lines of `###`.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;
use url::Url;

/// Recorded exchanges, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct FixtureSet(Vec<FixtureExchange>);

#[derive(Debug)]
struct FixtureExchange {
    method: String,
    host: String,
    /// The path with its query.
    target: String,
    response: FixtureResponse,
}

/// One recorded response.
#[derive(Clone, Debug)]
pub(super) struct FixtureResponse {
    pub(super) status: u16,
    /// The header fields, each with its line end.
    pub(super) fields: String,
    pub(super) body: String,
}

impl FixtureSet {
    /// Reads every `*.http` file of a folder.
    ///
    /// # Errors
    /// A file cannot be read or parsed, or there is no exchange.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
        paths.sort();
        let mut exchanges = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path)?;
            for part in split_exchanges(&text) {
                exchanges.push(parse_exchange(&part).with_context(|| path.display().to_string())?);
            }
        }
        if exchanges.is_empty() { bail!("no file contains a recorded exchange") } else { Ok(Self(exchanges)) }
    }

    /// Finds the response recorded for a request, or else the first one for its method and path.
    pub(super) fn find(&self, method: &str, host: &str, target: &str) -> Option<&FixtureResponse> {
        let exact = self.to(method, host).find(|exchange| exchange.target == target).map(|exchange| &exchange.response);
        exact.or_else(|| self.find_first(method, host, target))
    }

    /// Finds the first response recorded for a method and path, with any query.
    pub(super) fn find_first(&self, method: &str, host: &str, target: &str) -> Option<&FixtureResponse> {
        self.to(method, host)
            .find(|exchange| path_of(&exchange.target) == path_of(target))
            .map(|exchange| &exchange.response)
    }

    fn to(&self, method: &str, host: &str) -> impl Iterator<Item = &FixtureExchange> {
        self.0.iter().filter(move |exchange| exchange.method == method && exchange.host == host)
    }
}

/// Removes the members with `mail` in their name from a JSON document, and returns any other text unchanged.
pub(super) fn without_email(body: &str) -> String {
    fn remove_email(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !name.to_ascii_lowercase().contains("mail"));
                members.values_mut().for_each(remove_email);
            }
            Value::Array(items) => items.iter_mut().for_each(remove_email),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    match serde_json::from_str::<Value>(body) {
        Ok(mut document) => {
            remove_email(&mut document);
            document.to_string()
        }
        Err(_) => body.to_owned(),
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn split_exchanges(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        match parts.last_mut() {
            Some(part) if !line.starts_with("###") => {
                part.push_str(line);
                part.push('\n');
            }
            _ => parts.push(String::new()),
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn parse_exchange(part: &str) -> anyhow::Result<FixtureExchange> {
    let (request, response) = part.split_once("\nHTTP/1.1 ").context("an exchange has no `HTTP/1.1` line")?;
    let line = request.trim_start().lines().next().unwrap_or_default();
    let (method, url) = line.split_once(' ').context("a request does not begin with its method and URL")?;
    let url = Url::parse(url.trim()).context("the URL of a request is not valid")?;
    let (head, body) = response.split_once("\n\n").unwrap_or((response, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').next()).and_then(|status| status.trim().parse().ok());
    Ok(FixtureExchange {
        method: method.to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        target: url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path())),
        response: FixtureResponse {
            status: status.context("a response does not begin with its status")?,
            fields: lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect(),
            body: body.trim_end().to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_found_by_its_method_and_path() {
        let text = "GET https://api.acme.example/v1/me?x=1\naccept: */*\n\nHTTP/1.1 200\na: b\n\n{\"email\":1}\n###\n\nPOST \
                    https://api.acme.example/v1/me\n\nbody\n\nHTTP/1.1 404\n";
        let exchanges: Vec<FixtureExchange> =
            split_exchanges(text).iter().map(|part| parse_exchange(part).expect("an exchange")).collect();
        let fixtures = FixtureSet(exchanges);
        let found = fixtures.find("GET", "api.acme.example", "/v1/me").expect("recorded");
        assert_eq!((found.status, found.fields.as_str(), found.body.as_str()), (200, "a: b\r\n", "{\"email\":1}"));
        assert_eq!(fixtures.find("POST", "api.acme.example", "/v1/me").map(|found| found.status), Some(404));
        assert!(fixtures.find("GET", "api.acme.example", "/v1").is_none());
        assert_eq!(without_email("{\"a\":[{\"eMail\":1,\"b\":2}],\"mails\":[]}"), "{\"a\":[{\"b\":2}]}");
        assert_eq!(without_email("<html>"), "<html>");
    }
}
