//! The page on which the user grants an app access to her organisations, for browsers and for tests.

use std::fmt::Write;

use url::Url;

use super::{AuthorizationCode, SCOPES, XeroStandIn, XeroState, random};
use crate::stand_in_server::{ReceivedRequest, StandInResponse};

/// The parameters of an authorization request.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    /// The PKCE challenge (S256).
    pub(super) challenge: Option<String>,
}

/// The page, before the user has decided.
#[derive(Debug)]
pub struct Consent<'a> {
    xero: &'a XeroStandIn,
    authorization: AuthorizationRequest,
}

/// Where the browser is redirected after the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The complete URL.
    pub url: String,
    /// The code, if access was granted.
    pub code: Option<String>,
    /// The state from the request.
    pub state: Option<String>,
    /// The error, if access was denied.
    pub error: Option<String>,
}

impl<'a> Consent<'a> {
    pub(super) fn of(xero: &'a XeroStandIn, url: &str) -> Self {
        let url = Url::parse(url).expect("a URL");
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let authorization = xero.lock().parse_authorization(&pairs);
        Self { xero, authorization: authorization.unwrap_or_else(|why| panic!("Xero shows its error page: {why}")) }
    }

    /// Returns the requested scopes, separated by spaces.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.authorization.scope
    }

    /// Grants access to these organisations in addition to earlier ones.
    #[must_use]
    pub fn allow(self, tenants: &[&str]) -> Landing {
        let tenants = tenants.iter().map(|&tenant| tenant.to_owned()).collect();
        Landing::at(&self.xero.lock().allow(self.authorization, tenants))
    }

    /// Denies access.
    #[must_use]
    pub fn deny(self) -> Landing {
        Landing::at(&deny(&self.authorization))
    }
}

impl Landing {
    fn at(url: &Url) -> Self {
        let value = |key: &str| url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
        Self { code: value("code"), state: value("state"), error: value("error"), url: url.to_string() }
    }
}

impl XeroState {
    /// Shows the page, or handles a pressed button.
    pub(super) fn consent_page(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let pairs = request.query_pairs();
        let authorization = match self.parse_authorization(&pairs) {
            Ok(authorization) => authorization,
            // Such an error is shown here and never sent to the app.
            Err(why) => {
                return page(500, "Error", &format!("<h1>Sorry, something went wrong</h1><p>{}</p>", text(&why)));
            }
        };
        let form = request.form();
        let named = |key: &str| form.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect();
        let (decision, tenants): (Vec<String>, Vec<String>) = (named("decision"), named("tenant"));
        let landing = match decision.first().map(String::as_str) {
            Some("allow") => self.allow(authorization, tenants),
            Some(_) => deny(&authorization),
            None => return self.page(&authorization, request.query.as_deref().unwrap_or_default()),
        };
        StandInResponse::redirect(302, landing.as_str())
    }

    /// Parses an authorization request. The error is the text of Xero's error page.
    fn parse_authorization(&self, pairs: &[(String, String)]) -> Result<AuthorizationRequest, String> {
        let value = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        let needed = |key: &str| value(key).ok_or_else(|| format!("invalid_request: {key} is missing"));
        if needed("response_type")? != "code" {
            return Err("unsupported_response_type".to_owned());
        }
        let client_id = needed("client_id")?;
        let app = self.app(&client_id).ok_or("unauthorized_client: unknown client_id")?;
        let redirect_uri = needed("redirect_uri")?;
        if redirect_uri != app.redirect_uri {
            return Err("unauthorized_client: invalid redirect_uri".to_owned());
        }
        let scope = needed("scope")?;
        if let Some(unknown) = scope.split(' ').find(|scope| !SCOPES.contains(scope)) {
            return Err(format!("invalid_scope: {unknown}"));
        }
        let challenge = value("code_challenge");
        if challenge.is_some() != (value("code_challenge_method").as_deref() == Some("S256")) {
            return Err("invalid_request: the transform algorithm is not supported".to_owned());
        }
        if challenge.is_none() && app.client_secret.is_none() {
            return Err("invalid_request: code challenge required".to_owned());
        }
        Ok(AuthorizationRequest { client_id, redirect_uri, scope, state: value("state"), challenge })
    }

    fn allow(&mut self, authorization: AuthorizationRequest, tenants: Vec<String>) -> Url {
        let code = random();
        let landing = landing(&authorization, "code", &code);
        self.codes.push(AuthorizationCode { code, issued: self.time.now(), is_used: false, tenants, authorization });
        landing
    }

    fn page(&self, authorization: &AuthorizationRequest, query: &str) -> StandInResponse {
        let mut organisations = String::new();
        for (number, organisation) in self.tenants.organisations.iter().enumerate() {
            let checked = if number == 0 { " checked" } else { "" };
            let (id, name) = (text(&organisation.id), text(&organisation.name));
            write!(
                organisations,
                "<p><label><input type=\"checkbox\" name=\"tenant\" value=\"{id}\"{checked}> {name}</label></p>"
            )
            .expect("writing to a string");
        }
        let body = format!(
            "<h1>{} wants access to</h1><form method=\"post\" action=\"?{}\">{organisations}<p>Scopes: {}</p>\
             <button name=\"decision\" value=\"allow\">Allow access</button> \
             <button name=\"decision\" value=\"deny\">Cancel</button></form>",
            text(&authorization.client_id),
            text(query),
            text(&authorization.scope),
        );
        page(200, "Xero | Authorise", &body)
    }
}

fn deny(authorization: &AuthorizationRequest) -> Url {
    landing(authorization, "error", "access_denied")
}

/// Returns the redirect with one more parameter and the state.
fn landing(authorization: &AuthorizationRequest, key: &str, value: &str) -> Url {
    let mut url = Url::parse(&authorization.redirect_uri).expect("the app was registered with a URL");
    url.query_pairs_mut()
        .append_pair(key, value)
        .extend_pairs(authorization.state.iter().map(|state| ("state", state)));
    url
}

fn page(status: u16, title: &str, body: &str) -> StandInResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><body>{body}</body></html>"
    );
    StandInResponse::text("text/html; charset=utf-8", html).status(status).header("cache-control", "no-store")
}

/// Escapes a text for HTML.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
