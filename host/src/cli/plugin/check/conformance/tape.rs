//! Recorded exchanges, in the form of the Rust kit's fixtures: a request, its answer, a line of `###` in between.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;
use url::Url;

/// The answers that were recorded, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Tape(Vec<Exchange>);

#[derive(Debug)]
struct Exchange {
    method: String,
    host: String,
    /// The path with its query.
    target: String,
    answer: Recorded,
}

/// One recorded answer.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) status: u16,
    /// Header fields, each with its line end.
    pub(super) fields: String,
    pub(super) body: String,
}

impl Tape {
    /// Reads every `*.http` of a folder.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
        paths.sort();
        let mut exchanges = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path)?;
            for part in parts(&text) {
                exchanges.push(exchange(&part).with_context(|| path.display().to_string())?);
            }
        }
        if exchanges.is_empty() { bail!("no exchange is recorded there") } else { Ok(Self(exchanges)) }
    }

    /// The answer that was recorded for this very request, but for its body; else the first for its method and path.
    pub(super) fn answer(&self, method: &str, host: &str, target: &str) -> Option<&Recorded> {
        let exact = self.to(method, host).find(|exchange| exchange.target == target).map(|exchange| &exchange.answer);
        exact.or_else(|| self.first(method, host, target))
    }

    /// The first answer that was recorded for a method and path, whatever the query and the body.
    pub(super) fn first(&self, method: &str, host: &str, target: &str) -> Option<&Recorded> {
        self.to(method, host).find(|exchange| path(&exchange.target) == path(target)).map(|exchange| &exchange.answer)
    }

    fn to(&self, method: &str, host: &str) -> impl Iterator<Item = &Exchange> {
        self.0.iter().filter(move |exchange| exchange.method == method && exchange.host == host)
    }
}

/// Takes every member whose name tells of mail out of a JSON document; any other text stays as it is.
pub(super) fn without_mail(body: &str) -> String {
    fn take_out(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !name.to_ascii_lowercase().contains("mail"));
                members.values_mut().for_each(take_out);
            }
            Value::Array(items) => items.iter_mut().for_each(take_out),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    match serde_json::from_str::<Value>(body) {
        Ok(mut document) => {
            take_out(&mut document);
            document.to_string()
        }
        Err(_) => body.to_owned(),
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn parts(text: &str) -> Vec<String> {
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

fn exchange(part: &str) -> anyhow::Result<Exchange> {
    let (request, answer) = part.split_once("\nHTTP/1.1 ").context("an exchange has no `HTTP/1.1` line")?;
    let line = request.trim_start().lines().next().unwrap_or_default();
    let (method, url) = line.split_once(' ').context("a request begins with its method and URL")?;
    let url = Url::parse(url.trim()).context("a request's URL is none")?;
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').next()).and_then(|status| status.trim().parse().ok());
    Ok(Exchange {
        method: method.to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        target: url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path())),
        answer: Recorded {
            status: status.context("an answer begins with its status")?,
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
        let exchanges: Vec<Exchange> = parts(text).iter().map(|part| exchange(part).expect("an exchange")).collect();
        let tape = Tape(exchanges);
        let found = tape.answer("GET", "api.acme.example", "/v1/me").expect("recorded");
        assert_eq!((found.status, found.fields.as_str(), found.body.as_str()), (200, "a: b\r\n", "{\"email\":1}"));
        assert_eq!(tape.answer("POST", "api.acme.example", "/v1/me").map(|found| found.status), Some(404));
        assert!(tape.answer("GET", "api.acme.example", "/v1").is_none());
        assert_eq!(without_mail("{\"a\":[{\"eMail\":1,\"b\":2}],\"mails\":[]}"), "{\"a\":[{\"b\":2}]}");
        assert_eq!(without_mail("<html>"), "<html>");
    }
}
