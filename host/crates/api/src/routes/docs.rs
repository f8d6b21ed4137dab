//! `/docs`: the API's documentation as a page. It loads nothing from other hosts and has no inline scripts.

use axum::response::IntoResponse;
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
};

use crate::operation::Operation;

const GROUP: &str = "Description";

/// The page may load its own files and the OpenAPI document. It has no forms and cannot be framed.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; script-src 'self'; style-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /docs`
pub(crate) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, include_str!("docs/page.html"))
}

pub(crate) fn describe_page() -> Operation {
    Operation::new("docs", GROUP, "Shows this document as a page")
        .description("The page loads nothing from other hosts.")
        .text("The page.", "text/html", "<!doctype html>…")
}

/// `GET /docs/page.css`
pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("docs/page.css"))
}

pub(crate) fn describe_style() -> Operation {
    Operation::new("docs_style", GROUP, "The page's style sheet").text("The file.", "text/css", "…")
}

/// `GET /docs/page.js`
pub(crate) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("docs/page.js"))
}

pub(crate) fn describe_script() -> Operation {
    Operation::new("docs_script", GROUP, "The page's script").text("The file.", "text/javascript", "…")
}
