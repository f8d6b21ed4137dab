//! The token and revocation endpoints: forms by `POST`, from apps with or without a secret.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{XeroState, consent_page::AuthorizationRequest, tokens::TokenPair};
use crate::stand_in_server::{ReceivedRequest, StandInResponse};

/// An app that is registered at Xero.
#[derive(Debug)]
pub(super) struct XeroApp {
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) redirect_uri: String,
    /// The scopes granted so far. Requesting fewer later removes none.
    pub(super) scopes: Vec<String>,
}

/// An authorization code that was issued and not expired or redeemed.
#[derive(Debug)]
pub(super) struct AuthorizationCode {
    pub(super) code: String,
    pub(super) issued: i64,
    pub(super) is_used: bool,
    /// The tenants that the user selected.
    pub(super) tenants: Vec<String>,
    pub(super) authorization: AuthorizationRequest,
}

/// An error of RFC 6749 §5.2, usually without a description.
struct OAuthError(&'static str);

impl XeroApp {
    pub(super) fn new(client_id: &str, client_secret: Option<&str>, redirect_uri: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.map(str::to_owned),
            redirect_uri: redirect_uri.to_owned(),
            scopes: Vec::new(),
        }
    }
}

impl XeroState {
    pub(super) fn token(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let form = request.form();
        let given = self.client(request, &form).and_then(|client_id| match value(&form, "grant_type") {
            Some("authorization_code") => self.redeem(&client_id, &form),
            Some("refresh_token") => {
                let token = value(&form, "refresh_token").ok_or(OAuthError("invalid_request"))?;
                self.tokens.renew(&client_id, token, self.time.now()).ok_or(OAuthError("invalid_grant"))
            }
            _ => Err(OAuthError("unsupported_grant_type")),
        });
        match given {
            Ok(pair) => self.token_response(&pair),
            Err(refused) => refused.answer(),
        }
    }

    /// Revokes everything the user granted to the app, not only the token. An unknown token is not an error (RFC 7009
    /// §2.2).
    pub(super) fn revocation(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let form = request.form();
        match self.client(request, &form) {
            Ok(client_id) => {
                if self.tokens.was_issued(&client_id, value(&form, "token").unwrap_or_default()) {
                    self.revoke(&client_id);
                }
                StandInResponse::empty(200)
            }
            Err(refused) => refused.answer(),
        }
    }

    /// Authenticates an app: with HTTP Basic if it has a secret, otherwise by its id in the body.
    fn client(&self, request: &ReceivedRequest, form: &[(String, String)]) -> Result<String, OAuthError> {
        let basic = request.header("authorization").and_then(|field| field.strip_prefix("Basic "));
        let named = match basic {
            Some(encoded) => {
                let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
                pair.map(|(id, secret)| (id.to_owned(), Some(secret.to_owned())))
            }
            None => value(form, "client_id").map(|id| (id.to_owned(), None)),
        };
        let (id, secret) = named.ok_or(OAuthError("invalid_client"))?;
        let app = self.app(&id).filter(|app| app.client_secret == secret);
        app.map(|app| app.client_id.clone()).ok_or(OAuthError("invalid_client"))
    }

    fn redeem(&mut self, client_id: &str, form: &[(String, String)]) -> Result<TokenPair, OAuthError> {
        let now = self.time.now();
        let lifetime = self.tokens.lifetimes.code;
        let given = value(form, "code").ok_or(OAuthError("invalid_request"))?;
        let code = self.codes.iter_mut().find(|code| code.code == given).ok_or(OAuthError("invalid_grant"))?;
        let verified = match &code.authorization.challenge {
            None => value(form, "code_verifier").is_none(),
            Some(challenge) => value(form, "code_verifier").is_some_and(|verifier| {
                is_verifier(verifier) && *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
            }),
        };
        let is_good = code.authorization.client_id == client_id
            && value(form, "redirect_uri") == Some(&code.authorization.redirect_uri)
            && !code.is_used
            && now < code.issued + lifetime
            && verified;
        // Any attempt uses up the code, so that a stolen code is useless after a wrong guess.
        code.is_used = true;
        if !is_good {
            return Err(OAuthError("invalid_grant"));
        }
        let (tenants, authorization) = (code.tenants.clone(), code.authorization.scope.clone());
        let event = Uuid::new_v4();
        for tenant in tenants {
            self.tenants.connect(client_id, &tenant, event, now);
        }
        let scope = self.add_scopes(client_id, &authorization);
        Ok(self.tokens.issue(client_id, &scope, now))
    }

    /// Adds the requested scopes to the app and returns all of them.
    fn add_scopes(&mut self, client_id: &str, authorization: &str) -> String {
        let Some(app) = self.apps.iter_mut().find(|app| app.client_id == client_id) else {
            return authorization.to_owned();
        };
        for scope in authorization.split(' ') {
            if !app.scopes.iter().any(|held| held == scope) {
                app.scopes.push(scope.to_owned());
            }
        }
        app.scopes.join(" ")
    }

    fn token_response(&self, pair: &TokenPair) -> StandInResponse {
        let mut body = json!({
            "access_token": pair.access, "expires_in": self.tokens.lifetimes.access, "token_type": "Bearer",
            "scope": pair.scope,
        });
        if let Some(refresh) = &pair.refresh {
            body["refresh_token"] = json!(refresh);
        }
        StandInResponse::json(&body).header("cache-control", "no-store")
    }
}

impl OAuthError {
    fn answer(&self) -> StandInResponse {
        StandInResponse::json(&json!({"error": self.0})).status(400)
    }
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn value<'f>(form: &'f [(String, String)], key: &str) -> Option<&'f str> {
    form.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
