//! A stand-in for Xero: its sign-in page, token endpoint and APIs, for one user and her organisations.

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
    tenants::{StandInTenant, Tenants},
    token_endpoint::{AuthorizationCode, XeroApp},
    tokens::Tokens,
};
use crate::{
    clock::StandInClock,
    people::COMPANY,
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{Failure, ReceivedRequest, StandInResponse},
};

/// The hosts of the sign-in page, the token endpoint and the APIs.
pub const HOSTS: [&str; 3] = [LOGIN_HOST, IDENTITY_HOST, API_HOST];

/// The Australian organisation that exists from the start, with 300 employees.
pub const TENANT: &str = "fe79f7dd-b6d4-4a92-ba7b-538af6289c58";

/// Every scope that an app may request; the first is for a refresh token.
pub const SCOPES: [&str; 4] =
    ["offline_access", "accounting.settings.read", "accounting.contacts.read", "payroll.employees.read"];

const LOGIN_HOST: &str = "login.xero.com";
const IDENTITY_HOST: &str = "identity.xero.com";
const API_HOST: &str = "api.xero.com";

/// A running stand-in for Xero with one user, one organisation and no app.
///
/// Each setting returns the stand-in, so that calls chain. Settings take effect immediately.
pub type XeroStandIn = ProviderStandIn<XeroState>;

/// The state of Xero.
#[derive(Debug)]
pub struct XeroState {
    time: StandInClock,
    apps: Vec<XeroApp>,
    codes: Vec<AuthorizationCode>,
    tokens: Tokens,
    tenants: Tenants,
    /// Scopes that no token gets, even if requested.
    withheld: Vec<String>,
    requests: u32,
}

impl XeroStandIn {
    /// Registers a web app, which has a secret and authenticates with HTTP Basic.
    pub fn add_app(&self, client_id: &str, client_secret: &str, redirect_uri: &str) -> &Self {
        self.update(|office| office.apps.push(XeroApp::new(client_id, Some(client_secret), redirect_uri)))
    }

    /// Registers an app without a secret, which needs PKCE and sends its id in the body.
    pub fn add_public_app(&self, client_id: &str, redirect_uri: &str) -> &Self {
        self.update(|office| office.apps.push(XeroApp::new(client_id, None, redirect_uri)))
    }

    /// Adds an organisation of an edition such as `UK` or `US`.
    pub fn add_organisation(&self, id: &str, name: &str, version: &str) -> &Self {
        self.update(|office| office.tenants.add(StandInTenant::new(id, name, version)))
    }

    /// Adds an accountant's practice, which is a tenant but not an organisation.
    pub fn add_practice(&self, id: &str, name: &str) -> &Self {
        self.update(|office| office.tenants.add(StandInTenant::practice(id, name)))
    }

    /// Removes the payroll of an organisation.
    pub fn remove_payroll(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.of_id(id).has_payroll = false)
    }

    /// Removes the user's role in an organisation, so that reads answer 403 although the tenant is still connected.
    pub fn remove_role(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.of_id(id).is_readable = false)
    }

    /// Disconnects every app from an organisation. Tokens stay valid, and refreshing works.
    pub fn disconnect_all_apps(&self, id: &str) -> &Self {
        self.update(|office| office.tenants.disconnect(id))
    }

    /// Withholds a scope from every token, including issued ones.
    pub fn withhold_scope(&self, scope: &str) -> &Self {
        self.update(|office| office.withheld.push(scope.to_owned()))
    }

    /// Revokes everything that the user granted to an app, as if she had disconnected it herself.
    pub fn revoke(&self, client_id: &str) -> &Self {
        self.update(|office| office.revoke(client_id))
    }

    /// Uses another clock, which returns the seconds since 1970.
    pub fn follow_clock(&self, clock: impl Fn() -> i64 + Send + 'static) -> &Self {
        self.update(|office| office.time.follow_clock(clock))
    }

    /// Moves the clock forward by this many seconds.
    pub fn shift_clock(&self, seconds: i64) -> &Self {
        self.update(|office| office.time.shift_clock(seconds))
    }

    /// Sets the lifetime of a code in seconds; the default is 300.
    pub fn set_code_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.code = seconds)
    }

    /// Sets the lifetime of an access token in seconds; the default is 30 minutes.
    pub fn set_access_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.access = seconds)
    }

    /// Sets the lifetime of an unused refresh token in seconds; the default is 60 days.
    pub fn set_refresh_lifetime(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.refresh = seconds)
    }

    /// Sets for how many seconds a used refresh token is accepted again; the default is 30 minutes.
    pub fn set_grace_period(&self, seconds: i64) -> &Self {
        self.update(|office| office.tokens.lifetimes.grace = seconds)
    }

    /// Opens the consent page of an authorize URL, without its HTML.
    ///
    /// # Panics
    ///
    /// If Xero would show its error page instead.
    #[must_use]
    pub fn authorize(&self, url: &str) -> Consent<'_> {
        Consent::of(self, url)
    }

    /// Issues an access token for these tenants with every scope, as the token endpoint would for a code.
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

    /// Returns every issued access token, oldest first.
    #[must_use]
    pub fn access_tokens(&self) -> Vec<String> {
        self.lock().tokens.access_tokens()
    }

    /// Returns every issued refresh token, oldest first.
    #[must_use]
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.lock().tokens.refresh_tokens()
    }

    /// Returns every issued code, oldest first.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        self.lock().codes.iter().map(|code| code.code.clone()).collect()
    }

    /// Returns every refresh token that was received, in order, accepted or not.
    #[must_use]
    pub fn refreshes(&self) -> Vec<RefreshAttempt> {
        self.lock().tokens.refreshes.clone()
    }

    /// Returns whether a token of either kind is currently valid.
    #[must_use]
    pub fn is_alive(&self, token: &str) -> bool {
        let office = self.lock();
        office.tokens.is_alive(token, office.time.now())
    }

    /// Returns the ids of the tenants that an app is connected to.
    #[must_use]
    pub fn connected_tenants(&self, client_id: &str) -> Vec<String> {
        self.lock().tenants.of_app(client_id).map(|connection| connection.tenant.clone()).collect()
    }
}

/// Returns the failure for an exceeded limit: `minute`, `day` (with a wait of hours) or `concurrent`.
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
            tenants: Tenants::of(StandInTenant::new(TENANT, COMPANY, "AU")),
            withheld: Vec::new(),
            requests: 0,
        }
    }
}

impl StandInState for XeroState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        // A browser uses the address it was redirected to; other clients use Xero's host names.
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
        self.tenants.disconnect_app(client_id);
        self.codes.retain(|code| code.authorization.client_id != client_id);
        self.apps.iter_mut().filter(|app| app.client_id == client_id).for_each(|app| app.scopes.clear());
    }
}

fn not_found() -> StandInResponse {
    StandInResponse::text("text/html", "<!doctype html><title>The resource was not found</title>").status(404)
}

/// Returns a random value of letters and digits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
