//! The web console: one page at each of its paths, and its files at paths that contain the hash of all files.
//!
//! The files are the same on every service of a version and contain no data, so the routes are open. The page gets its
//! data from the API, with the browser's session.

mod content_encoding;

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Path, Request},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    },
};
use jackfield_console::{ConsoleFile, FILES, HASH, PAGE};
use jackfield_core::Error;
use serde_json::json;

use self::content_encoding::ContentEncoding;
use crate::{http::errors::ApiError, operation::Operation};

const GROUP: &str = "Console";

/// The page may load its own files and call this API. It has no inline scripts or scripts of other hosts, turns no text
/// into markup, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The page names the files of one version, so browsers revalidate it each time.
const REVALIDATE: &str = "no-cache";

/// A file with other content has another path.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Answers every path of the console with the same page. Its script decides by the path what to show.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    respond(&PAGE, REVALIDATE, &headers)
}

/// Paths that people type because the menu says so, and the pages that they mean.
const OTHER_PATHS: [(&str, &str); 2] = [("/connections", "/"), ("/plugins", "/providers")];

/// Middleware that answers a person's visit to a path without a route with the console, which says that there is no
/// such page. Programs get the API's own answer.
pub(crate) async fn serve_unknown_page(request: Request, next: Next) -> Response {
    if request.extensions().get::<MatchedPath>().is_some() || !is_visit(&request) {
        return next.run(request).await;
    }
    if let Some(target) = find_page(request.uri()) {
        return Redirect::permanent(&target).into_response();
    }
    let mut headers = request.headers().clone();
    headers.remove(IF_NONE_MATCH);
    let mut response = respond(&PAGE, REVALIDATE, &headers);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Returns whether a browser requests a path to show it, and not a file of a page or an answer of the API.
fn is_visit(request: &Request) -> bool {
    let path = request.uri().path();
    let is_page = !["/api/", "/console/"].iter().any(|folder| path.starts_with(folder));
    let accepts_page = header_values(request.headers(), &ACCEPT).any(|accepted| accepted.contains("text/html"));
    matches!(*request.method(), Method::GET | Method::HEAD) && is_page && accepts_page
}

/// Returns the page that a mistyped path means.
fn find_page(uri: &Uri) -> Option<String> {
    let path = uri.path().trim_end_matches('/');
    // A path that starts with two slashes would lead to another host.
    if path.starts_with("//") || path.contains('\\') {
        return None;
    }
    let meant = OTHER_PATHS.iter().find_map(|(other, page)| (path == *other).then_some(*page));
    let target = meant.or_else(|| Some(path).filter(|path| !path.is_empty() && *path != uri.path()))?;
    Some(uri.query().map_or_else(|| target.to_owned(), |query| format!("{target}?{query}")))
}

/// Describes the page at one of its paths.
pub(crate) fn describe_page(id: &str, content: &str) -> Operation {
    Operation::new(id, GROUP, format!("The console: {content}"))
        .description("The same page at each of its paths, with `ETag` and compression.")
        .text("The page.", "text/html", "<!doctype html>…")
}

/// `GET /console/{hash}/{file}`
pub(crate) async fn file(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, ApiError> {
    find_file(&hash, &name, &headers)
}

/// `GET /console/{hash}/vendor/{file}`
pub(crate) async fn vendor_file(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    find_file(&hash, &format!("vendor/{name}"), &headers)
}

/// The media types of the console's files, with an example of each.
const MEDIA_TYPES: [(&str, &str); 8] = [
    ("text/css", "…"),
    ("text/javascript", "…"),
    ("text/plain", "…"),
    ("application/json", "{}"),
    ("image/svg+xml", "<svg>…</svg>"),
    ("image/png", "…"),
    ("image/x-icon", "…"),
    ("font/woff2", "…"),
];

pub(crate) fn describe_file() -> Operation {
    describe_any_file(Operation::new("console_file", GROUP, "A file of the console"))
}

pub(crate) fn describe_vendor_file() -> Operation {
    describe_any_file(Operation::new("console_vendor_file", GROUP, "A third-party file of the console"))
}

fn describe_any_file(operation: Operation) -> Operation {
    let operation = operation.description(
        "`hash` is the hash of all files of this version. A file never changes; files of other versions are not found.",
    );
    let add = |operation: Operation, (media_type, example): (&'static str, &str)| {
        operation.content("The file.", media_type, json!({}), example)
    };
    MEDIA_TYPES.into_iter().fold(operation, add).problems(&["not_found"])
}

fn find_file(hash: &str, name: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    // A page of another version must not get a file of this version.
    let found = FILES.iter().find(|file| hash == HASH && file.name == name);
    let file = found.ok_or_else(|| Error::NotFound("this version of the console has no such file".to_owned()))?;
    Ok(respond(file, IMMUTABLE, headers))
}

fn respond(file: &ConsoleFile, caching: &'static str, request: &HeaderMap) -> Response {
    let offered = [
        (ContentEncoding::Brotli, file.brotli),
        (ContentEncoding::Gzip, file.gzip),
        (ContentEncoding::Identity, Some(file.plain)),
    ];
    let accepted: Vec<&str> = header_values(request, &ACCEPT_ENCODING).collect();
    let available = offered.iter().filter_map(|(encoding, bytes)| bytes.and(Some(*encoding)));
    let encoding = content_encoding::choose(&accepted, available);
    let bytes =
        offered.iter().find(|(offer, _)| *offer == encoding).and_then(|(_, bytes)| *bytes).unwrap_or(file.plain);
    // Each encoding needs a tag of its own (RFC 9110 §8.8.3).
    let tag = format!("\"{}{}\"", file.tag, encoding.name().map(|name| format!("-{name}")).unwrap_or_default());
    let is_current = header_values(request, &IF_NONE_MATCH).any(|list| contains_tag(list, &tag));
    let mut response = Response::new(if is_current { Body::empty() } else { Bytes::from_static(bytes).into() });
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
    if is_current {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Some(name) = encoding.name() {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn header_values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// Returns whether `If-None-Match` contains a tag, by weak comparison (RFC 9110 §13.1.2). Our tags contain no commas.
fn contains_tag(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_path_leads_to_a_page_of_this_host() {
        for (uri, target) in [
            ("/plugins", Some("/providers")),
            ("/plugins/", Some("/providers")),
            ("/connections?x=1", Some("/?x=1")),
            ("/people/?q=a", Some("/people?q=a")),
            ("/nowhere", None),
            ("//elsewhere.example/", None),
            ("/\\elsewhere.example/", None),
            ("/", None),
        ] {
            let Ok(uri) = uri.parse::<Uri>() else { continue };
            assert_eq!(find_page(&uri).as_deref(), target, "{uri}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list_by_weak_comparison() {
        for list in ["\"a-br\"", "W/\"a-br\"", "\"b\" , W/\"a-br\"", "*"] {
            assert!(contains_tag(list, "\"a-br\""), "{list}");
        }
        for list in ["", "a-br", "\"a\"", "\"a-gzip\", \"b-br\""] {
            assert!(!contains_tag(list, "\"a-br\""), "{list}");
        }
    }
}
