//! `…/{provider}/users`: one page of a provider's users.

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::{Error, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::GROUP;
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::Query},
    operation::Operation,
    routes::provider_calls::PROVIDER_PROBLEMS,
};

const DEFAULT_LIMIT: u32 = 100;

const MAX_LIMIT: u32 = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersQuery {
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of users to return.
    #[schemars(range(min = 1, max = MAX_LIMIT), extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
    /// `person`: add the person who has the account to each user.
    with: Option<WithQuery>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum WithQuery {
    Person,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct UserPageView {
    users: Vec<UserView>,
    /// The `cursor` of the next page; null at the end.
    next_cursor: Option<String>,
    /// How many users of this page were left out because they have no readable id or exceed a limit; absent if none
    /// was.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<usize>,
}

/// A person's account at the provider.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserView {
    /// The provider's id of the account.
    external_id: String,
    name: String,
    email: Option<String>,
    active: bool,
    /// With `with=person`: the person who has the account; null if nobody has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<Option<AccountHolderView>>,
}

/// The person who has an account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountHolderView {
    id: String,
    name: String,
}

impl UserView {
    fn new(user: User, person: Option<Option<AccountHolderView>>) -> Self {
        Self { external_id: user.external_id, name: user.name, email: user.email, active: user.active, person }
    }
}

/// `GET /api/admin/connections/{provider}/users`
pub(crate) async fn list(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    Query(query): Query<UsersQuery>,
) -> Result<Json<UserPageView>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::field("limit", format!("must be 1 to {MAX_LIMIT}")).into());
    }
    let page = state.connections.list_users(&provider, query.cursor.as_deref(), limit).await?;
    let mut people = match query.with {
        None => None,
        Some(WithQuery::Person) => {
            let accounts: Vec<&str> = page.users.iter().map(|user| user.external_id.as_str()).collect();
            Some(state.people.people_by_account(&provider, &accounts).await?)
        }
    };
    let to_view = |user: User| {
        let person = people.as_mut().map(|people| people.remove(&user.external_id));
        let holder = person.map(|person| person.map(|person| AccountHolderView { id: person.id, name: person.name }));
        UserView::new(user, holder)
    };
    let users = page.users.into_iter().map(to_view).collect();
    let skipped = Some(page.skipped).filter(|&skipped| skipped > 0);
    Ok(Json(UserPageView { users, next_cursor: page.next_cursor, skipped }))
}

pub(crate) fn describe_list() -> Operation {
    let user = json!({
        "external_id": "U0HDYE3FJ",
        "name": "Bjørn O'Brien",
        "email": "bjorn.obrien@acme.example",
        "active": true,
    });
    Operation::new("list_users", GROUP, "Lists one page of the provider's users")
        .description(
            "Inactive people are listed, bots are not. A page may have fewer or more users than `limit`, or none. `skipped` is \
             the number of users that were left out because they exceed a limit, such as an id of more than 256 bytes.",
        )
        .query::<UsersQuery>()
        .json::<UserPageView>(200, "One page of users.", json!({ "users": [user], "next_cursor": null }))
        .problems(&PROVIDER_PROBLEMS)
}
