//! Which endpoint of the manifest allows a request. The host judges more strictly; this is to find mistakes early.

use crate::encode::percent_encode;
use crate::http::{Denial, Method, Request};
use crate::types::{Endpoint, Manifest, Place};

/// Finds the endpoint that allows the request and checks that the place of its credential is free.
///
/// # Errors
///
/// The rule that refuses, with the line that would have allowed the request.
pub fn judge<'m>(manifest: &'m Manifest, request: &Request) -> Result<&'m Endpoint, Denial> {
    let (host, path, query) = split(&request.url)
        .ok_or_else(|| denial("url", format!("`{}` is no plain https URL of a host and a path", request.url)))?;
    let endpoint = manifest
        .endpoints
        .iter()
        .find(|endpoint| {
            endpoint.method == request.method
                && host_matches(&endpoint.host, host)
                && path_matches(&endpoint.path, path)
        })
        .ok_or_else(|| {
            denial("endpoint", format!("the manifest has no `{} {host}{path}`", method_name(request.method)))
        })?;
    let place = endpoint.credential.as_ref().map(|credential| &credential.place);
    if place.is_some_and(|place| is_taken(place, request, query)) {
        return Err(denial("place", "the request sets the place of its own credential".into()));
    }
    Ok(endpoint)
}

/// Names a method as it goes over the wire.
pub(crate) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// Splits an https URL into host, path and query.
pub(crate) fn split(url: &str) -> Option<(&str, &str, &str)> {
    let rest = url.strip_prefix("https://")?;
    if rest.contains(['#', '\\']) || rest.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return None;
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let is_plain = !host.is_empty() && !host.contains(['@', ':']) && !path.split('/').any(|part| part == "..");
    is_plain.then_some((host, if path.is_empty() { "/" } else { path }, query))
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => host == pattern,
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

fn is_taken(place: &Place, request: &Request, query: &str) -> bool {
    let sets = |name: &str| request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    let has_key = |pairs: &str, key: &str| {
        let key = percent_encode(key);
        pairs.split('&').any(|pair| pair.split('=').next() == Some(key.as_str()))
    };
    let body = request.body.as_deref().unwrap_or_default();
    match place {
        Place::Header(header) => sets(&header.name),
        Place::Basic(_) => sets("authorization"),
        Place::Query(key) => has_key(query, key),
        Place::Form(key) => std::str::from_utf8(body).is_ok_and(|form| has_key(form, key)),
        Place::Json(pointer) => {
            serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|document| document.pointer(pointer).is_some())
        }
        Place::Hmac(place) => sets(&place.header.name) || place.time.as_ref().is_some_and(|time| sets(&time.header)),
        Place::Aws(_) => ["authorization", "date", "x-amz-date"].into_iter().any(sets),
        Place::Jwt(place) => sets(&place.header.name),
    }
}

fn denial(rule: &str, message: String) -> Denial {
    Denial { rule: rule.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{get, post};
    use crate::http;

    fn rule(request: &Request) -> Option<String> {
        let manifest = Manifest::new("acme", "Acme", "0.1.0")
            .endpoint(get("*.acme.test/v1/people/*").credential("key").query("api key"))
            .endpoint(post("acme.test/form").credential("key").form("key"))
            .endpoint(post("acme.test/json").credential("key").json("/auth/key"));
        judge(&manifest, request).err().map(|denial| denial.rule)
    }

    #[test]
    fn a_declared_request_passes() {
        assert_eq!(rule(&http::get("https://eu.acme.test/v1/people/7?page=2")), None);
        assert_eq!(rule(&http::post("https://acme.test/form").form(&[("keys", "1")])), None);
    }

    #[test]
    fn a_star_stands_for_exactly_one_label_and_one_segment() {
        for url in [
            "https://acme.test/v1/people/7",
            "https://a.b.acme.test/v1/people/7",
            "https://eu.acme.test/v1/people/",
            "https://eu.acme.test/v1/people/7/8",
            "https://eu.acme.test.evil.test/v1/people/7",
        ] {
            assert_eq!(rule(&http::get(url)).as_deref(), Some("endpoint"), "{url}");
        }
        assert_eq!(rule(&http::post("https://eu.acme.test/v1/people/7")).as_deref(), Some("endpoint"));
    }

    #[test]
    fn only_a_plain_https_url_is_judged_at_all() {
        for url in ["http://acme.test/form", "https://u@acme.test/form", "https://acme.test:8443/form", "https:///form"]
        {
            assert_eq!(rule(&http::post(url)).as_deref(), Some("url"), "{url}");
        }
    }

    #[test]
    fn a_request_may_not_set_the_place_of_its_credential() {
        let query = http::get("https://eu.acme.test/v1/people/7").query(&[("api key", "mine")]);
        let form = http::post("https://acme.test/form").form(&[("key", "mine")]);
        let json = http::post("https://acme.test/json").json(&serde_json::json!({"auth": {"key": 1}})).unwrap();
        for request in [query, form, json] {
            assert_eq!(rule(&request).as_deref(), Some("place"));
        }
    }
}
