//! Finds the endpoint of the manifest that allows a request. The host is stricter; this finds mistakes early.

use crate::encode::percent_encode;
use crate::http::{Denial, Method, Request};
use crate::types::{Endpoint, Manifest, Place};

/// Finds the endpoint that allows the request, and checks that the request does not set the credential itself.
///
/// # Errors
///
/// The rule that denies the request, with the endpoint that would allow it.
pub fn find_endpoint<'m>(manifest: &'m Manifest, request: &Request) -> Result<&'m Endpoint, Denial> {
    let (host, path, query) = split_url(&request.url)
        .ok_or_else(|| denial("url", format!("`{}` is not a plain https URL with a host and a path", request.url)))?;
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
    if place.is_some_and(|place| is_set_by_request(place, request, query)) {
        return Err(denial("place", "the request sets the header field or key that the credential belongs in".into()));
    }
    Ok(endpoint)
}

/// Returns the method's name in an HTTP request.
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
pub(crate) fn split_url(url: &str) -> Option<(&str, &str, &str)> {
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
    let (mut expected, mut actual) = (pattern.split('/'), path.split('/'));
    loop {
        match (expected.next(), actual.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(expected), Some(actual)) if expected == actual => {}
            _ => return false,
        }
    }
}

fn is_set_by_request(place: &Place, request: &Request, query: &str) -> bool {
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

    fn denying_rule(request: &Request) -> Option<String> {
        let manifest = Manifest::new("acme", "Acme", "0.1.0")
            .endpoint(get("*.acme.test/v1/people/*").credential("key").query("api key"))
            .endpoint(post("acme.test/form").credential("key").form("key"))
            .endpoint(post("acme.test/json").credential("key").json("/auth/key"));
        find_endpoint(&manifest, request).err().map(|denial| denial.rule)
    }

    #[test]
    fn a_declared_request_is_allowed() {
        assert_eq!(denying_rule(&http::get("https://eu.acme.test/v1/people/7?page=2")), None);
        assert_eq!(denying_rule(&http::post("https://acme.test/form").form(&[("keys", "1")])), None);
    }

    #[test]
    fn a_star_matches_exactly_one_label_or_one_segment() {
        for url in [
            "https://acme.test/v1/people/7",
            "https://a.b.acme.test/v1/people/7",
            "https://eu.acme.test/v1/people/",
            "https://eu.acme.test/v1/people/7/8",
            "https://eu.acme.test.evil.test/v1/people/7",
        ] {
            assert_eq!(denying_rule(&http::get(url)).as_deref(), Some("endpoint"), "{url}");
        }
        assert_eq!(denying_rule(&http::post("https://eu.acme.test/v1/people/7")).as_deref(), Some("endpoint"));
    }

    #[test]
    fn any_other_url_than_plain_https_is_denied() {
        for url in ["http://acme.test/form", "https://u@acme.test/form", "https://acme.test:8443/form", "https:///form"]
        {
            assert_eq!(denying_rule(&http::post(url)).as_deref(), Some("url"), "{url}");
        }
    }

    #[test]
    fn a_request_must_not_set_its_own_credential() {
        let query = http::get("https://eu.acme.test/v1/people/7").query(&[("api key", "mine")]);
        let form = http::post("https://acme.test/form").form(&[("key", "mine")]);
        let json = http::post("https://acme.test/json").json(&serde_json::json!({"auth": {"key": 1}})).unwrap();
        for request in [query, form, json] {
            assert_eq!(denying_rule(&request).as_deref(), Some("place"));
        }
    }
}
