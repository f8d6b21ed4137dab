//! A stand-in for Google Workspace: the token endpoint for service accounts, one calendar, and a directory of people.

mod api_errors;
mod calendar;
mod directory;
mod key;
#[cfg(test)]
mod tests;
mod token_endpoint;

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use self::{
    api_errors::{Quota, not_found},
    calendar::SharedCalendar,
    directory::UserDirectory,
    key::GoogleKey,
};
use crate::{
    clock::StandInClock,
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{ReceivedRequest, StandInResponse},
};

/// The hosts of the token endpoint, the calendars and the directory.
pub const HOSTS: [&str; 3] = [TOKEN_HOST, CALENDAR_HOST, DIRECTORY_HOST];

/// The calendar that exists from the start. It is shared with the service account and the administrator.
pub const CALENDAR: &str = "c_4f2a81@group.calendar.google.com";

/// An administrator, who is one of the people.
pub const ADMIN: &str = "kim.kowalski@acme.example";

/// The email of the service account.
pub const CLIENT_EMAIL: &str = "jackfield@acme-instruments.iam.gserviceaccount.com";

/// The scopes that the service account has by delegation from the start: calendars and people.
pub const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
];

const TOKEN_HOST: &str = "oauth2.googleapis.com";
const CALENDAR_HOST: &str = "www.googleapis.com";
const DIRECTORY_HOST: &str = "admin.googleapis.com";

/// Lifetime of an access token in seconds.
const TOKEN_LIFETIME: i64 = 3_599;

/// A running stand-in for Google Workspace with one service account and one key.
///
/// Each setting returns the stand-in, so that calls chain. Settings take effect immediately.
pub type GoogleWorkspaceStandIn = ProviderStandIn<GoogleState>;

/// The state of Google Workspace.
#[derive(Debug)]
pub struct GoogleState {
    time: StandInClock,
    keys: Vec<GoogleKey>,
    /// Google's error code for an unusable service account, and its description.
    dead: Option<(&'static str, &'static str)>,
    /// The scopes that are delegated to the service account.
    delegated: Vec<String>,
    tokens: HashMap<String, GoogleToken>,
    /// Every issued token, oldest first.
    issued: Vec<String>,
    calendars: HashMap<String, SharedCalendar>,
    directory: UserDirectory,
    /// The APIs that are not enabled in the key's project.
    disabled: Vec<GoogleApi>,
    quota: Quota,
}

/// What an access token permits.
#[derive(Debug)]
struct GoogleToken {
    /// The email of the person, or of the service account itself.
    identity: String,
    scopes: Vec<String>,
    expires: i64,
}

/// One of Google's APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoogleApi {
    Calendar,
    Directory,
}

impl GoogleWorkspaceStandIn {
    /// Returns the file of the newest key, as an administrator downloads it.
    #[must_use]
    pub fn key_file(&self) -> String {
        self.lock().keys.last().expect("a key exists from the start").file()
    }

    /// Creates a new key; earlier keys stay valid.
    pub fn new_key(&self) -> &Self {
        let key = GoogleKey::generate();
        self.update(|workspace| workspace.keys.push(key))
    }

    /// Deletes every key.
    pub fn delete_keys(&self) -> &Self {
        self.update(|workspace| workspace.keys.iter_mut().for_each(|key| key.is_deleted = true))
    }

    /// Deletes the service account: `invalid_grant`.
    pub fn delete_account(&self) -> &Self {
        self.update(|workspace| workspace.dead = Some(("invalid_grant", "Invalid grant: account not found")))
    }

    /// Disables the service account: `disabled_client`.
    pub fn disable_account(&self) -> &Self {
        self.update(|workspace| workspace.dead = Some(("disabled_client", "The OAuth client was disabled.")))
    }

    /// Delegates exactly these scopes to the service account; an empty list revokes the delegation.
    pub fn delegate(&self, scopes: &[&str]) -> &Self {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.update(|workspace| workspace.delegated = scopes)
    }

    /// Uses another clock, which returns the seconds since 1970.
    pub fn follow_clock(&self, clock: impl Fn() -> i64 + Send + 'static) -> &Self {
        self.update(|workspace| workspace.time.follow_clock(clock))
    }

    /// Moves the stand-in's clock by this many seconds, so that it differs from the service's.
    pub fn shift_clock(&self, seconds: i64) -> &Self {
        self.update(|workspace| workspace.time.shift_clock(seconds))
    }

    /// Adds a calendar that is not shared with anyone.
    pub fn add_calendar(&self, id: &str, summary: &str) -> &Self {
        self.update(|workspace| drop(workspace.calendars.insert(id.to_owned(), SharedCalendar::new(summary))))
    }

    /// Shares a calendar with a person or with the service account.
    pub fn share(&self, id: &str, with: &str) -> &Self {
        self.update(|workspace| workspace.calendars.entry(id.to_owned()).or_default().readers.push(with.to_owned()))
    }

    /// Stops sharing a calendar.
    pub fn unshare(&self, id: &str) -> &Self {
        self.update(|workspace| workspace.calendars.entry(id.to_owned()).or_default().readers.clear())
    }

