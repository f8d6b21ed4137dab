//! `/api/admin/connections/user-mappings`: whose an account of a provider is.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    body::Bytes,
    extract::{FromRequest, Path, Request, State as Given},
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use jackfield_core::{Error, audit::Actor};
use jackfield_service::people::{SyncRow, mappings_csv_header, mappings_csv_rows};
use jackfield_store::PersonWithAccounts;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::{
    State,
    error::ApiError,
    extract::{self, Json, LARGE, Query},
    form::Form,
    people::whole_alone,
    stream::{self, PageQuery, Part, wants_csv},
};

/// The providers whose ids have a name of their own beside `external_ids`: `xero_id`, `productive_id`, `remote_id` and
/// `google_id`. Clients of before know them by these, and this is the one place where the host names a provider.
const NAMED: [&str; 4] = ["xero", "productive", "remote", "google-workspace"];

#[derive(Serialize)]
struct MappedView<'a> {
    person_id: &'a str,
    user_id: Option<&'a str>,
    name: &'a str,
    email: &'a str,
    xero_id: Option<&'a str>,
    productive_id: Option<&'a str>,
    remote_id: Option<&'a str>,
    google_id: Option<&'a str>,
    #[serde(serialize_with = "as_object")]
    external_ids: &'a [(String, String)],
}

#[derive(Serialize)]
struct PageView<'a> {
    users: Vec<MappedView<'a>>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct FoundView<'a> {
    users: Vec<MappedView<'a>>,
    total: u64,
}

impl<'a> From<&'a PersonWithAccounts> for MappedView<'a> {
    fn from(mapped: &'a PersonWithAccounts) -> Self {
        let id_at = |sought: &str| {
            let found = mapped.external_ids.iter().find(|(provider, _)| provider == sought);
            found.map(|(_, external_id)| external_id.as_str())
        };
        let [xero_id, productive_id, remote_id, google_id] = NAMED.map(id_at);
        Self {
            person_id: &mapped.person.id,
            user_id: mapped.person.user_id.as_deref(),
            name: &mapped.person.name,
            email: &mapped.person.email,
            xero_id,
            productive_id,
            remote_id,
            google_id,
            external_ids: &mapped.external_ids,
        }
    }
}

fn as_object<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// `GET /api/admin/connections/user-mappings`
pub(crate) async fn list(
    Given(state): Given<State>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let people = state.people;
    let is_csv = wants_csv(&headers);
    match query.part()? {
        Part::Page { .. } | Part::Found(_) if is_csv => Err(whole_alone().into()),
        Part::Page { after, limit } => {
            let page = people.mapped(after.as_deref(), limit).await?;
            let next_cursor = page.next.as_deref().map(stream::cursor);
            let users = page.items.iter().map(MappedView::from).collect();
            Ok(Answer(PageView { users, next_cursor }).into_response())
        }
        Part::Found(search) => {
            let found = people.find_people_with_accounts(&search).await?;
            let users = found.items.iter().map(MappedView::from).collect();
            Ok(Answer(FoundView { users, total: found.total }).into_response())
        }
        Part::Whole => {
            let providers = if is_csv { people.mapped_providers().await? } else { Vec::new() };
            let read = move |after: Option<String>| {
                let people = people.clone();
                async move { people.mapped(after.as_deref(), stream::PART).await }
            };
            if is_csv {
                let header = mappings_csv_header(&providers);
                let name = "attachment; filename=\"mappings.csv\"";
                return stream::csv(name, header, read, move |people| mappings_csv_rows(people, &providers)).await;
            }
            let view = |mapped: &PersonWithAccounts, chunk: &mut Vec<u8>| serde_json::to_writer(chunk, &MappedView::from(mapped));
            stream::json("users", read, view).await
        }
    }
}

/// `PUT /api/admin/connections/user-mappings/{person_id}`
pub(crate) async fn set(
    Given(state): Given<State>,
    Path(person_id): Path<String>,
    actor: Actor,
    Json(fields): Json<BTreeMap<String, Value>>,
) -> Result<Answer<Value>, ApiError> {
    let mut form = Form::new(fields);
    let (provider, external_id) = (form.text("provider"), form.text("external_id"));
    form.finish()?;
    state.people.set_mapping(&person_id, &provider, &external_id, &actor).await?;
    Ok(Answer(json!({ "ok": true })))
}

/// `DELETE /api/admin/connections/user-mappings/{person_id}/{provider}`
pub(crate) async fn remove(
    Given(state): Given<State>,
    Path((person_id, provider)): Path<(String, String)>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    state.people.remove_mapping(&person_id, &provider, &actor).await?;
    Ok(Answer(json!({ "ok": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncBody {
    provider: String,
    mappings: Vec<RowBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowBody {
    email: String,
    external_id: String,
}

#[derive(Serialize)]
pub(crate) struct SyncView {
    ok: bool,
    matched: usize,
    total: usize,
    changed: usize,
    unmatched: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncQuery {
    provider: Option<String>,
}

/// What a list comes as: JSON, or a CSV file.
pub(crate) enum List {
    Json(SyncBody),
    File(Bytes),
}

impl FromRequest<State> for List {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &State) -> Result<Self, ApiError> {
        if extract::media_type(&request).eq_ignore_ascii_case("text/csv") {
            return Ok(Self::File(extract::read(request, LARGE).await?));
        }
        let Json(body) = Json::<_, LARGE>::from_request(request, state).await?;
        Ok(Self::Json(body))
    }
}

/// `POST /api/admin/connections/user-mappings/sync`
pub(crate) async fn sync(
    Given(state): Given<State>,
    Query(query): Query<SyncQuery>,
    actor: Actor,
    list: List,
) -> Result<Answer<SyncView>, ApiError> {
    let wrong = |message: &str| Error::field("provider", message);
    let synced = match (list, query.provider) {
        (List::Json(_), Some(_)) => return Err(wrong("stands in the body of a JSON list, not in the query").into()),
        (List::File(_), None) => return Err(wrong("is needed in the query: ?provider=…").into()),
        (List::File(file), Some(provider)) => state.people.sync_file(&provider, file, &actor).await?,
        (List::Json(body), None) => {
            let rows = body.mappings.into_iter().map(|RowBody { email, external_id }| SyncRow { email, external_id });
            state.people.sync(&body.provider, rows.collect(), &actor).await?
        }
    };
    Ok(Answer(SyncView {
        ok: true,
        matched: synced.matched,
        total: synced.total,
        changed: synced.changed,
        unmatched: synced.unmatched,
    }))
}
