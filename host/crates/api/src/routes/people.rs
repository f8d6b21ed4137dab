//! `/api/admin/people`: the people who have accounts at providers, one by one and as CSV.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Path, Request, State},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, StatusCode};
use jackfield_core::{Error, Person, audit::Actor};
use jackfield_service::people::{Page, People, PersonInput, people_csv_header, people_csv_rows};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    ApiState,
    http::{
        errors::{ApiError, FieldErrorView},
        extractors::{self, JsonBody, MAX_LARGE_BODY, Query},
        json_fields::JsonFields,
        paging::{ListPart, PageQuery, encode_cursor},
        streaming::{self, prefers_csv, stream_csv, stream_json},
    },
    operation::{DoneView, Operation, forbid_null},
};

const GROUP: &str = "People";

const CSV_EXAMPLE: &str = "name,email\nAda Okafor,ada@acme.example\n";

#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonListView<'a> {
    people: Vec<PersonView<'a>>,
    /// The `cursor` of the next page; null at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Option<String>>,
    /// Number of all people who match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    total: Option<u64>,
}

/// A person of the company.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonView<'a> {
    id: &'a str,
    name: &'a str,
    email: &'a str,
    /// The person's id in the company's own systems.
    user_id: Option<&'a str>,
    active: bool,
}

impl<'a> From<&'a Person> for PersonView<'a> {
    fn from(person: &'a Person) -> Self {
        Self {
            id: &person.id,
            name: &person.name,
            email: &person.email,
            user_id: person.user_id.as_deref(),
            active: person.active,
        }
    }
}

/// `GET /api/admin/people`
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let people = state.people;
    if query.filters_mappings() {
        return Err(Error::field("provider", "is only for user-mappings, like `state`").into());
    }
    match query.into_part()? {
        ListPart::Whole if prefers_csv(&headers) => {
            let name = "attachment; filename=\"people.csv\"";
            stream_csv(name, people_csv_header(), batches(people), people_csv_rows).await
        }
        _ if prefers_csv(&headers) => Err(csv_is_whole().into()),
        ListPart::Page { after, limit } => {
            let page = people.list(after.as_deref(), limit).await?;
            let next_cursor = Some(page.next.as_deref().map(encode_cursor));
            let people = page.items.iter().map(PersonView::from).collect();
            Ok(Json(PersonListView { people, next_cursor, total: None }).into_response())
        }
        ListPart::Search(search) => {
            let found = people.find(&search).await?;
            let people = found.items.iter().map(PersonView::from).collect();
            Ok(Json(PersonListView { people, next_cursor: None, total: Some(found.total) }).into_response())
        }
        ListPart::Whole => {
            let write = |person: &Person, chunk: &mut Vec<u8>| serde_json::to_writer(chunk, &PersonView::from(person));
            stream_json("people", batches(people), write).await
        }
    }
}

pub(crate) fn describe_list() -> Operation {
    Operation::new("list_people", GROUP, "Lists the people")
        .description(
            "Returns everybody, or one page with `limit` or `cursor`. With `offset` or `q`, people are sorted by name \
             and `total` counts them. With `Accept: text/csv`, returns everybody as CSV.",
        )
        .query::<PageQuery>()
        .without_query(&["provider", "state"])
        .json::<PersonListView<'_>>(200, "The people.", json!({ "people": [person_example()] }))
        .text("The people.", "text/csv", CSV_EXAMPLE)
}

fn person_example() -> Value {
    json!({
        "id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "user_id": null,
        "active": true,
    })
}

/// Returns the error for a request for one page of CSV.
pub(crate) fn csv_is_whole() -> Error {
    Error::field("limit", "is only for JSON; CSV contains the whole list")
}

/// Returns a function that reads the people after an id, one batch at a time.
fn batches(people: People) -> impl Fn(Option<String>) -> BoxFuture<'static, Result<Page<Person>, Error>> {
    move |after| {
        let people = people.clone();
        async move { people.list(after.as_deref(), streaming::BATCH).await }.boxed()
    }
}

/// A request to add people: one as JSON, or many as CSV.
pub(crate) enum NewPeople {
    One(BTreeMap<String, Value>),
    Csv(Bytes),
}

impl FromRequest<ApiState> for NewPeople {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, ApiError> {
        let media_type = extractors::media_type(&request).to_ascii_lowercase();
        if !["application/json", "text/csv"].contains(&media_type.as_str()) {
            let message = "the body must be JSON or CSV, with Content-Type: application/json or text/csv";
            return Err(Error::InvalidRequest(message.to_owned()).into());
        }
        let body = extractors::read_body(request, MAX_LARGE_BODY).await?;
        if media_type == "text/csv" { Ok(Self::Csv(body)) } else { Ok(Self::One(extractors::parse_json(&body)?)) }
    }
}