    /// Makes a person an administrator, who can read users.
    pub fn promote(&self, email: &str) -> &Self {
        self.update(|workspace| workspace.directory.administrators.push(email.to_owned()))
    }

    /// Removes a person's right to read users.
    pub fn demote(&self, email: &str) -> &Self {
        self.update(|workspace| workspace.directory.administrators.retain(|administrator| administrator != email))
    }

    /// Deletes a person.
    pub fn delete_person(&self, email: &str) -> &Self {
        self.update(|workspace| workspace.directory.delete(email))
    }

    /// Disables an API in the key's project.
    pub fn disable(&self, api: GoogleApi) -> &Self {
        self.update(|workspace| workspace.disabled.push(api))
    }

    /// Answers 403 as if a quota were exceeded, with `Retry-After` if given.
    pub fn exceed_quota(&self, retry_after: Option<u32>) -> &Self {
        self.update(|workspace| workspace.quota = Quota::Exceeded { retry_after })
    }

    /// Restores the quota.
    pub fn restore_quota(&self) -> &Self {
        self.update(|workspace| workspace.quota = Quota::Left)
    }

    /// Issues an access token for a person or the service account, as the token endpoint would.
    #[must_use]
    pub fn access_token(&self, person: Option<&str>, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.lock().issue(person.unwrap_or(CLIENT_EMAIL).to_owned(), scopes)
    }

    /// Returns every issued access token, oldest first.
    #[must_use]
    pub fn access_tokens(&self) -> Vec<String> {
        self.lock().issued.clone()
    }
}

impl Default for GoogleState {
    fn default() -> Self {
        let mut calendar = SharedCalendar::new("Leave");
        calendar.readers = [CLIENT_EMAIL, ADMIN].map(str::to_owned).to_vec();
        Self {
            time: StandInClock::default(),
            keys: vec![GoogleKey::first()],
            dead: None,
            delegated: SCOPES.map(str::to_owned).to_vec(),
            tokens: HashMap::new(),
            issued: Vec::new(),
            calendars: HashMap::from([(CALENDAR.to_owned(), calendar)]),
            directory: UserDirectory::new(ADMIN),
            disabled: Vec::new(),
            quota: Quota::Left,
        }
    }
}

impl StandInState for GoogleState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let answer = match (request.header("host"), request.path.as_str()) {
            (Some(TOKEN_HOST), "/token") => self.token(request),
            (Some(CALENDAR_HOST), path) => match path.strip_prefix("/calendar/v3/calendars/") {
                Some(id) => {
                    self.authorize(request, GoogleApi::Calendar).map_or_else(|no| no, |who| self.show(id, &who))
                }
                None => not_found(),
            },
            (Some(DIRECTORY_HOST), "/admin/directory/v1/users") => self
                .authorize(request, GoogleApi::Directory)
                .map_or_else(|no| no, |who| self.directory.list(request, &who)),
            _ => not_found(),
        };
        answer.header("date", &self.time.date())
    }
}

impl GoogleState {
    fn issue(&mut self, identity: String, scopes: Vec<String>) -> String {
        let token = format!("ya29.c.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let expires = self.time.now() + TOKEN_LIFETIME;
        self.tokens.insert(token.clone(), GoogleToken { identity, scopes, expires });
        self.issued.push(token.clone());
        token
    }

    /// Returns the identity behind an API request, or the error response.
    fn authorize(&self, request: &ReceivedRequest, api: GoogleApi) -> Result<String, StandInResponse> {
        let token = request.bearer().and_then(|token| self.tokens.get(token));
        let token = token.filter(|token| self.time.now() < token.expires).ok_or_else(api_errors::unauthenticated)?;
        if self.disabled.contains(&api) {
            return Err(api_errors::disabled(api));
        }
        if let Quota::Exceeded { retry_after } = self.quota {
            return Err(api_errors::quota(api, retry_after));
        }
        let needed = match api {
            GoogleApi::Calendar => SCOPES[0],
            GoogleApi::Directory => SCOPES[1],
        };
        if !token.scopes.iter().any(|scope| scope == needed) {
            return Err(api_errors::insufficient_scope());
        }
        Ok(token.identity.clone())
    }
}

/// Returns the value of a key in a query or a form.
fn value<'p>(pairs: &'p [(String, String)], key: &str) -> Option<&'p str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Reduces a document to a field mask such as `nextPageToken,users(id,name/fullName)`.
fn apply_field_mask(document: &Value, mask: &str) -> Value {
    if let Value::Array(rows) = document {
        return rows.iter().map(|row| apply_field_mask(row, mask)).collect();
    }
    let (mut left, mut depth, mut start) = (serde_json::Map::new(), 0_usize, 0);
    for (at, character) in mask.char_indices().chain([(mask.len(), ',')]) {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let item = &mask[start..at];
                start = at + 1;
                let (name, inner) = item.split_once(['(', '/']).unwrap_or((item, ""));
                let inner = if item[name.len()..].starts_with('(') { inner.trim_end_matches(')') } else { inner };
                if let Some(value) = document.get(name) {
                    let value = if inner.is_empty() { value.clone() } else { apply_field_mask(value, inner) };
                    left.insert(name.to_owned(), value);
                }
            }
            _ => {}
        }
    }
    Value::Object(left)
}
