//! Slack's Web API: the four methods that the plugin calls, their responses, and their errors.
//!
//! Every method takes a form by `POST`. Slack answers nearly every failure with status 200 and `"ok":false`.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, JsonObject, Page, PageRequest, User, UserRows};

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

/// Calls `auth.test`.
pub(crate) fn auth_test() -> Result<TokenInfo, Error> {
    let response = call("auth.test", &[])?;
    let body = parse(&response, "team_id")?;
    let team_id = body.get("team_id").text().ok_or_else(|| Error::malformed("`team_id` was expected"))?;
    // Without the header, the scopes of the token are unknown.
    let granted = response.header("x-oauth-scopes");
    let lacks = |scope: &&str| granted.is_some_and(|granted| !granted.split(',').any(|name| name.trim() == *scope));
    Ok(TokenInfo {
        team_id: team_id.into(),
        team: body.get("team").text().map(Into::into),
        missing_scopes: USER_SCOPES.into_iter().filter(lacks).collect(),
    })
}

/// Calls `conversations.info`. An archived channel is an error.
pub(crate) fn conversations_info(id: &str) -> Result<Channel, Error> {
    let response = call("conversations.info", &[("channel", id)])?;
    let channel = parse(&response, "channel")?.get("channel").object();
    let channel = channel.ok_or_else(|| Error::malformed("`channel` was expected"))?;
    if channel.get("is_archived").flag() == Some(true) {
        return Err(to_error("is_archived", None, &response));
    }
    let name = channel.get("name").text().map(Into::into);
    Ok(Channel { name, is_member: channel.get("is_member").flag() })
}

/// Calls `auth.revoke`, which revokes the token.
pub(crate) fn auth_revoke() -> Result<(), Error> {
    match parse(&call("auth.revoke", &[])?, "revoked")?.get("revoked").flag() {
        Some(true) => Ok(()),
        _ => Err(Error::malformed("`\"revoked\":true` was expected")),
    }
}

/// Calls `users.list` for one page. Bots are left out.
pub(crate) fn users_list(page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MAX_USERS).to_string();
    let cursor = page.provider_cursor()?;
    let form = [("limit", limit.as_str()), ("cursor", cursor.unwrap_or_default())];
    let response = call("users.list", &form[..if cursor.is_some() { 2 } else { 1 }])?;
    let body = parse(&response, "members")?;
    let rows = UserRows::read(body.get("members"), "members", to_user)?;
    rows.followed(page, body.get("response_metadata").get("next_cursor"))
}

/// Converts a member into a user; `None` for a bot. Slackbot is checked by id, because its `is_bot` is false.
fn to_user(member: &JsonObject<'_>) -> Option<User> {
    let id = member.get("id").text().unwrap_or_default();
    let is_bot = ["is_bot", "is_workflow_bot"].iter().any(|key| member.get(key).flag() == Some(true));
    if is_bot || &*id == "USLACKBOT" {
        return None;
    }
    let profile = member.get("profile").object().unwrap_or_default();
    let name = profile.get("real_name").text().or_else(|| member.first_text(["real_name", "name"]));
    let user = User::new(id, name.unwrap_or_default()).email(profile.get("email").text().as_deref());
    Some(user.active(member.get("deleted").flag() != Some(true)))
}

fn call(method: &str, form: &[(&str, &str)]) -> Result<Response, Error> {
    let response = http::post(format!("https://slack.com/api/{method}")).form(form).send()?;
    if response.status == 429 {
        return Err(rate_limited(&response));
    }
    Ok(response)
}

/// Parses a response, which is an error unless it has `"ok":true`.
///
/// If `ok` cannot be read, a response without an error code that has the expected member is a success, too.
fn parse<'a>(response: &'a Response, expected: &str) -> Result<JsonObject<'a>, Error> {
    let body = match response.object() {
        Err(_) if response.status >= 500 => return Err(Error::upstream(response.status, "")),
        body => body?,
    };
    let (code, needed) = (body.get("error").text(), body.get("needed").text());
    let is_ok = body.get("ok").flag() == Some(true) || (code.is_none() && !body.get(expected).is_null());
    if is_ok && response.status < 500 {
        return Ok(body);
    }
    Err(to_error(code.as_deref().unwrap_or_default(), needed.as_deref(), response))
}

/// Maps an error code of Slack.
fn to_error(code: &str, needed: Option<&str>, response: &Response) -> Error {
    match code {
        "ratelimited" | "rate_limited" => rate_limited(response),
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
