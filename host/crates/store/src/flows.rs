//! OAuth flows: who asked for an authorize URL, for which provider, and what became of it. Each serves once.

use std::collections::BTreeMap;

use jackfield_core::{ProviderId, Secret};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, sealed::remove_sealed, time};

const TABLE: &str = "oauth_flows";

const VERIFIER: &str = "verifier";

/// A flow that is about to begin.
#[derive(Clone, Debug)]
pub struct NewFlow {
    pub id: String,
    pub provider: ProviderId,
    /// The caller's own id, not its name.
    pub caller: String,
    pub state: Secret<String>,
    /// The PKCE verifier.
    pub verifier: Secret<String>,
    pub redirect_uri: String,
    pub expires_at: Timestamp,
}

/// A flow as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub id: String,
    pub provider: String,
    pub caller: String,
    pub redirect_uri: String,
    pub outcome: FlowOutcome,
    /// Why it failed.
    pub reason: Option<String>,
    pub expires_at: Timestamp,
}

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowOutcome {
    /// The person has not come back yet.
    Pending,
    /// Its code is being exchanged.
    Redeeming,
    Succeeded,
    Failed,
}

impl FlowOutcome {
    /// The outcome as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Redeeming => "redeeming",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Store {
    /// Stores a flow with its verifier sealed, and forgets those that ended more than a day ago.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn begin_flow(&self, flow: NewFlow) -> Result<(), StoreError> {
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
        .bind(hash(flow.state.expose()))
        .bind(flow.redirect_uri)
        .bind(now)
        .bind(flow.expires_at.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        let secrets = BTreeMap::from([(VERIFIER.to_owned(), flow.verifier)]);
        self.replace_sealed(&mut transaction, TABLE, &flow.id, &secrets).await?;
        Ok(transaction.commit().await?)
    }

    /// Finds a flow by its id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn flow(&self, id: &str) -> Result<Option<Flow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where id = $1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds a flow by its state.
    ///
    /// # Errors
    /// The database fails.
    pub async fn flow_of_state(&self, state: &str) -> Result<Option<Flow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where state_hash = $1")
            .bind(hash(state))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists the flows of a caller that can still be ended, for one provider.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_flows(&self, provider: &ProviderId, caller: &str) -> Result<Vec<Flow>, StoreError> {
        let rows = sqlx::query(
            "select * from oauth_flows where provider = $1 and caller = $2 and outcome = 'pending' and expires_at > $3",
        )
        .bind(provider.to_string())
        .bind(caller.to_owned())
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Takes a pending flow, so that nobody else can, and opens its verifier; none when it is pending no more.
    ///
    /// # Errors
    /// The store is sealed, the verifier does not open, or the database fails.
    pub async fn take_flow(&self, flow: &Flow) -> Result<Option<Secret<String>>, StoreError> {
        let taken = sqlx::query(
            "update oauth_flows set outcome = 'redeeming' where id = $1 and outcome = 'pending' and expires_at > $2",
        )
        .bind(flow.id.clone())
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        if taken.rows_affected() == 0 {
            return Ok(None);
        }
        let verifier = self.open_sealed(TABLE, &flow.id).await?.remove(VERIFIER);
        verifier.map(Some).ok_or(StoreError::Unreadable)
    }

    /// Writes down what became of a flow, and forgets its verifier. A flow that ended before stays as it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_flow(&self, id: &str, outcome: FlowOutcome, reason: Option<String>) -> Result<(), StoreError> {
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
        Ok(transaction.commit().await?)
    }
}

fn hash(state: &str) -> Vec<u8> {
    Sha256::digest(state.as_bytes()).to_vec()
}

fn read(row: &AnyRow) -> Result<Flow, StoreError> {
    let outcome: String = row.try_get("outcome")?;
    Ok(Flow {
        id: row.try_get("id")?,
        provider: row.try_get("provider")?,
        caller: row.try_get("caller")?,
        redirect_uri: row.try_get("redirect_uri")?,
        outcome: match outcome.as_str() {
            "pending" => FlowOutcome::Pending,
            "redeeming" => FlowOutcome::Redeeming,
            "succeeded" => FlowOutcome::Succeeded,
            _ => FlowOutcome::Failed,
        },
        reason: row.try_get("reason")?,
        expires_at: time(row.try_get("expires_at")?)?,
    })
}
