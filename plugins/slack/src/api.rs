//! Slack's Web API: the four methods, what they answer, and what its error words mean here.
//!
//! Every method is a form by `POST`, and answers nearly every failure with status 200 and `"ok":false`.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, User, first_filled};
use serde::Deserialize;

/// What Slack recommends as a page of `users.list`; it takes fewer than 1,000.
const MOST_USERS: u32 = 200;

/// The wait when Slack does not say how long.
const DEFAULT_WAIT: u32 = 30;

/// The scopes of which `users.list` says nothing, or too little, when they are missing.
const USER_SCOPES: [&str; 2] = ["users:read", "users:read.email"];

/// Who a token is.
pub(crate) struct Identity {
    pub(crate) team_id: String,
    pub(crate) team: Option<String>,
    pub(crate) missing_scopes: Vec<&'static str>,
}

/// What a token sees of a channel.
pub(crate) struct Channel {
    /// A direct message has none.
    pub(crate) name: Option<String>,
    pub(crate) is_member: Option<bool>,
}

/// The keys of all four methods' answers, each absent from most of them.
#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow)]
    error: Option<Text<'a>>,
    #[serde(borrow)]
    needed: Option<Text<'a>>,
    #[serde(borrow)]
    team_id: Option<Text<'a>>,
    #[serde(borrow)]
    team: Option<Text<'a>>,
    #[serde(borrow)]
    channel: Option<ChannelAnswer<'a>>,
    #[serde(borrow)]
    members: Option<Vec<Member<'a>>>,
    #[serde(borrow)]
    response_metadata: Option<ResponseMetadata<'a>>,
    revoked: Option<bool>,
}

#[derive(Deserialize)]
struct ChannelAnswer<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    is_member: Option<bool>,
    is_archived: Option<bool>,
}

#[derive(Deserialize)]
struct Member<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    real_name: Option<Text<'a>>,
    deleted: Option<bool>,
    is_bot: Option<bool>,
    is_workflow_bot: Option<bool>,
    #[serde(borrow)]
    profile: Option<Profile<'a>>,
}

#[derive(Default, Deserialize)]
struct Profile<'a> {
    #[serde(borrow)]
    real_name: Option<Text<'a>>,
    #[serde(borrow)]
    email: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ResponseMetadata<'a> {
    #[serde(borrow)]
    next_cursor: Option<Text<'a>>,
}

/// Asks who the token is.
pub(crate) fn auth_test() -> Result<Identity, Error> {
    let response = call("auth.test", &[])?;
    let answer = read(&response)?;
    let team_id = answer.team_id.ok_or_else(|| Error::malformed("`team_id` was expected"))?;
    // No header says nothing of what the token may do.
    let granted = response.header("x-oauth-scopes");
    let lacks = |scope: &&str| granted.is_some_and(|granted| !granted.split(',').any(|name| name.trim() == *scope));
    Ok(Identity {
        team_id: team_id.into(),
        team: answer.team.filter(|team| !team.is_empty()).map(Into::into),
        missing_scopes: USER_SCOPES.into_iter().filter(lacks).collect(),
    })
}

/// Looks a channel up; one that is archived is the wrong one.
pub(crate) fn conversations_info(id: &str) -> Result<Channel, Error> {
    let response = call("conversations.info", &[("channel", id)])?;
    let channel = read(&response)?.channel.ok_or_else(|| Error::malformed("`channel` was expected"))?;
    if channel.is_archived == Some(true) {
        return Err(refused("is_archived", None, &response));
    }
    let name = channel.name.filter(|name| !name.is_empty()).map(Into::into);
    Ok(Channel { name, is_member: channel.is_member })
}

/// Revokes the token.
pub(crate) fn auth_revoke() -> Result<(), Error> {
    match read(&call("auth.revoke", &[])?)?.revoked {
        Some(true) => Ok(()),
        _ => Err(Error::malformed("`\"revoked\":true` was expected")),
    }
}

