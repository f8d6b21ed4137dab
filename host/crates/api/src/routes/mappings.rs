//! `/api/admin/connections/user-mappings`: which person has which account at a provider.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Path, Request, State},
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use jackfield_core::{Error, audit::Actor};
use jackfield_service::people::{SyncOptions, SyncResult, SyncRow, mappings_csv_header, mappings_csv_rows};
use jackfield_store::PersonWithAccounts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::people::csv_is_whole;
use crate::{
    ApiState,
    http::{
        errors::ApiError,
        extractors::{self, JsonBody, MAX_LARGE_BODY, Query},
        json_fields::JsonFields,
        paging::{ListPart, PageQuery, encode_cursor},
        streaming::{self, prefers_csv, stream_csv, stream_json},
    },
    operation::{AlwaysTrue, DoneView, Operation, ProviderIdView},
};

const GROUP: &str = "Mappings";

/// The providers that have a field besides `external_ids`: `xero_id`, `productive_id`, `remote_id`, `google_id`.
///
/// Older clients use these fields. This is the only place where the host names providers.
const PROVIDERS_WITH_FIELDS: [&str; 4] = ["xero", "productive", "remote", "google-workspace"];

#[derive(Serialize, JsonSchema)]
pub(crate) struct MappingListView<'a> {
    users: Vec<MappingView<'a>>,
    /// The `cursor` of the next page; null at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Option<String>>,
    /// Number of all people who match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    total: Option<u64>,
}

/// A person and their account at each provider.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MappingView<'a> {
    person_id: &'a str,
    user_id: Option<&'a str>,
    name: &'a str,
    email: &'a str,
    /// The same as in `external_ids`.
    xero_id: Option<&'a str>,
    /// The same as in `external_ids`.
    productive_id: Option<&'a str>,
    /// The same as in `external_ids`.
    remote_id: Option<&'a str>,
    /// The same as in `external_ids`.
    google_id: Option<&'a str>,
    /// The id of the account at each provider, by the provider's id.
    #[serde(serialize_with = "serialize_pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    external_ids: &'a [(String, String)],
}

impl<'a> From<&'a PersonWithAccounts> for MappingView<'a> {
    fn from(mapped: &'a PersonWithAccounts) -> Self {
        let id_at = |provider: &str| {
            let found = mapped.external_ids.iter().find(|(listed, _)| listed == provider);
            found.map(|(_, external_id)| external_id.as_str())
        };
        let [xero_id, productive_id, remote_id, google_id] = PROVIDERS_WITH_FIELDS.map(id_at);
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

fn serialize_pairs<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// `GET /api/admin/connections/user-mappings`
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let people = state.people;
    let is_csv = prefers_csv(&headers);
    match query.into_part()? {
        ListPart::Page { .. } | ListPart::Search(_) if is_csv => Err(csv_is_whole().into()),
        ListPart::Page { after, limit } => {
            let page = people.list_mapped(after.as_deref(), limit).await?;
            let next_cursor = Some(page.next.as_deref().map(encode_cursor));
            let users = page.items.iter().map(MappingView::from).collect();
            Ok(Json(MappingListView { users, next_cursor, total: None }).into_response())
        }
        ListPart::Search(search) => {
            let found = people.find_mapped(&search).await?;
            let users = found.items.iter().map(MappingView::from).collect();
            Ok(Json(MappingListView { users, next_cursor: None, total: Some(found.total) }).into_response())
        }
        ListPart::Whole => {
            let providers = if is_csv { people.mapped_providers().await? } else { Vec::new() };
            let read = move |after: Option<String>| {
                let people = people.clone();
                async move { people.list_mapped(after.as_deref(), streaming::BATCH).await }
            };
            if is_csv {
                let header = mappings_csv_header(&providers);
                let name = "attachment; filename=\"mappings.csv\"";
                return stream_csv(name, header, read, move |people| mappings_csv_rows(people, &providers)).await;
            }
            let write = |mapped: &PersonWithAccounts, chunk: &mut Vec<u8>| {
                serde_json::to_writer(chunk, &MappingView::from(mapped))
            };
            stream_json("users", read, write).await
        }
    }
}

