//! Refreshes a grant in one process at a time, so that a crash loses no token.
//!
//! 1. The intent is in the database before the request is sent. Only the process that wrote it may refresh the grant.
//! 2. The new tokens are stored, encrypted, before the new access token is used. They replace only the tokens that they
//!    were exchanged for, and only while their process still has the claim.
//! 3. If the response is lost, the request is repeated with the same refresh token. Only the provider's `invalid_grant`
//!    ends a grant.

use std::{pin::pin, time::Duration};

use jackfield_core::{
    Error,
    manifest::{Auth, Destinations, OAuth2Grant, RefreshTokens},
    metrics::REFRESHES,
};
use jackfield_egress::TokenErrorResponse;
use jackfield_sandbox::Component;
use jackfield_store::{OAuthGrant, OAuthTokens, RefreshHolder, RefreshResponse};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Inner, RefreshError};
use crate::connections::{
    Connections,
    token_endpoint::{TokenEndpoint, TokenEndpointError},
};

/// How often the process that refreshes a grant increments its heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// How long a heartbeat may stay unchanged before another process takes over the claim.
///
/// It is six intervals long, in case the database hangs for a moment.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a process that waits for another one reads the journal again.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How many times storing new tokens is retried.
///
/// Losing them would end the grant.
const MAX_STORE_RETRIES: u32 = 20;

/// The result of waiting for the right to refresh a grant.
enum RefreshClaim {
    /// This process has the claim.
    Ours(Box<OAuthGrant>),
    /// Another process has refreshed the grant.
    AlreadyRefreshed(Box<OAuthGrant>),
}

/// What the journal says about the process that has the claim.
enum ClaimHolder {
    /// There is none, or it no longer runs. Its claim can be taken over.
    Gone(Option<RefreshHolder>),
    /// It may still run.
    Alive,
}

impl Connections {
    /// Returns a grant that is newer than generation `used`.
    ///
    /// It is refreshed by this process or another one.
    pub(super) async fn refresh_across_processes(
        &self,
        component: &Component,
        connection_id: &str,
        used: i64,
    ) -> Result<OAuthGrant, RefreshError> {
        let Auth::OAuth2(oauth2) = &component.manifest.auth else {
            return Err(RefreshError::Internal("the plugin does not declare an OAuth grant".to_owned()));
        };
        let provider = component.manifest.id.as_str();
        let destinations = component.manifest.grant_destinations();
        loop {
            let grant = match self.claim_refresh(provider, connection_id, &destinations, used).await? {
                RefreshClaim::AlreadyRefreshed(grant) => return Ok(*grant),
                RefreshClaim::Ours(grant) => grant,
            };
            if let Some(newer) = self.exchange_refresh_token(provider, oauth2, &grant).await? {
                return Ok(newer);
            }
            // Another process took the claim over, and has replaced the tokens or will.
        }
    }

