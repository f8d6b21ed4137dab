//! Xero as a stand-in: its sign-in page, its token endpoint and its APIs, for one user and the organisations of hers.

mod api;
mod consent_page;
mod rows;
mod tenants;
#[cfg(test)]
mod tests;
mod token_endpoint;
mod tokens;

use uuid::Uuid;

pub use self::{
    consent_page::{Consent, Landing},
    tokens::RefreshAttempt,
};
use self::{
    tenants::{Tenant, Tenants},
    token_endpoint::{AuthorizationCode, XeroApp},
    tokens::Tokens,
};
use crate::{
    clock::StandInClock,
    people::COMPANY,
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{Failure, ReceivedRequest, StandInResponse},
};

/// Where the browser signs in, where tokens are given out, and where the APIs are.
pub const HOSTS: [&str; 3] = [LOGIN_HOST, IDENTITY_HOST, API_HOST];

/// The Australian organisation that is there from the start, with 300 employees.
pub const TENANT: &str = "fe79f7dd-b6d4-4a92-ba7b-538af6289c58";

/// Every scope that an app may ask for; the first is for a refresh token.
pub const SCOPES: [&str; 4] =
    ["offline_access", "accounting.settings.read", "accounting.contacts.read", "payroll.employees.read"];

const LOGIN_HOST: &str = "login.xero.com";
const IDENTITY_HOST: &str = "identity.xero.com";
const API_HOST: &str = "api.xero.com";

/// A running stand-in of Xero with one user, one organisation and no app.
///
/// Each setting gives the stand-in back, so that they chain; all work while it runs.
pub type Xero = ProviderStandIn<XeroState>;

/// What Xero knows.
#[derive(Debug)]
pub struct XeroState {
    time: StandInClock,
    apps: Vec<XeroApp>,
    codes: Vec<AuthorizationCode>,
    tokens: Tokens,
    tenants: Tenants,
    /// Scopes that no token has, whatever was asked for.
    withheld: Vec<String>,
    requests: u32,
}

impl Xero {
    /// Knows a web app: it has a secret, and says who it is by HTTP Basic.
    pub fn app(&self, client_id: &str, client_secret: &str, redirect_uri: &str) -> &Self {
        self.update(|office| office.apps.push(XeroApp::new(client_id, Some(client_secret), redirect_uri)))
    }

    /// Knows an app without a secret, which needs PKCE and says who it is in the body.
    pub fn public_app(&self, client_id: &str, redirect_uri: &str) -> &Self {
        self.update(|office| office.apps.push(XeroApp::new(client_id, None, redirect_uri)))
    }

    /// Has another organisation of an edition such as `UK` or `US`.
    pub fn organisation(&self, id: &str, name: &str, version: &str) -> &Self {
        self.update(|office| office.tenants.add(Tenant::new(id, name, version)))
    }

    /// Has an accountant's practice, which is a tenant and no organisation.
    pub fn practice(&self, id: &str, name: &str) -> &Self {
        self.update(|office| office.tenants.add(Tenant::practice(id, name)))
    }

