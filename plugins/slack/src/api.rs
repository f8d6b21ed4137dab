//! Slack's Web API: the four methods that the plugin calls, their responses, and their errors.
//!
//! Every method takes a form by `POST`. Slack answers nearly every failure with status 200 and `"ok":false`.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, User, first_filled};
use serde::Deserialize;

/// The page size that Slack recommends for `users.list`. The limit is below 1,000.
const MAX_USERS: u32 = 200;

/// Seconds to wait when Slack does not say how long.
const DEFAULT_WAIT: u32 = 30;

/// The scopes that health reports as missing. Without them `users.list` fails, or leaves out email addresses.
const USER_SCOPES: [&str; 2] = ["users:read", "users:read.email"];

/// The workspace and the missing scopes of a token.
pub(crate) struct TokenInfo {
    pub(crate) team_id: String,
    pub(crate) team: Option<String>,
    pub(crate) missing_scopes: Vec<&'static str>,
}

/// The attributes of a channel that the token can see.
pub(crate) struct Channel {
    /// Absent for a direct message.
    pub(crate) name: Option<String>,
    pub(crate) is_member: Option<bool>,
}

/// The response of any of the four methods. Each key is absent from most of them.
#[derive(Deserialize)]
struct MethodResponse<'a> {
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
    channel: Option<ChannelInfo<'a>>,
    #[serde(borrow)]
    members: Option<Vec<Member<'a>>>,
    #[serde(borrow)]
    response_metadata: Option<ResponseMetadata<'a>>,
    revoked: Option<bool>,
}

#[derive(Deserialize)]
struct ChannelInfo<'a> {
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

/// Calls `auth.test`.
pub(crate) fn auth_test() -> Result<TokenInfo, Error> {
    let response = call("auth.test", &[])?;
    let body = parse(&response)?;
    let team_id = body.team_id.ok_or_else(|| Error::malformed("`team_id` was expected"))?;
    // Without the header, the scopes of the token are unknown.
    let granted = response.header("x-oauth-scopes");
    let lacks = |scope: &&str| granted.is_some_and(|granted| !granted.split(',').any(|name| name.trim() == *scope));
    Ok(TokenInfo {
        team_id: team_id.into(),
        team: body.team.filter(|team| !team.is_empty()).map(Into::into),
        missing_scopes: USER_SCOPES.into_iter().filter(lacks).collect(),
    })
}

/// Calls `conversations.info`. An archived channel is an error.
pub(crate) fn conversations_info(id: &str) -> Result<Channel, Error> {
    let response = call("conversations.info", &[("channel", id)])?;
    let channel = parse(&response)?.channel.ok_or_else(|| Error::malformed("`channel` was expected"))?;
    if channel.is_archived == Some(true) {
        return Err(to_error("is_archived", None, &response));
    }
    let name = channel.name.filter(|name| !name.is_empty()).map(Into::into);
    Ok(Channel { name, is_member: channel.is_member })
}

/// Calls `auth.revoke`, which revokes the token.
pub(crate) fn auth_revoke() -> Result<(), Error> {
    match parse(&call("auth.revoke", &[])?)?.revoked {
        Some(true) => Ok(()),
        _ => Err(Error::malformed("`\"revoked\":true` was expected")),
    }
}

/// Calls `users.list` for one page. Bots are left out.
pub(crate) fn users_list(page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MAX_USERS).to_string();
    let form = [("limit", limit.as_str()), ("cursor", page.cursor.as_deref().unwrap_or_default())];
    let response = call("users.list", &form[..if page.cursor.is_some() { 2 } else { 1 }])?;
    let body = parse(&response)?;
    let members = body.members.ok_or_else(|| Error::malformed("`members` was expected"))?;
    let next = body.response_metadata.and_then(|metadata| metadata.next_cursor);
    Page::followed(members.into_iter().filter_map(to_user).collect(), page, next.as_deref())
}

/// Converts a member into a user; `None` for a bot. Slackbot is checked by id, because its `is_bot` is false.
fn to_user(member: Member<'_>) -> Option<User> {
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

/// Parses a response. One without `"ok":true` is an error.
fn parse(response: &Response) -> Result<MethodResponse<'_>, Error> {
    let body: MethodResponse<'_> = match response.json() {
        Err(_) if response.status >= 500 => return Err(Error::upstream(response.status, "")),
        body => body?,
    };
    if body.ok && response.status < 500 {
        return Ok(body);
    }
    Err(to_error(body.error.as_deref().unwrap_or_default(), body.needed.as_deref(), response))
}

/// Maps an error code of Slack.
fn to_error(code: &str, needed: Option<&str>, response: &Response) -> Error {
    match code {
        "ratelimited" => rate_limited(response),
        _ if response.status >= 500 => Error::upstream(response.status, code),

        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Error::unauthorized(code)
        }

        "missing_scope" => Error::forbidden(needed.unwrap_or(code)),
        "no_permission"
        | "access_denied"
        | "channel_is_limited_access"
        | "ekm_access_denied"
        | "accesslimited"
        | "two_factor_setup_required"
        | "not_in_channel" => Error::forbidden(code),

        "not_allowed_token_type"
        | "is_bot"
        | "enterprise_is_restricted"
        | "unknown_method"
        | "method_deprecated"
        | "method_not_supported_for_channel_type" => Error::unsupported(code),

        // Slack returns the same code for a private channel that the app is not a member of.
        "channel_not_found" => Error::invalid(
            "channel_id",
            "Slack finds no such channel: the ID is wrong, or invite the app to the channel.",
        ),
        "is_archived" => Error::invalid("channel_id", "The channel is archived: choose another one."),
        "invalid_types" => Error::invalid("channel_id", "Slack does not accept a channel of this kind."),
        // A token of a whole organisation needs the workspace in each request.
        "team_not_found" | "missing_argument" => Error::invalid(
            "bot_token",
            "The token belongs to a whole organisation: use the token of an app in one workspace.",
        ),

        "invalid_cursor" => Error::malformed("a cursor that Slack accepts was expected"),
        "" => Error::malformed("an `error` was expected with `\"ok\":false`"),

        // `internal_error`, `team_added_to_org` and any unknown code: the token may be valid.
        _ => Error::upstream(response.status, code),
    }
}

fn rate_limited(response: &Response) -> Error {
    Error::rate_limited(response.retry_after().unwrap_or(DEFAULT_WAIT))
}
