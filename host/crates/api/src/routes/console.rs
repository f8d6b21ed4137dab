//! The console: one page under each of its paths, and its files under a path that names their content.
//!
//! All of it is the same for everybody and holds nothing of this service, so the routes are open. What the page shows
//! it asks of the API, as the caller that it is.

mod content_encoding;

use axum::{
    body::{Body, Bytes},
    extract::Path,
    response::Response,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH, REFERRER_POLICY, VARY,
    },
};
use jackfield_console::{FILES, File, HASH, PAGE};
use jackfield_core::Error;

use self::content_encoding::Coding;
use crate::error::ApiError;

/// What the page may load and do: its own files and this API. No script stands in it, none comes from elsewhere, no text
/// becomes markup, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The page names the files of one version, so it is asked for each time; where it is the same, nothing is sent.
const ASK_EACH_TIME: &str = "no-cache";

/// Another content has another path.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// Every path of the console's page: its script reads in the address what it is to show.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    answer(&PAGE, ASK_EACH_TIME, &headers)
}

/// `GET /console/{hash}/{file}`
pub(crate) async fn file(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, ApiError> {
    find(&hash, &name, &headers)
}

/// `GET /console/{hash}/vendor/{file}`
pub(crate) async fn vendor_file(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    find(&hash, &format!("vendor/{name}"), &headers)
}

fn find(hash: &str, name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    // A page of another version must not be given a file of this one.
    let found = FILES.iter().find(|file| hash == HASH && file.name == name);
    let file = found.ok_or_else(|| Error::NotFound("this version of the console has no such file".to_owned()))?;
    Ok(answer(file, FOR_GOOD, headers))
}

fn answer(file: &File, caching: &'static str, asked: &HeaderMap) -> Response {
    let offered = [(Coding::Brotli, file.brotli), (Coding::Gzip, file.gzip), (Coding::Plain, Some(file.plain))];
    let accepted: Vec<&str> = texts(asked, &ACCEPT_ENCODING).collect();
    let coding = content_encoding::choose(&accepted, offered.iter().filter_map(|(coding, bytes)| bytes.and(Some(*coding))));
    let bytes = offered.iter().find(|(offer, _)| *offer == coding).and_then(|(_, bytes)| *bytes).unwrap_or(file.plain);
    // Each coding is a representation of its own (RFC 9110 §8.8.3).
    let tag = format!("\"{}{}\"", file.tag, coding.name().map(|name| format!("-{name}")).unwrap_or_default());
    let is_known = texts(asked, &IF_NONE_MATCH).any(|listed| matches(listed, &tag));
    let mut response = Response::new(if is_known { Body::empty() } else { Bytes::from_static(bytes).into() });
    let fields = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin-allow-popups"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, caching),
        (VARY, "accept-encoding"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        fields.insert(ETAG, tag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Some(name) = coding.name() {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// Whether a list of tags holds this one, by the weak comparison (RFC 9110 §13.1.2). Ours hold no comma.
fn matches(listed: &str, tag: &str) -> bool {
    listed.split(',').map(str::trim).any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_whatever_its_strength() {
        for listed in ["\"a-br\"", "W/\"a-br\"", "\"b\" , W/\"a-br\"", "*"] {
            assert!(matches(listed, "\"a-br\""), "{listed}");
        }
        for listed in ["", "a-br", "\"a\"", "\"a-gzip\", \"b-br\""] {
            assert!(!matches(listed, "\"a-br\""), "{listed}");
        }
    }
}
