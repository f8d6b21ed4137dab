//! Access and refresh tokens: their lifetimes, and the rotation of refresh tokens.

use super::random;

/// A refresh token that was sent to the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshAttempt {
    /// The token.
    pub token: String,
    /// Its position among all issued refresh tokens, from 1; 0 if it was never issued.
    pub number: usize,
    /// Whether it was accepted.
    pub accepted: bool,
}

/// Lifetimes in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) code: i64,
    pub(super) access: i64,
    pub(super) refresh: i64,
    pub(super) grace: i64,
}

/// All tokens ever issued.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) lifetimes: Lifetimes,
    pub(super) refreshes: Vec<RefreshAttempt>,
    access: Vec<AccessToken>,
    refresh: Vec<RefreshToken>,
}

#[derive(Debug)]
struct AccessToken {
    token: String,
    client_id: String,
    scope: String,
    expires: i64,
    is_revoked: bool,
}

#[derive(Debug)]
struct RefreshToken {
    token: String,
    client_id: String,
    scope: String,
    /// Its grant: all tokens that came from one code.
    grant: usize,
    issued: i64,
    first_used: Option<i64>,
    is_revoked: bool,
}

/// A pair of new tokens.
#[derive(Debug)]
pub(super) struct TokenPair {
    pub(super) access: String,
    /// Only with the scope `offline_access`.
    pub(super) refresh: Option<String>,
    pub(super) scope: String,
}

/// Why an access token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenRejection {
    Expired(i64),
    Unknown,
}

impl Tokens {
    /// Issues the tokens of a new grant.
    pub(super) fn issue(&mut self, client_id: &str, scope: &str, now: i64) -> TokenPair {
        let grant = self.refresh.len();
        self.pair(client_id, scope, grant, now)
    }

    /// Exchanges a refresh token for new tokens if it is valid, and records the attempt.
    pub(super) fn renew(&mut self, client_id: &str, token: &str, now: i64) -> Option<TokenPair> {
        let found = self.refresh.iter().position(|refresh| refresh.token == token);
        let taken = found.filter(|&at| self.refresh[at].client_id == client_id && self.refreshes_now(at, now));
        let number = found.map_or(0, |at| at + 1);
        self.refreshes.push(RefreshAttempt { token: token.to_owned(), number, accepted: taken.is_some() });
        let refresh = &mut self.refresh[taken?];
        refresh.first_used.get_or_insert(now);
        let (scope, grant) = (refresh.scope.clone(), refresh.grant);
        Some(self.pair(client_id, &scope, grant, now))
    }

    /// Returns the app and the scope of a valid access token.
    pub(super) fn scope(&self, token: &str, now: i64) -> Result<(&str, &str), TokenRejection> {
        let access = self.access.iter().find(|access| access.token == token && !access.is_revoked);
        let access = access.ok_or(TokenRejection::Unknown)?;
        if access.expires <= now {
            Err(TokenRejection::Expired(access.expires))
        } else {
            Ok((&access.client_id, &access.scope))
        }
    }

    /// Revokes every token of an app.
    pub(super) fn revoke(&mut self, client_id: &str) {
        let of_app = |id: &String| id == client_id;
        self.access.iter_mut().filter(|access| of_app(&access.client_id)).for_each(|access| access.is_revoked = true);
        let refresh = self.refresh.iter_mut().filter(|refresh| of_app(&refresh.client_id));
        refresh.for_each(|refresh| refresh.is_revoked = true);
    }

    /// Returns whether a refresh token was issued to an app, valid or not.
    pub(super) fn was_issued(&self, client_id: &str, token: &str) -> bool {
        self.refresh.iter().any(|refresh| refresh.token == token && refresh.client_id == client_id)
    }

    pub(super) fn is_alive(&self, token: &str, now: i64) -> bool {
        let refresh = self.refresh.iter().position(|refresh| refresh.token == token);
        refresh.map_or_else(|| self.scope(token, now).is_ok(), |at| self.refreshes_now(at, now))
    }

    pub(super) fn access_tokens(&self) -> Vec<String> {
        self.access.iter().map(|access| access.token.clone()).collect()
    }

    pub(super) fn refresh_tokens(&self) -> Vec<String> {
        self.refresh.iter().map(|refresh| refresh.token.clone()).collect()
    }

    /// Returns whether a refresh token is accepted: within its lifetime if unused, within its grace period if used, and
    /// never after a later token was used.
    fn refreshes_now(&self, at: usize, now: i64) -> bool {
        let refresh = &self.refresh[at];
        let good_until = match refresh.first_used {
            None => refresh.issued + self.lifetimes.refresh,
            Some(first_used) => first_used + self.lifetimes.grace,
        };
        let mut later = self.refresh[at + 1..].iter().filter(|later| later.grant == refresh.grant);
        !refresh.is_revoked && now < good_until && !later.any(|later| later.first_used.is_some())
    }

    fn pair(&mut self, client_id: &str, scope: &str, grant: usize, now: i64) -> TokenPair {
        // Looks like a JSON Web Token; clients must not parse it.
        let access = format!("eyJhbGciOiJSUzI1NiJ9.{}.{}", random(), random());
        self.access.push(AccessToken {
            token: access.clone(),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            expires: now + self.lifetimes.access,
            is_revoked: false,
        });
        let refresh = scope.split(' ').any(|scope| scope == "offline_access").then(random);
        if let Some(token) = &refresh {
            self.refresh.push(RefreshToken {
                token: token.clone(),
                client_id: client_id.to_owned(),
                scope: scope.to_owned(),
                grant,
                issued: now,
                first_used: None,
                is_revoked: false,
            });
        }
        TokenPair { access, refresh, scope: scope.to_owned() }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        let lifetimes = Lifetimes { code: 300, access: 30 * 60, refresh: 60 * 24 * 60 * 60, grace: 30 * 60 };
        Self { lifetimes, refreshes: Vec::new(), access: Vec::new(), refresh: Vec::new() }
    }
}
