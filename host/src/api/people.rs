//! `/api/admin/people`: the people that are mapped, one by one and as a CSV file.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    body::Bytes,
    extract::{FromRequest, Path, Request, State as Given},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_DISPOSITION},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    State,
    error::ApiError,
    extract::{self, Json, LARGE, Query},
    form::Form,
    stream::{self, PageQuery},
};
use crate::{
    model::{Error, FieldError, Person, audit::Actor},
    people::{Page, People, Submitted, csv_header, csv_lines},
};

#[derive(Serialize)]
struct PageView {
    people: Vec<Person>,
    next_cursor: Option<String>,
}

/// `GET /api/admin/people`
pub(super) async fn list(
    Given(state): Given<State>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let people = state.people;
    let page = query.page()?;
    if wants_csv(&headers) {
        if page.is_some() {
            let message = "is for JSON; a CSV file is given whole";
            return Err(Error::InvalidFields(vec![FieldError::new("limit", message)]).into());
        }
        return csv(people).await;
    }
    match page {
        Some((after, limit)) => {
            let page = people.page(after.as_deref(), limit).await?;
            let next_cursor = page.next.as_deref().map(stream::cursor);
            Ok(Answer(PageView { people: page.items, next_cursor }).into_response())
        }
        None => {
            let view = |person: &Person, chunk: &mut Vec<u8>| serde_json::to_writer(chunk, person);
            stream::json("people", read_all(people), view).await
        }
    }
}

async fn csv(people: People) -> Result<Response, ApiError> {
    let write = |people: &[Person], chunk: &mut Vec<u8>| {
        chunk.extend(csv_lines(people));
        Ok(())
    };
    let kind = "text/csv; charset=utf-8; header=present";
    let mut response = stream::parts(kind, csv_header(), read_all(people), write, "").await?;
    let name = HeaderValue::from_static("attachment; filename=\"people.csv\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Reads part after part of everybody.
fn read_all(people: People) -> impl Fn(Option<String>) -> BoxFuture<'static, Result<Page<Person>, Error>> {
    move |after| {
        let people = people.clone();
        async move { people.page(after.as_deref(), stream::PART).await }.boxed()
    }
}

/// Whether a caller would rather have a CSV file than JSON (RFC 9110 §12.5.1, without its finer weights).
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kind = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let first = accepted
        .flat_map(|value| value.split(','))
        .map(kind)
        .find(|kind| matches!(kind.as_str(), "text/csv" | "text/*" | "application/json" | "application/*" | "*/*"));
    first.is_some_and(|kind| kind.starts_with("text/"))
}

/// What people come in: one as JSON, or many as a CSV file.
pub(super) enum Incoming {
    One(BTreeMap<String, Value>),
    File(Bytes),
}

impl FromRequest<State> for Incoming {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &State) -> Result<Self, ApiError> {
        let kind = extract::media_type(&request).to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => Ok(Self::One(extract::parse(&extract::read(request, LARGE).await?)?)),
            "text/csv" => Ok(Self::File(extract::read(request, LARGE).await?)),
            _ => Err(Error::InvalidRequest(
                "the body must be JSON or CSV, with Content-Type: application/json or text/csv".to_owned(),
            )
            .into()),
        }
    }
}

/// `POST /api/admin/people`
pub(super) async fn create(Given(state): Given<State>, actor: Actor, incoming: Incoming) -> Result<Response, ApiError> {
    match incoming {
        Incoming::One(fields) => {
            let person = state.people.create(submitted(fields)?, &actor).await?;
            Ok((StatusCode::CREATED, Answer(person)).into_response())
        }
        Incoming::File(file) => {
            let imported = state.people.import(file, &actor).await?;
            let (created, updated, unchanged) = (imported.created, imported.updated, imported.unchanged);
            let none: [(); 0] = [];
            let view = json!({ "created": created, "updated": updated, "unchanged": unchanged, "errors": none });
            Ok(Answer(view).into_response())
        }
    }
}

/// `PATCH /api/admin/people/{id}`
pub(super) async fn change(
    Given(state): Given<State>,
    Path(id): Path<String>,
    actor: Actor,
    Json(fields): Json<BTreeMap<String, Value>>,
) -> Result<Answer<Person>, ApiError> {
    Ok(Answer(state.people.change(&id, submitted(fields)?, &actor).await?))
}

/// `DELETE /api/admin/people/{id}`
pub(super) async fn remove(
    Given(state): Given<State>,
    Path(id): Path<String>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    state.people.remove(&id, &actor).await?;
    Ok(Answer(json!({ "ok": true })))
}

fn submitted(fields: BTreeMap<String, Value>) -> Result<Submitted, Error> {
    let mut form = Form::new(fields);
    let submitted = Submitted {
        name: form.optional_text("name"),
        email: form.optional_text("email"),
        user_id: form.clearable_text("user_id"),
        active: form.optional_flag("active"),
    };
    form.finish()?;
    Ok(submitted)
}
