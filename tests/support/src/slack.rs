//! A stand-in for Slack's Web API: forms by `POST`, one bearer token per workspace, 200 for nearly every failure.

mod members;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use self::members::encode_json;
pub use self::members::{MEMBERS, NOBODY};
use crate::{
    people::COMPANY,
    stand_in_server::{ReceivedRequest, StandInResponse, StandInServer},
};

/// The workspace's id.
pub const TEAM: &str = "T0ACME001";

/// The public channel that exists from the start. The app is a member.
pub const CHANNEL: &str = "C0GENERAL";

/// All scopes that the plugin needs.
pub const SCOPES: [&str; 4] = ["channels:read", "groups:read", "users:read", "users:read.email"];

/// Members in a prepared page.
const LOAD_PAGE: usize = 200;

/// A running stand-in for Slack with one workspace, one channel and no token.
///
/// Each setting returns the stand-in, so that calls chain. Settings take effect immediately.
#[derive(Debug)]
pub struct SlackStandIn {
    upstream: StandInServer,
    workspace: Arc<Mutex<SlackState>>,
}

#[derive(Debug)]
struct SlackState {
    tokens: HashMap<String, SlackToken>,
    channels: HashMap<String, SlackChannel>,
    members: Vec<Value>,
    /// The body of every `users.list` while a prepared page is served.
    load: Option<StandInResponse>,
    /// The number of generated members, if members are generated on request.
    generated: Option<usize>,
    /// Whether a revoked token is still accepted.
    keeps_revoked: bool,
}

#[derive(Debug)]
struct SlackToken {
    scopes: Vec<String>,
    /// Slack's error code if the token is not valid.
    dead: Option<&'static str>,
}

#[derive(Debug)]
struct SlackChannel {
    name: String,
    is_private: bool,
    is_archived: bool,
    is_member: bool,
}

impl SlackStandIn {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port on loopback")
    }

    /// Starts on the given address.
    ///
    /// # Errors
    /// If the address is in use or does not belong to this machine.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let workspace = Arc::new(Mutex::new(SlackState {
            tokens: HashMap::new(),
            channels: HashMap::new(),
            members: members::members(),
            load: None,
            generated: None,
            keeps_revoked: false,
        }));
        let shared = Arc::clone(&workspace);
        let upstream = StandInServer::start_at(address, move |request| {
            lock_state(&shared).answer(request).header("x-slack-req-id", "1")
        })
        .await?;
        let slack = Self { upstream, workspace };
        slack.add_channel(CHANNEL, "general");
        Ok(slack)
    }

    /// Adds or restores a token with every scope.
    pub fn add_token(&self, token: &str) -> &Self {
        self.add_token_with_scopes(token, &SCOPES)
    }

    /// Adds a token with exactly these scopes.
    pub fn add_token_with_scopes(&self, token: &str, scopes: &[&str]) -> &Self {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.workspace().tokens.insert(token.to_owned(), SlackToken { scopes, dead: None });
        self
    }

    /// Revokes a token, as if an administrator had removed the app: `token_revoked`.
    pub fn revoke(&self, token: &str) -> &Self {
        self.kill(token, "token_revoked")
    }

    /// Invalidates a token with another of Slack's error codes, such as `account_inactive` or `token_expired`.
    pub fn kill(&self, token: &str, word: &'static str) -> &Self {
        self.workspace().tokens.entry(token.to_owned()).or_insert(SlackToken { scopes: Vec::new(), dead: None }).dead =
            Some(word);
        self
    }

    /// Accepts tokens that were revoked, so that the demo can connect again with the same one.
    pub fn keep_revoked(&self) -> &Self {
        self.workspace().keeps_revoked = true;
        self
    }

    /// Returns whether a token exists and is valid.
    #[must_use]
    pub fn is_alive(&self, token: &str) -> bool {
        self.workspace().tokens.get(token).is_some_and(|token| token.dead.is_none())
    }

    /// Adds a public channel that the app is in.
    pub fn add_channel(&self, id: &str, name: &str) -> &Self {
        self.put(id, SlackChannel { name: name.to_owned(), is_private: false, is_archived: false, is_member: true })
    }

    /// Adds a private channel that the app is not in. Slack answers as if it did not exist.
    pub fn add_private_channel(&self, id: &str, name: &str) -> &Self {
        self.put(id, SlackChannel { name: name.to_owned(), is_private: true, is_archived: false, is_member: false })
    }

    /// Adds the app to a channel.
    pub fn join(&self, id: &str) -> &Self {
        self.change(id, |channel| channel.is_member = true)
    }

    /// Removes the app from a channel.
    pub fn leave(&self, id: &str) -> &Self {
        self.change(id, |channel| channel.is_member = false)
    }

    /// Archives a channel; Slack still returns it.
    pub fn archive_channel(&self, id: &str) -> &Self {
        self.change(id, |channel| channel.is_archived = true)
    }

    /// Answers every `users.list` of a valid token with the same 200 members, about 140 KB, prepared once.
    pub fn serve_prepared_page(&self) -> &Self {
        let mut workspace = self.workspace();
        let page = json!({
            "ok": true,
            "members": workspace.members.iter().take(LOAD_PAGE).collect::<Vec<_>>(),
            "cache_ts": 1_764_000_000,
            "response_metadata": {"next_cursor": cursor(&workspace.members[LOAD_PAGE])},
        });
        workspace.load = Some(StandInResponse::text("application/json; charset=utf-8", encode_json(&page)));
        drop(workspace);
        self
    }

    /// Serves this many generated members instead of the fixed ones; see [`people::generated_employee`].
    ///
    /// [`people::generated_employee`]: crate::people::of_a_crowd
    pub fn serve_generated_members(&self, members: usize) -> &Self {
        self.workspace().generated = Some(members);
        self
    }

    fn put(&self, id: &str, channel: SlackChannel) -> &Self {
        self.workspace().channels.insert(id.to_owned(), channel);
        self
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut SlackChannel)) -> &Self {
        change(self.workspace().channels.get_mut(id).expect("the channel exists in the stand-in"));
        self
    }

    fn workspace(&self) -> MutexGuard<'_, SlackState> {
        lock_state(&self.workspace)
    }
}