pub(crate) fn describe_list() -> Operation {
    let mapping = json!({
        "person_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
        "user_id": null,
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "xero_id": null,
        "productive_id": null,
        "remote_id": null,
        "google_id": null,
        "external_ids": { "acme-chat": "U0HDYE3FJ" },
    });
    Operation::new("list_mappings", GROUP, "Lists the active people and their accounts")
        .description(
            "Returns everybody, or one page with `limit` or `cursor`. With `offset`, `q`, `provider` or `state`, \
             people are sorted by name and `total` counts them. With `Accept: text/csv`, returns everybody as CSV \
             with a column for each provider.",
        )
        .query::<PageQuery>()
        .json::<MappingListView<'_>>(200, "The active people.", json!({ "users": [mapping] }))
        .text("The active people.", "text/csv", "name,email,acme-chat\nAda Okafor,ada@acme.example,U0HDYE3FJ\n")
}

/// An account to map a person to.
#[expect(dead_code, reason = "describes what `set` accepts")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewMappingBody {
    #[schemars(with = "ProviderIdView")]
    provider: String,
    external_id: String,
}

/// `PUT /api/admin/connections/user-mappings/{person_id}`
pub(crate) async fn set(
    State(state): State<ApiState>,
    Path(person_id): Path<String>,
    actor: Actor,
    JsonBody(fields): JsonBody<BTreeMap<String, Value>>,
) -> Result<Json<DoneView>, ApiError> {
    let mut fields = JsonFields::new(fields);
    let (provider, external_id) = (fields.string("provider"), fields.string("external_id"));
    fields.finish()?;
    state.people.set_mapping(&person_id, &provider, &external_id, &actor).await?;
    Ok(Json(DoneView::OK))
}

pub(crate) fn describe_set() -> Operation {
    Operation::new("map_person", GROUP, "Maps a person to an account")
        .json_body::<NewMappingBody>(json!({ "provider": "acme-chat", "external_id": "U0HDYE3FJ" }))
        .json::<DoneView>(200, "The person is mapped.", json!({ "ok": true }))
        .problems(&["unknown_person", "unknown_provider", "conflict", "sealed"])
}

/// `DELETE /api/admin/connections/user-mappings/{person_id}/{provider}`
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Path((person_id, provider)): Path<(String, String)>,
    actor: Actor,
) -> Result<Json<DoneView>, ApiError> {
    state.people.remove_mapping(&person_id, &provider, &actor).await?;
    Ok(Json(DoneView::OK))
}

pub(crate) fn describe_remove() -> Operation {
    Operation::new("unmap_person", GROUP, "Removes a person's mapping at a provider")
        .json::<DoneView>(200, "The person has no mapping at the provider.", json!({ "ok": true }))
        .problems(&["unknown_person", "unknown_provider", "sealed"])
}

/// Email addresses and the accounts that belong to them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncListBody {
    #[schemars(with = "ProviderIdView")]
    provider: String,
    mappings: Vec<SyncRowBody>,
    /// Returns what the sync would do, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Also sets accounts that the provider does not list.
    #[serde(default)]
    set_unlisted: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct SyncRowBody {
    email: String,
    external_id: String,
}

/// The result of a sync.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SyncResultView {
    ok: AlwaysTrue,
    /// Number of email addresses that belong to a person.
    matched: usize,
    total: usize,
    /// Number of mappings that were added or changed.
    changed: usize,
    /// The email addresses that belong to nobody.
    unmatched: Vec<String>,
    /// The accounts that were not set, because the provider does not list them. `set_unlisted` sets them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unlisted: Vec<UnlistedAccountView>,
    /// Why the accounts were not compared with the provider's users, although it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    unchecked: Option<String>,
    /// Present if nothing was changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct UnlistedAccountView {
    email: String,
    external_id: String,
}

