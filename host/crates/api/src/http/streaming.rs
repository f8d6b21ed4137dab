//! Streams long lists as JSON or CSV, one batch in memory at a time; the database is free between batches.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::stream;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE},
};
use jackfield_core::Error;
use jackfield_service::people::Page;

use crate::http::errors::ApiError;

/// The media type of a CSV file with column names in its first line (RFC 7111 §5).
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// The number of items to read at a time for a list that is sent as a whole.
pub(crate) const BATCH: u32 = 1_000;

/// Returns whether `Accept` prefers `text/csv` over JSON (RFC 9110 §12.5.1).
///
/// The type that is listed first wins; weights are ignored.
pub(crate) fn prefers_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let media_type = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let first = accepted.flat_map(|value| value.split(',')).map(media_type).find(|media_type| {
        matches!(media_type.as_str(), "text/csv" | "text/*" | "application/json" | "application/*" | "*/*")
    });
    first.is_some_and(|media_type| media_type.starts_with("text/"))
}

/// Streams a list as a CSV file.
///
/// # Errors
/// The first batch cannot be read.
pub(crate) async fn stream_csv<T, F>(
    content_disposition: &'static str,
    header: Vec<u8>,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    to_rows: impl Fn(&[T]) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let write = move |items: &[T], chunk: &mut Vec<u8>| {
        chunk.extend(to_rows(items));
        Ok(())
    };
    let mut response = stream_batches(CSV, header, read, write, "").await?;
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(content_disposition));
    Ok(response)
}

/// Streams a list as a JSON object with the list under `name`, and `next_cursor`. `write_item` writes one item.
///
/// # Errors
/// The first batch cannot be read.
pub(crate) async fn stream_json<T, F>(
    name: &str,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    write_item: impl Fn(&T, &mut Vec<u8>) -> serde_json::Result<()> + Send + Sync + 'static,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let start = format!("{{\"{name}\":[");
    let start_length = start.len();
    let write = move |items: &[T], chunk: &mut Vec<u8>| {
        // The first chunk starts with `start`, and its first item has no comma before it.
        let mut is_first = chunk.len() == start_length;
        for item in items {
            if !is_first {
                chunk.push(b',');
            }
            is_first = false;
            write_item(item, chunk).map_err(Error::internal)?;
        }
        Ok(())
    };
    stream_batches("application/json", start, read, write, "],\"next_cursor\":null}").await
}

/// Streams `start`, what `write` appends for each batch, and `end`.
///
/// If a later batch cannot be read, the response is aborted, so that no client takes it for complete.
async fn stream_batches<T, F>(
    content_type: &'static str,
    start: impl Into<Vec<u8>>,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    write: impl Fn(&[T], &mut Vec<u8>) -> Result<(), Error> + Send + Sync + 'static,
    end: &'static str,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let first = read(None).await?;
    let state = Some((start.into(), first));
    let chunks = stream::try_unfold((state, read, write), move |(state, read, write)| async move {
        let Some((mut chunk, page)) = state else { return Ok::<_, Error>(None) };
        write(&page.items, &mut chunk).inspect_err(log_abort)?;
        let next = match page.next {
            Some(id) => Some((Vec::new(), read(Some(id)).await.inspect_err(log_abort)?)),
            None => {
                chunk.extend_from_slice(end.as_bytes());
                None
            }
        };
        Ok(Some((Bytes::from(chunk), (next, read, write))))
    });
    Ok(to_response(content_type, Body::from_stream(chunks)))
}

/// Makes a response with status 200.
pub(crate) fn to_response(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn log_abort(error: &Error) {
    tracing::error!(%error, "list aborted while it was sent");
}