/// Lists people, without bots.
pub(crate) fn users_list(page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MOST_USERS).to_string();
    let form = [("limit", limit.as_str()), ("cursor", page.cursor.as_deref().unwrap_or_default())];
    let response = call("users.list", &form[..if page.cursor.is_some() { 2 } else { 1 }])?;
    let answer = read(&response)?;
    let members = answer.members.ok_or_else(|| Error::malformed("`members` was expected"))?;
    let next = answer.response_metadata.and_then(|metadata| metadata.next_cursor);
    Page::followed(members.into_iter().filter_map(person).collect(), page, next.as_deref())
}

/// Turns a member into a user, unless it is a bot. Slackbot says that it is none.
fn person(member: Member<'_>) -> Option<User> {
    let is_bot = member.is_bot == Some(true) || member.is_workflow_bot == Some(true) || &*member.id == "USLACKBOT";
    if is_bot {
        return None;
    }
    let profile = member.profile.unwrap_or_default();
    let name = first_filled([&profile.real_name, &member.real_name, &member.name]).unwrap_or_default();
    let user = User::new(member.id, name).email(profile.email.as_deref());
    Some(user.active(member.deleted != Some(true)))
}

fn call(method: &str, form: &[(&str, &str)]) -> Result<Response, Error> {
    let response = http::post(format!("https://slack.com/api/{method}")).form(form).send()?;
    if response.status == 429 {
        return Err(rate_limited(&response));
    }
    Ok(response)
}

/// Reads an answer that says `ok`.
fn read(response: &Response) -> Result<Answer<'_>, Error> {
    let answer: Answer<'_> = match response.json() {
        Err(_) if response.status >= 500 => return Err(Error::upstream(response.status, "")),
        answer => answer?,
    };
    if answer.ok && response.status < 500 {
        return Ok(answer);
    }
    Err(refused(answer.error.as_deref().unwrap_or_default(), answer.needed.as_deref(), response))
}

/// Says what an error word of Slack's means.
fn refused(word: &str, needed: Option<&str>, response: &Response) -> Error {
    match word {
        "ratelimited" => rate_limited(response),
        _ if response.status >= 500 => Error::upstream(response.status, word),

        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Error::unauthorized(word)
        }

        "missing_scope" => Error::forbidden(needed.unwrap_or(word)),
        "no_permission"
        | "access_denied"
        | "channel_is_limited_access"
        | "ekm_access_denied"
        | "accesslimited"
        | "two_factor_setup_required"
        | "not_in_channel" => Error::forbidden(word),

        "not_allowed_token_type"
        | "is_bot"
        | "enterprise_is_restricted"
        | "unknown_method"
        | "method_deprecated"
        | "method_not_supported_for_channel_type" => Error::unsupported(word),

        // Also what a private channel answers that the app is not in.
        "channel_not_found" => Error::invalid(
            "channel_id",
            "Slack finds no such channel: the ID is wrong, or invite the app to the channel.",
        ),
        "is_archived" => Error::invalid("channel_id", "The channel is archived: choose another one."),
        "invalid_types" => Error::invalid("channel_id", "Slack does not take a channel of this kind."),
        // What a token of a whole organisation answers when it is not told the workspace.
        "team_not_found" | "missing_argument" => {
            Error::invalid("bot_token", "The token is for a whole organisation: use one of an app in one workspace.")
        }

        "invalid_cursor" => Error::malformed("a cursor that Slack takes back was expected"),
        "" => Error::malformed("an `error` was expected beside `\"ok\":false`"),

        // `internal_error`, `team_added_to_org` and their like, and whatever is new: the token may well be good.
        _ => Error::upstream(response.status, word),
    }
}

fn rate_limited(response: &Response) -> Error {
    Error::rate_limited(response.retry_after().unwrap_or(DEFAULT_WAIT))
}
