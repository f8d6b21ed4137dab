//! `/api/admin/people`: the people that are mapped, one by one and as a CSV file.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    body::Bytes,
    extract::{FromRequest, Path, Request, State as Given},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, StatusCode};
use jackfield_core::{Error, Person, audit::Actor};
use jackfield_service::people::{Page, People, PersonInput, people_csv_header, people_csv_rows};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    State,
    error::ApiError,
    extract::{self, Json, LARGE, Query},
    form::Form,
    stream::{self, PageQuery, Part, wants_csv},
};

#[derive(Serialize)]
struct PageView {
    people: Vec<Person>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct FoundView {
    people: Vec<Person>,
    total: u64,
}

/// `GET /api/admin/people`
pub(crate) async fn list(
    Given(state): Given<State>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let people = state.people;
    if query.is_narrowed() {
        let message = "and `state` are of user-mappings";
        return Err(Error::field("provider", message).into());
    }
    match query.part()? {
        Part::Whole if wants_csv(&headers) => {
            let name = "attachment; filename=\"people.csv\"";
            stream::csv(name, people_csv_header(), read_all(people), people_csv_rows).await
        }
        _ if wants_csv(&headers) => Err(whole_alone().into()),
        Part::Page { after, limit } => {
            let page = people.page(after.as_deref(), limit).await?;
            let next_cursor = page.next.as_deref().map(stream::cursor);
            Ok(Answer(PageView { people: page.items, next_cursor }).into_response())
        }
        Part::Found(search) => {
            let found = people.find(&search).await?;
            Ok(Answer(FoundView { people: found.items, total: found.total }).into_response())
        }
        Part::Whole => {
            let view = |person: &Person, chunk: &mut Vec<u8>| serde_json::to_writer(chunk, person);
            stream::json("people", read_all(people), view).await
        }
    }
}

/// A CSV file is asked for, and a part of it.
pub(crate) fn whole_alone() -> Error {
    Error::field("limit", "is for JSON; a CSV file is given whole")
}

/// Reads part after part of everybody.
fn read_all(people: People) -> impl Fn(Option<String>) -> BoxFuture<'static, Result<Page<Person>, Error>> {
    move |after| {
        let people = people.clone();
        async move { people.page(after.as_deref(), stream::PART).await }.boxed()
    }
}

/// What people come in: one as JSON, or many as a CSV file.
pub(crate) enum Incoming {
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
pub(crate) async fn create(Given(state): Given<State>, actor: Actor, incoming: Incoming) -> Result<Response, ApiError> {
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
pub(crate) async fn change(
    Given(state): Given<State>,
    Path(id): Path<String>,
    actor: Actor,
    Json(fields): Json<BTreeMap<String, Value>>,
) -> Result<Answer<Person>, ApiError> {
    Ok(Answer(state.people.change(&id, submitted(fields)?, &actor).await?))
}

/// `DELETE /api/admin/people/{id}`
pub(crate) async fn remove(
    Given(state): Given<State>,
    Path(id): Path<String>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    state.people.remove(&id, &actor).await?;
    Ok(Answer(json!({ "ok": true })))
}

fn submitted(fields: BTreeMap<String, Value>) -> Result<PersonInput, Error> {
    let mut form = Form::new(fields);
    let submitted = PersonInput {
        name: form.optional_text("name"),
        email: form.optional_text("email"),
        user_id: form.clearable_text("user_id"),
        active: form.optional_flag("active"),
    };
    form.finish()?;
    Ok(submitted)
}
