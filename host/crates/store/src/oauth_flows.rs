//! OAuth flows: who requested an authorization URL, and how the flow ended.
//!
//! Each flow can be redeemed once.

use std::collections::BTreeMap;

use jackfield_core::{ProviderId, Secret};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, sealed_values::remove_sealed, to_timestamp};

const TABLE: &str = "oauth_flows";

const VERIFIER: &str = "verifier";

/// A flow to be stored.
#[derive(Clone, Debug)]
pub struct NewOAuthFlow {
    pub id: String,
    pub provider: ProviderId,
    /// The id of the caller, not its name.
    pub caller: String,
    pub state: Secret<String>,
    /// The PKCE verifier.
    pub verifier: Secret<String>,
    pub redirect_uri: String,
    pub expires_at: Timestamp,
}

/// A stored flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthFlow {
    pub id: String,
    pub provider: String,
    pub caller: String,
    pub redirect_uri: String,
    pub outcome: OAuthFlowOutcome,
    /// Why the flow failed.
    pub reason: Option<String>,
    pub expires_at: Timestamp,
}

/// How far a flow has come, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthFlowOutcome {
    /// The person has not returned from the provider yet.
    Pending,
    /// The authorization code is being exchanged for tokens.
    Redeeming,
    Succeeded,
    Failed,
}

impl OAuthFlowOutcome {
    /// Returns the outcome as it is stored.
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Redeeming => "redeeming",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Store {
    /// Stores a flow and seals its verifier.
    ///
    /// Deletes flows that expired more than a day ago.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn begin_flow(&self, flow: NewOAuthFlow) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let day_ago = now - 24 * 60 * 60 * 1_000_000;
        let old: Vec<String> = sqlx::query_scalar("select id from oauth_flows where expires_at < $1")
            .bind(day_ago)
            .fetch_all(&mut *transaction)
            .await?;
        for id in old {
            remove_sealed(&mut transaction, TABLE, &id).await?;
            sqlx::query("delete from oauth_flows where id = $1").bind(id).execute(&mut *transaction).await?;
        }
        sqlx::query(
            "insert into oauth_flows (id, provider, caller, state_hash, redirect_uri, outcome, created_at, expires_at) \
             values ($1, $2, $3, $4, $5, 'pending', $6, $7)",
        )
        .bind(flow.id.clone())
        .bind(flow.provider.to_string())
        .bind(flow.caller)
        .bind(hash_state(flow.state.expose()))
        .bind(flow.redirect_uri)
        .bind(now)
        .bind(flow.expires_at.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        let secrets = BTreeMap::from([(VERIFIER.to_owned(), flow.verifier)]);
        self.replace_sealed(&mut transaction, TABLE, &flow.id, &secrets).await?;
        transaction.commit().await
    }

    /// Finds a flow by its id.
    pub async fn find_flow(&self, id: &str) -> Result<Option<OAuthFlow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where id = $1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(parse_row).transpose()
    }

    /// Finds a flow by its state.
    pub async fn find_flow_by_state(&self, state: &str) -> Result<Option<OAuthFlow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where state_hash = $1")
            .bind(hash_state(state))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(parse_row).transpose()
    }

    /// Lists the flows of a caller for one provider that are pending and have not expired.
    pub async fn pending_flows(&self, provider: &ProviderId, caller: &str) -> Result<Vec<OAuthFlow>, StoreError> {
        let rows = sqlx::query(
            "select * from oauth_flows where provider = $1 and caller = $2 and outcome = 'pending' and expires_at > $3",
        )
        .bind(provider.to_string())
        .bind(caller.to_owned())
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(parse_row).collect()
    }

    /// Marks a pending flow as being redeemed, and returns its verifier.
    ///
    /// Returns nothing if the flow is not pending any more or has expired.
    ///
    /// # Errors
    /// The store is sealed, the verifier cannot be opened, or the database fails.
    pub async fn claim_flow(&self, flow: &OAuthFlow) -> Result<Option<Secret<String>>, StoreError> {
        // The verifier is read first, so that a failure leaves the flow as it was.
        let verifier = self.open_sealed(TABLE, &flow.id).await?.remove(VERIFIER);
        let mut transaction = self.begin().await?;
        let claimed = sqlx::query(
            "update oauth_flows set outcome = 'redeeming' where id = $1 and outcome = 'pending' and expires_at > $2",
        )
        .bind(flow.id.clone())
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        verifier.map(Some).ok_or(StoreError::Unreadable)
    }

    /// Stores how a flow ended, and deletes its verifier.
    ///
    /// A flow that has already ended is not changed.
    pub async fn end_flow(
        &self,
        id: &str,
        outcome: OAuthFlowOutcome,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update oauth_flows set outcome = $1, reason = $2 where id = $3 and outcome in ('pending', 'redeeming')",
        )
        .bind(outcome.as_str())
        .bind(reason)
        .bind(id.to_owned())
        .execute(&mut *transaction)
        .await?;
        remove_sealed(&mut transaction, TABLE, id).await?;
        transaction.commit().await
    }
}

fn hash_state(state: &str) -> Vec<u8> {
    Sha256::digest(state.as_bytes()).to_vec()
}

fn parse_row(row: &AnyRow) -> Result<OAuthFlow, StoreError> {
    let outcome: String = row.try_get("outcome")?;
    Ok(OAuthFlow {
        id: row.try_get("id")?,
        provider: row.try_get("provider")?,
        caller: row.try_get("caller")?,
        redirect_uri: row.try_get("redirect_uri")?,
        outcome: match outcome.as_str() {
            "pending" => OAuthFlowOutcome::Pending,
            "redeeming" => OAuthFlowOutcome::Redeeming,
            "succeeded" => OAuthFlowOutcome::Succeeded,
            _ => OAuthFlowOutcome::Failed,
        },
        reason: row.try_get("reason")?,
        expires_at: to_timestamp(row.try_get("expires_at")?)?,
    })
}
