//! Reviews how a connection gets its credential.

use jackfield_core::manifest::{Auth, FieldKind, OAuth2Grant, ServiceAccountGrant};

use super::Review;

/// The parameters of the authorize URL that OAuth defines, and that the host sends.
const OAUTH_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
];

impl Review<'_> {
    pub(super) fn auth(&mut self) {
        match &self.manifest.auth {
            Auth::Fields => {}
            Auth::OAuth2(grant) => self.oauth2(grant),
            Auth::ServiceAccount(grant) => self.service_account(grant),
        }
    }

    fn oauth2(&mut self, grant: &OAuth2Grant) {
        self.url("its authorize URL", &grant.authorize_url);
        self.url("its token URL", &grant.token_url);
        if let Some(url) = &grant.revocation_url {
            self.url("its revocation URL", url);
        }
        for (name, _) in &grant.authorize_parameters {
            if OAUTH_PARAMETERS.contains(&name.as_str()) {
                self.add(
                    format!("the authorize parameter `{name}` is reserved for the host"),
                    "remove it; the host sends this parameter itself",
                );
            }
        }
        self.scopes(&grant.scopes);
    }

    fn service_account(&mut self, grant: &ServiceAccountGrant) {
        self.url("its token URL", &grant.token_url);
        let is_secret_json =
            self.manifest.field(&grant.field).is_some_and(|field| field.secret && field.kind == FieldKind::Json);
        if !is_secret_json {
            self.add(
                format!("the key of its service account, `{}`, is not a secret field of kind `json`", grant.field),
                "declare a secret field of that name and of kind `json`",
            );
        }
    }

    pub(super) fn scopes(&mut self, scopes: &[String]) {
        if scopes.len() > 64 || !scopes.iter().all(|scope| is_scope(scope)) {
            self.add(
                "a scope is not valid (RFC 6749 §3.3), or there are more than 64",
                "list each scope as its own element, without spaces",
            );
        }
    }
}

/// Returns whether a text is a `scope-token` = 1*( %x21 / %x23-5B / %x5D-7E ) of RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