impl Deref for SlackStandIn {
    type Target = StandInServer;

    fn deref(&self) -> &StandInServer {
        &self.upstream
    }
}

fn lock_state(workspace: &Mutex<SlackState>) -> MutexGuard<'_, SlackState> {
    workspace.lock().expect("no thread panicked while it held the state's lock")
}

/// An error code of Slack, and the missing scope if there is one.
struct MethodError(&'static str, Option<&'static str>);

impl SlackState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let Some(method) = request.path.strip_prefix("/api/") else {
            return StandInResponse::text("text/html", "<!doctype html><title>Not found</title>").status(404);
        };
        let token = request.bearer().unwrap_or_default().to_owned();
        let scopes = self.tokens.get(&token).map(|token| token.scopes.join(","));
        let mut arguments = request.form();
        if request.method == http::Method::GET {
            arguments = request.query_pairs();
        }
        if method == "users.list" && self.load.is_some() && self.authorize(&token, None).is_ok() {
            return self.load.clone().unwrap_or_else(|| StandInResponse::empty(500));
        }
        let body = self.call(method, &token, &arguments).unwrap_or_else(|MethodError(word, needed)| match needed {
            Some(needed) => json!({"ok": false, "error": word, "needed": needed, "provided": scopes}),
            None => json!({"ok": false, "error": word}),
        });
        let answer = StandInResponse::text("application/json; charset=utf-8", encode_json(&body));
        match scopes {
            Some(scopes) => answer.header("x-oauth-scopes", &scopes),
            None => answer,
        }
    }

    fn call(&mut self, method: &str, token: &str, arguments: &[(String, String)]) -> Result<Value, MethodError> {
        let argument = |name: &str| {
            arguments
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        match method {
            "auth.test" => {
                self.authorize(token, None)?;
                Ok(json!({
                    "ok": true, "url": "https://acme.slack.com/", "team": COMPANY, "user": "jackfield",
                    "team_id": TEAM, "user_id": "U0BOT0001", "bot_id": "B0BOT0001", "is_enterprise_install": false,
                }))
            }
            "auth.revoke" => {
                self.authorize(token, None)?;
                let is_rehearsal = argument("test") == Some("1");
                if !is_rehearsal
                    && !self.keeps_revoked
                    && let Some(token) = self.tokens.get_mut(token)
                {
                    token.dead = Some("token_revoked");
                }
                Ok(json!({"ok": true, "revoked": !is_rehearsal}))
            }
            "conversations.info" => {
                let id = argument("channel").ok_or(MethodError("channel_not_found", None))?;
                let is_private = self.channels.get(id).is_some_and(|channel| channel.is_private);
                self.authorize(token, Some(if is_private { "groups:read" } else { "channels:read" }))?;
                let channel = self.channels.get(id).filter(|channel| !channel.is_private || channel.is_member);
                let channel = channel.ok_or(MethodError("channel_not_found", None))?;
                Ok(json!({"ok": true, "channel": {
                    "id": id, "name": channel.name, "name_normalized": channel.name, "is_channel": !channel.is_private,
                    "is_group": false, "is_im": false, "is_mpim": false, "is_private": channel.is_private,
                    "is_archived": channel.is_archived, "is_member": channel.is_member, "is_general": id == CHANNEL,
                    "is_ext_shared": false, "created": 1_600_000_000, "creator": "U0KIM0001",
                    "context_team_id": TEAM, "topic": {"value": "", "creator": "", "last_set": 0}, "previous_names": [],
                }}))
            }
            "users.list" => {
                self.authorize(token, Some("users:read"))?;
                self.users(token, argument("limit"), argument("cursor"))
            }
            _ => Err(MethodError("unknown_method", None)),
        }
    }

    fn authorize(&self, token: &str, scope: Option<&'static str>) -> Result<(), MethodError> {
        if token.is_empty() {
            return Err(MethodError("not_authed", None));
        }
        let token = self.tokens.get(token).ok_or(MethodError("invalid_auth", None))?;
        match (token.dead, scope) {
            (Some(word), _) => Err(MethodError(word, None)),
            (None, Some(scope)) if !token.scopes.iter().any(|held| held == scope) => {
                Err(MethodError("missing_scope", Some(scope)))
            }
            (None, _) => Ok(()),
        }
    }

    fn users(&self, token: &str, limit: Option<&str>, after: Option<&str>) -> Result<Value, MethodError> {
        if let Some(members) = self.generated {
            return generated_page(members, limit, after);
        }
        let limit = match limit.map(str::parse) {
            None => self.members.len(),
            Some(Ok(limit)) if (1..1_000).contains(&limit) => limit,
            Some(_) => return Err(MethodError("invalid_limit", None)),
        };
        let start = match after {
            None => 0,
            Some(after) => {
                let found = self.members.iter().position(|member| cursor(member) == after);
                found.ok_or(MethodError("invalid_cursor", None))?
            }
        };
        let end = (start + limit).min(self.members.len());
        let mut page = self.members[start..end].to_vec();
        let shows_email = self.tokens[token].scopes.iter().any(|scope| scope == "users:read.email");
        if !shows_email {
            // Slack omits it silently.
            for member in &mut page {
                member["profile"].as_object_mut().map(|profile| profile.remove("email"));
            }
        }
        let next = self.members.get(end).map(cursor).unwrap_or_default();
        Ok(json!({
            "ok": true, "members": page, "cache_ts": 1_764_000_000, "response_metadata": {"next_cursor": next},
        }))
    }
}

/// Returns a page of generated members. Its cursor is the number of the first member.
fn generated_page(members: usize, limit: Option<&str>, after: Option<&str>) -> Result<Value, MethodError> {
    let limit: usize = limit.unwrap_or("200").parse().map_err(|_| MethodError("invalid_limit", None))?;
    let start: usize = after.unwrap_or("1").parse().map_err(|_| MethodError("invalid_cursor", None))?;
    let end = (start + limit).min(members + 1);
    let next = if end > members { String::new() } else { end.to_string() };
    Ok(json!({
        "ok": true, "members": (start..end).map(members::generated).collect::<Vec<_>>(),
        "cache_ts": 1_764_000_000, "response_metadata": {"next_cursor": next},
    }))
}

/// Returns the cursor at which a page starts. With ids of nine characters it ends in `=`.
fn cursor(member: &Value) -> String {
    STANDARD.encode(format!("user:{}", member["id"].as_str().unwrap_or_default()))
}