    /// Takes the payroll away from an organisation.
    pub fn remove_payroll(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.of_id(id).has_payroll = false)
    }

    /// Takes from the user the role that may read an organisation: 403 with a tenant that is still connected.
    pub fn remove_role(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.of_id(id).is_readable = false)
    }

    /// Has an organisation cut every app off. Their tokens stay good, and refreshing them works.
    pub fn disconnect_all_apps(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.disconnect(id))
    }

    /// Keeps a scope from every token, those that were given out too.
    pub fn withhold_scope(&self, scope: &str) -> &Self {
        self.update(|office| office.withheld.push(scope.to_owned()))
    }

    /// Revokes all that the user gave to an app, as if she had disconnected it herself.
    pub fn revoke(&self, client_id: &str) -> &Self {
        self.update(|office| office.revoke(client_id))
    }

    /// Goes by another clock, in seconds since the beginning of 1970.
    pub fn follow_clock(&self, clock: impl Fn() -> i64 + Send + 'static) -> &Self {
        self.update(|office| office.time.follow_clock(clock))
    }

    /// Turns its clock on by so many seconds.
    pub fn shift_clock(&self, seconds: i64) -> &Self {
        self.update(|office| office.time.shift_clock(seconds))
    }

    /// Sets for how many seconds a code is good; 300 from the start.
    pub fn code_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.code = seconds)
    }

    /// Sets for how many seconds an access token is good; 30 minutes from the start.
    pub fn access_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.access = seconds)
    }

    /// Sets for how many seconds an unused refresh token is good; 60 days from the start.
    pub fn refresh_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.refresh = seconds)
    }

    /// Sets for how many seconds a refresh token that was used is taken again; 30 minutes from the start.
    pub fn grace(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.grace = seconds)
    }

    /// Shows the page of an authorize URL, without its HTML.
    ///
    /// # Panics
    ///
    /// Where Xero would show its error page instead.
    #[must_use]
    pub fn authorize(&self, url: &str) -> Consent<'_> {
        Consent::of(self, url)
    }

    /// Gives out an access token of an app for these tenants with every scope, as if it had come by a code.
    #[must_use]
    pub fn access_token(&self, client_id: &str, tenants: &[&str]) -> String {
        let mut office = self.lock();
        let event = Uuid::new_v4();
        let now = office.time.now();
        for tenant in tenants {
            office.tenants.connect(client_id, tenant, event, now);
        }
        office.tokens.issue(client_id, &SCOPES.join(" "), now).access
    }

    /// Every access token so far, oldest first.
    #[must_use]
    pub fn access_tokens(&self) -> Vec<String> {
        self.lock().tokens.access_tokens()
    }

    /// Every refresh token so far, oldest first.
    #[must_use]
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.lock().tokens.refresh_tokens()
    }

    /// Every code so far, oldest first.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        self.lock().codes.iter().map(|code| code.code.clone()).collect()
    }

    /// Every refresh token that it was sent, in that order, taken or not.
    #[must_use]
    pub fn refreshes(&self) -> Vec<RefreshAttempt> {
        self.lock().tokens.refreshes.clone()
    }

    /// Whether a token, of either kind, would be taken now.
    #[must_use]
    pub fn is_alive(&self, token: &str) -> bool {
        let office = self.lock();
        office.tokens.is_alive(token, office.time.now())
    }

    /// The ids of the tenants that an app is connected to.
    #[must_use]
    pub fn connected(&self, client_id: &str) -> Vec<String> {
        self.lock().tenants.of_app(client_id).map(|connection| connection.tenant.clone()).collect()
    }
}

/// The failure of a limit: `minute`, `day` (whose wait is in hours) or `concurrent`.
#[must_use]
pub fn rate_limit_failure(limit: &str, retry_after: Option<u32>) -> Failure {
    let answer = StandInResponse::empty(429).header("x-rate-limit-problem", limit);
    Failure::Response(match retry_after {
        Some(seconds) => answer.header("retry-after", &seconds.to_string()),
        None => answer,
    })
}

impl Default for XeroState {
    fn default() -> Self {
        Self {
            time: StandInClock::default(),
            apps: Vec::new(),
            codes: Vec::new(),
            tokens: Tokens::default(),
            tenants: Tenants::of(Tenant::new(TENANT, COMPANY, "AU")),
            withheld: Vec::new(),
            requests: 0,
        }
    }
}

impl StandInState for XeroState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        // A browser comes by the address that it was sent to, everybody else by Xero's own names.
        let host = request.header("host").unwrap_or_default();
        let at = |name: &str| host == name || !HOSTS.contains(&host);
        let answer = match request.path.as_str() {
            "/identity/connect/authorize" if at(LOGIN_HOST) => self.consent_page(request),
            "/connect/token" if at(IDENTITY_HOST) => self.token(request),
            "/connect/revocation" if at(IDENTITY_HOST) => self.revocation(request),
            _ if at(API_HOST) => self.api(request),
            _ => not_found(),
        };
        answer.header("date", &self.time.date())
    }
}

impl XeroState {
    fn app(&self, client_id: &str) -> Option<&XeroApp> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    fn revoke(&mut self, client_id: &str) {
        self.tokens.revoke(client_id);
        self.tenants.forget(client_id);
        self.codes.retain(|code| code.authorization.client_id != client_id);
        self.apps.iter_mut().filter(|app| app.client_id == client_id).for_each(|app| app.scopes.clear());
    }
}

fn not_found() -> StandInResponse {
    StandInResponse::text("text/html", "<!doctype html><title>The resource was not found</title>").status(404)
}

/// A value that nobody can guess, in letters and digits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