impl SyncResultView {
    fn new(result: SyncResult, options: SyncOptions) -> Self {
        let SyncResult { matched, total, changed, unmatched, unlisted, unchecked } = result;
        let unlisted =
            unlisted.into_iter().map(|SyncRow { email, external_id }| UnlistedAccountView { email, external_id });
        Self {
            ok: AlwaysTrue,
            matched,
            total,
            changed,
            unmatched,
            unlisted: unlisted.collect(),
            unchecked,
            dry_run: options.is_dry_run,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncQuery {
    /// Required for CSV, and only for CSV: the provider of the accounts.
    #[schemars(with = "Option<ProviderIdView>")]
    provider: Option<String>,
    /// Only for CSV: returns what the sync would do, and changes nothing.
    dry_run: Option<bool>,
    /// Only for CSV: also sets accounts that the provider does not list.
    set_unlisted: Option<bool>,
}

/// A list of mappings, as JSON or CSV.
pub(crate) enum SyncList {
    Json(SyncListBody),
    Csv(Bytes),
}

impl FromRequest<ApiState> for SyncList {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        if extractors::media_type(&request).eq_ignore_ascii_case("text/csv") {
            return Ok(Self::Csv(extractors::read_body(request, MAX_LARGE_BODY).await?));
        }
        let JsonBody(body) = JsonBody::<_, MAX_LARGE_BODY>::from_request(request, state).await?;
        Ok(Self::Json(body))
    }
}

/// `POST /api/admin/connections/user-mappings/sync`
pub(crate) async fn sync(
    State(state): State<ApiState>,
    Query(query): Query<SyncQuery>,
    actor: Actor,
    list: SyncList,
) -> Result<Json<SyncResultView>, ApiError> {
    let only_for_csv = [
        ("provider", query.provider.is_some()),
        ("dry_run", query.dry_run.is_some()),
        ("set_unlisted", query.set_unlisted.is_some()),
    ];
    let options = |is_dry_run, sets_unlisted| SyncOptions { is_dry_run, sets_unlisted };
    match (list, query.provider) {
        (SyncList::Json(body), _) => {
            if let Some((field, _)) = only_for_csv.iter().find(|(_, is_present)| *is_present) {
                return Err(Error::field(*field, "must be in the body for JSON, not in the query").into());
            }
            let options = options(body.dry_run, body.set_unlisted);
            let rows = body.mappings.into_iter().map(|row| SyncRow { email: row.email, external_id: row.external_id });
            let result = state.people.sync(&body.provider, rows.collect(), options, &actor).await?;
            Ok(Json(SyncResultView::new(result, options)))
        }
        (SyncList::Csv(_), None) => {
            Err(Error::field("provider", "is required in the query for CSV: ?provider=…").into())
        }
        (SyncList::Csv(file), Some(provider)) => {
            let options = options(query.dry_run.unwrap_or_default(), query.set_unlisted.unwrap_or_default());
            let result = state.people.sync_file(&provider, file, options, &actor).await?;
            Ok(Json(SyncResultView::new(result, options)))
        }
    }
}

pub(crate) fn describe_sync() -> Operation {
    Operation::new("sync_mappings", GROUP, "Maps many people by their email addresses")
        .description(
            "Email addresses are compared without case and surrounding spaces. A list that gives one account to two \
             people is rejected. A CSV file has the columns `email` and `external_id`, and `provider` is in the query. \
             The CSV file of `GET …/user-mappings` is also accepted: the non-empty cells of the provider's column are \
             used. 32 MiB at most.\n\n\
             If the provider is connected and lists its users, accounts that it does not list are not set, and are \
             returned in `unlisted`. `set_unlisted` sets them too.",
        )
        .query::<SyncQuery>()
        .body("text/csv", json!({ "type": "string" }), "email,external_id\nada@acme.example,U0HDYE3FJ\n")
        .json_body::<SyncListBody>(json!({
            "provider": "acme-chat",
            "mappings": [{ "email": "ada@acme.example", "external_id": "U0HDYE3FJ" }],
        }))
        .json::<SyncResultView>(
            200,
            "The result of the sync.",
            json!({ "ok": true, "matched": 5, "total": 8, "changed": 2, "unmatched": ["eve@acme.example"] }),
        )
        .problems(&["unknown_provider", "conflict", "sealed"])
}