/// A person to add.
#[expect(dead_code, reason = "describes what `parse_person` accepts")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPersonBody {
    name: String,
    email: String,
    /// The person's id in the company's own systems.
    user_id: Option<String>,
    #[serde(default = "is_active_by_default")]
    active: bool,
}

fn is_active_by_default() -> bool {
    true
}

/// The result of a CSV import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PeopleImportView<'a> {
    created: u64,
    updated: u64,
    unchanged: u64,
    /// Always empty: a file with an error is rejected as a whole.
    errors: Vec<FieldErrorView<'a>>,
}

/// `POST /api/admin/people`
pub(crate) async fn create(State(state): State<ApiState>, actor: Actor, body: NewPeople) -> Result<Response, ApiError> {
    match body {
        NewPeople::One(fields) => {
            let person = state.people.create(parse_person(fields)?, &actor).await?;
            Ok((StatusCode::CREATED, Json(PersonView::from(&person))).into_response())
        }
        NewPeople::Csv(file) => {
            let imported = state.people.import(file, &actor).await?;
            let (created, updated, unchanged) = (imported.created, imported.updated, imported.unchanged);
            Ok(Json(PeopleImportView { created, updated, unchanged, errors: Vec::new() }).into_response())
        }
    }
}

pub(crate) fn describe_create() -> Operation {
    Operation::new("add_people", GROUP, "Adds one person, or imports a CSV file")
        .description(
            "A CSV file has the columns `name` and `email`, and optionally `user_id` and `active`, in any order. Rows \
             whose `user_id` or else whose email is already known update that person; other rows create one. The file \
             is imported as a whole or not at all. 32 MiB at most.",
        )
        .json_body::<NewPersonBody>(json!({ "name": "Ada Okafor", "email": "ada@acme.example" }))
        .body("text/csv", json!({ "type": "string" }), CSV_EXAMPLE)
        .json::<PersonView<'_>>(201, "The new person.", person_example())
        .json::<PeopleImportView<'_>>(
            200,
            "What the import changed.",
            json!({ "created": 12, "updated": 3, "unchanged": 85, "errors": [] }),
        )
        .problems(&["conflict", "sealed"])
}

/// The fields to change of a person.
#[expect(dead_code, reason = "describes what `parse_person` accepts")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct PersonChangeBody {
    #[schemars(transform = forbid_null)]
    name: Option<String>,
    #[schemars(transform = forbid_null)]
    email: Option<String>,
    /// The person's id in the company's own systems; null clears it.
    user_id: Option<String>,
    #[schemars(transform = forbid_null)]
    active: Option<bool>,
}

/// `PATCH /api/admin/people/{id}`
pub(crate) async fn change(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    actor: Actor,
    JsonBody(fields): JsonBody<BTreeMap<String, Value>>,
) -> Result<Response, ApiError> {
    let person = state.people.change(&id, parse_person(fields)?, &actor).await?;
    Ok(Json(PersonView::from(&person)).into_response())
}

pub(crate) fn describe_change() -> Operation {
    Operation::new("change_person", GROUP, "Changes a person")
        .description("Omitted fields keep their values.")
        .json_body::<PersonChangeBody>(json!({ "active": false }))
        .json::<PersonView<'_>>(200, "The changed person.", person_example())
        .problems(&["unknown_person", "conflict", "sealed"])
}

/// `DELETE /api/admin/people/{id}`
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    actor: Actor,
) -> Result<Json<DoneView>, ApiError> {
    state.people.remove(&id, &actor).await?;
    Ok(Json(DoneView::OK))
}

pub(crate) fn describe_remove() -> Operation {
    Operation::new("remove_person", GROUP, "Removes a person and their mappings")
        .json::<DoneView>(200, "The person is removed.", json!({ "ok": true }))
        .problems(&["unknown_person", "conflict", "sealed"])
}

fn parse_person(fields: BTreeMap<String, Value>) -> Result<PersonInput, Error> {
    let mut fields = JsonFields::new(fields);
    let input = PersonInput {
        name: fields.optional_string("name"),
        email: fields.optional_string("email"),
        user_id: fields.clearable_string("user_id"),
        active: fields.optional_boolean("active"),
    };
    fields.finish()?;
    Ok(input)
}