    /// Waits until this process may refresh the grant, or another process has refreshed it.
    async fn claim_refresh(
        &self,
        provider: &str,
        connection_id: &str,
        destinations: &Destinations,
        used: i64,
    ) -> Result<RefreshClaim, RefreshError> {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let mut last_seen: Option<(RefreshHolder, Instant)> = None;
        loop {
            let grant = journal.oauth_grant(connection_id, provider, destinations).await?;
            let grant = grant.ok_or(RefreshError::NotConnected)?;
            if grant.generation > used {
                return Ok(RefreshClaim::AlreadyRefreshed(Box::new(grant)));
            }
            match self.check_holder(provider, &grant, &mut last_seen) {
                ClaimHolder::Gone(holder) => {
                    if journal.begin_refresh(&grant, holder.as_ref(), run).await? {
                        return Ok(RefreshClaim::Ours(Box::new(grant)));
                    }
                }
                ClaimHolder::Alive => sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Checks whether the process that has the claim still runs.
    ///
    /// It does as long as its heartbeat changes.
    fn check_holder(
        &self,
        provider: &str,
        grant: &OAuthGrant,
        last_seen: &mut Option<(RefreshHolder, Instant)>,
    ) -> ClaimHolder {
        let run = &self.refreshes.0.run;
        let Some(holder) = &grant.holder else { return ClaimHolder::Gone(None) };
        // An earlier run of this host has ended, because this run has locked the data folder.
        if holder.host == run.host && holder.run != run.run {
            return ClaimHolder::Gone(Some(holder.clone()));
        }
        match last_seen {
            Some((seen, since)) if seen == holder => {
                if since.elapsed() < HEARTBEAT_TIMEOUT {
                    return ClaimHolder::Alive;
                }
                tracing::warn!(provider, holder = holder.host, "refresh of another process taken over");
                ClaimHolder::Gone(Some(holder.clone()))
            }
            _ => {
                *last_seen = Some((holder.clone(), Instant::now()));
                ClaimHolder::Alive
            }
        }
    }

    /// Requests new tokens and stores them.
    ///
    /// Returns `None` if this process lost its claim meanwhile.
    async fn exchange_refresh_token(
        &self,
        provider: &str,
        oauth2: &OAuth2Grant,
        grant: &OAuthGrant,
    ) -> Result<Option<OAuthGrant>, RefreshError> {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let abandon = |response| journal.abandon_refresh(grant, response, run);
        let Some(refresh) = &grant.tokens.refresh else {
            abandon(RefreshResponse::Received).await?;
            let why = "its access token has expired, and there is no refresh token";
            return Err(RefreshError::GrantEnded(why.to_owned()));
        };
        let app = match self.find_oauth_app(provider, oauth2).await {
            Ok(app) => app,
            Err(error) => {
                abandon(last_response(grant)).await?;
                return Err(RefreshError::ProviderFailed(error.to_string()));
            }
        };
        let endpoint = TokenEndpoint::new(self, provider, oauth2, &app);
        let response = self.with_heartbeat(grant, endpoint.refresh(refresh)).await;
        metrics::counter!(
            REFRESHES.name, "provider" => provider.to_owned(),
            "outcome" => if response.is_ok() { "ok" } else { "failed" }
        )
        .increment(1);
        match response {
            Ok(tokens) => self.with_heartbeat(grant, self.store_tokens(grant, &tokens)).await,
            Err(TokenEndpointError::Rejected(response)) => {
                abandon(RefreshResponse::Received).await?;
                Err(to_refresh_error(response, grant, oauth2))
            }
            Err(TokenEndpointError::NotSent(error)) => {
                abandon(last_response(grant)).await?;
                Err(RefreshError::ProviderFailed(error.to_string()))
            }
            Err(TokenEndpointError::NoResponse(error)) => {
                abandon(RefreshResponse::Lost).await?;
                Err(match error {
                    Error::ProviderTimeout => RefreshError::TimedOut,
                    other => RefreshError::ProviderFailed(other.to_string()),
                })
            }
        }
    }

    /// Stores new tokens, and retries while the database fails.
    ///
    /// Returns `None` if this process lost its claim.
    async fn store_tokens(&self, grant: &OAuthGrant, tokens: &OAuthTokens) -> Result<Option<OAuthGrant>, RefreshError> {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let mut retries = 0;
        loop {
            match journal.finish_refresh(grant, tokens, run).await {
                Ok(false) => return Ok(None),
                Ok(true) => break,
                Err(error) if retries < MAX_STORE_RETRIES => {
                    tracing::warn!(%error, "new tokens not stored yet");
                    retries += 1;
                    sleep(HEARTBEAT).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(OAuthGrant {
            generation: grant.next_generation(),
            tokens: tokens.clone(),
            entered_for: grant.entered_for.clone(),
            issued_at: self.clock.now(),
            refresh_requested_at: None,
            holder: None,
            connection_id: grant.connection_id.clone(),
        }))
    }

    /// Runs `work` and increments the heartbeat meanwhile.
    ///
    /// Other processes then see that this one still runs.
    async fn with_heartbeat<T>(&self, grant: &OAuthGrant, work: impl Future<Output = T>) -> T {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let mut beats = interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.tick().await;
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beats.tick() => {
                    if let Err(error) = journal.record_refresh_heartbeat(grant, run).await {
                        tracing::debug!(%error, "heartbeat not written");
                    }
                }
            }
        }
    }
}

/// Returns what the journal says about the previous request, after a request that was not sent.
fn last_response(grant: &OAuthGrant) -> RefreshResponse {
    if grant.refresh_requested_at.is_some() { RefreshResponse::Lost } else { RefreshResponse::Received }
}

fn to_refresh_error(response: TokenErrorResponse, grant: &OAuthGrant, oauth2: &OAuth2Grant) -> RefreshError {
    match (response.status, response.error.as_deref()) {
        (429, _) => RefreshError::RateLimited,
        // The only error code that says that the grant has ended (RFC 6749 §5.2).
        (_, Some("invalid_grant")) => RefreshError::GrantEnded(describe_end(grant, oauth2)),
        _ => RefreshError::ProviderFailed(format!(
            "its token endpoint rejects the OAuth app: {}",
            TokenEndpointError::Rejected(response)
        )),
    }
}

/// Says why a grant has ended, and whether a lost response may be the cause.
fn describe_end(grant: &OAuthGrant, oauth2: &OAuth2Grant) -> String {
    let cause = match (grant.refresh_requested_at, oauth2.refresh) {
        (Some(at), RefreshTokens::Rotating(Some(seconds))) => format!(
            " (the response to a refresh at {at} was lost; the provider accepts the previous refresh token for \
             {seconds} s after that)"
        ),
        (Some(at), RefreshTokens::Rotating(None)) => format!(
            " (the response to a refresh at {at} was lost, and the provider does not say that it accepts the previous \
             refresh token again)"
        ),
        _ => String::new(),
    };
    format!("invalid_grant{cause}")
}
