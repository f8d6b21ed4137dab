//! Long lists as bodies that are made while they are sent: in memory is one part, and no part holds the database.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE},
};
use jackfield_core::Error;
use jackfield_service::people::{Page, PeopleSearch, is_id};
use jackfield_store::LinkedFilter;
use serde::Deserialize;

use crate::error::ApiError;

/// The type of a table whose first line names the columns.
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Items that are read for one part of a list that is sent whole.
pub(crate) const PART: u32 = 1_000;

/// Items of a page where the caller names no number.
const LIMIT: u32 = 100;

/// Items of a page at most.
const MOST: u32 = 1_000;

/// Which part of a list a caller asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PageQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    q: Option<String>,
    provider: Option<String>,
    state: Option<MappingState>,
}

/// Whether those who are looked for have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MappingState {
    Mapped,
    Unmapped,
}

/// Part of a list.
#[derive(Debug)]
pub(crate) enum Part {
    Whole,
    /// In the order in which they came, from after an id on.
    Page {
        after: Option<String>,
        limit: u32,
    },
    /// In the order of names, and counted.
    Found(PeopleSearch),
}

impl PageQuery {
    /// What is asked for.
    ///
    /// # Errors
    /// A cursor that no page gave, a number out of bounds, or what does not go together.
    pub(crate) fn part(self) -> Result<Part, Error> {
        let wrong = |field: &str, message: String| Error::field(field, message);
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(wrong("limit", format!("must be 1 to {MOST}")));
        }
        if self.offset.is_some() || self.q.is_some() || self.is_narrowed() {
            if self.cursor.is_some() {
                return Err(wrong("cursor", "leads through the whole list; with these, give an offset".to_owned()));
            }
            let linked = match self.state {
                None => LinkedFilter::Any,
                Some(MappingState::Mapped) => LinkedFilter::Linked,
                Some(MappingState::Unmapped) => LinkedFilter::Unlinked,
            };
            let (text, offset) = (self.q.unwrap_or_default(), self.offset.unwrap_or_default());
            return Ok(Part::Found(PeopleSearch { text, linked, provider: self.provider, offset, limit }));
        }
        if self.cursor.is_none() && self.limit.is_none() {
            return Ok(Part::Whole);
        }
        Ok(Part::Page { after: self.cursor.as_deref().map(opened).transpose()?, limit })
    }

    /// Whether it speaks of mappings, which not every list has.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.provider.is_some() || self.state.is_some()
    }
}

/// Whether a caller would rather have a CSV file than JSON (RFC 9110 §12.5.1, without its finer weights).
pub(crate) fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kind = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let first = accepted
        .flat_map(|value| value.split(','))
        .map(kind)
        .find(|kind| matches!(kind.as_str(), "text/csv" | "text/*" | "application/json" | "application/*" | "*/*"));
    first.is_some_and(|kind| kind.starts_with("text/"))
}

/// Sends a list as a CSV file, part by part.
///
/// # Errors
/// As [`parts`].
pub(crate) async fn csv<T, F>(
    name: &'static str,
    header: Vec<u8>,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    lines: impl Fn(&[T]) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let write = move |items: &[T], chunk: &mut Vec<u8>| {
        chunk.extend(lines(items));
        Ok(())
    };
    let mut response = parts(CSV, header, read, write, "").await?;
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// The cursor of the page after an id.
pub(crate) fn cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn opened(cursor: &str) -> Result<String, Error> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    id.filter(|id| is_id(id))
        .ok_or_else(|| Error::field("cursor", "is none that a page before gave"))
}

/// Sends a list part by part: `open`, what `write` makes of each part, `close`.
///
/// # Errors
/// The first part cannot be read. Where a later one cannot, the answer breaks off, and no client takes it for whole.
pub(crate) async fn parts<T, F>(
    kind: &'static str,
    open: impl Into<Vec<u8>>,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    write: impl Fn(&[T], &mut Vec<u8>) -> Result<(), Error> + Send + Sync + 'static,
    close: &'static str,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let first = read(None).await?;
    let state = Some((open.into(), first));
    let chunks = stream::try_unfold((state, read, write), move |(state, read, write)| async move {
        let Some((mut chunk, page)) = state else { return Ok::<_, Error>(None) };
        write(&page.items, &mut chunk).inspect_err(logged)?;
        let next = match page.next {
            Some(id) => Some((Vec::new(), read(Some(id)).await.inspect_err(logged)?)),
            None => {
                chunk.extend_from_slice(close.as_bytes());
                None
            }
        };
        Ok(Some((Bytes::from(chunk), (next, read, write))))
    });
    Ok(response(kind, Body::from_stream(chunks)))
}

/// Sends a list of JSON objects part by part; `view` writes one.
///
/// # Errors
/// As [`parts`].
pub(crate) async fn json<T, F>(
    name: &str,
    read: impl Fn(Option<String>) -> F + Send + Sync + 'static,
    view: impl Fn(&T, &mut Vec<u8>) -> serde_json::Result<()> + Send + Sync + 'static,
) -> Result<Response, ApiError>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, Error>> + Send,
{
    let open = format!("{{\"{name}\":[");
    let begun = open.len();
    let write = move |items: &[T], chunk: &mut Vec<u8>| {
        // The first part is handed over with the beginning, and no comma stands before its first item.
        let mut is_first = chunk.len() == begun;
        for item in items {
            if !is_first {
                chunk.push(b',');
            }
            is_first = false;
            view(item, chunk).map_err(Error::internal)?;
        }
        Ok(())
    };
    parts("application/json", open, read, write, "],\"next_cursor\":null}").await
}

/// A body of some kind.
pub(crate) fn response(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn logged(error: &Error) {
    tracing::error!(%error, "a list broke off while it was sent");
}
