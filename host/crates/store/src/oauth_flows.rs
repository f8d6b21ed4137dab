//! OAuth flows: who requested an authorization URL, and how the flow ended.
//!
//! Each flow can be redeemed once. Each row has a MAC; see [`row_macs`](super::row_macs).

use std::collections::BTreeMap;

use jackfield_core::{
    ProviderId, Secret,
    manifest::{BoundSecret, Destinations},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use super::{
    Store, StoreError,
    row_macs::{MacColumns, MacTable},
    sealed_values::remove_sealed,
    to_timestamp,
};

pub(super) const TABLE: &str = "oauth_flows";

const VERIFIER: &str = "verifier";

/// A flow to be stored.
#[derive(Clone, Debug)]
pub struct NewOAuthFlow {
    pub id: String,
    pub provider: ProviderId,
    /// The id of the caller, not its name.
    pub caller: String,
    pub state: Secret<String>,
    /// The PKCE verifier, for the token endpoint that the code will be sent to.
    pub verifier: BoundSecret,
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
    state_hash: Vec<u8>,
    created_at: i64,
}

impl OAuthFlow {
    pub(super) fn mac_columns(&self) -> MacColumns {
        MacColumns::new(MacTable::OAuthFlows, &self.id)
            .text(&self.id)
            .text(&self.provider)
            .text(&self.caller)
            .bytes(&self.state_hash)
            .text(&self.redirect_uri)
            .text(self.outcome.as_str())
            .optional_text(self.reason.as_deref())
            .number(self.created_at)
            .number(self.expires_at.as_microsecond())
    }
}

/// The state of a flow.
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
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn begin_flow(&self, flow: NewOAuthFlow) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let row = OAuthFlow {
            id: flow.id,
            provider: flow.provider.to_string(),
            caller: flow.caller,
            redirect_uri: flow.redirect_uri,
            outcome: OAuthFlowOutcome::Pending,
            reason: None,
            expires_at: flow.expires_at,
            state_hash: hash_state(flow.state.expose()),
            created_at: now,
        };
        let mac = self.compute_row_mac(&row.mac_columns())?;
        sqlx::query(
            "insert into oauth_flows (id, provider, caller, state_hash, redirect_uri, outcome, created_at, expires_at, \
             mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.id.clone())
        .bind(row.provider)
        .bind(row.caller)
        .bind(row.state_hash)
        .bind(row.redirect_uri)
        .bind(row.outcome.as_str())
        .bind(row.created_at)
        .bind(row.expires_at.as_microsecond())
        .bind(mac)
        .execute(&mut *transaction)
        .await?;
        let secrets = BTreeMap::from([(VERIFIER.to_owned(), flow.verifier)]);
        self.replace_sealed(&mut transaction, TABLE, &row.id, &secrets).await?;
        transaction.commit().await
    }

    /// Finds a flow by its id.
    pub async fn find_flow(&self, id: &str) -> Result<Option<OAuthFlow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where id = $1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.as_ref().and_then(|row| self.parse_genuine(row)))
    }

    /// Finds a flow by its state.
    pub async fn find_flow_by_state(&self, state: &str) -> Result<Option<OAuthFlow>, StoreError> {
        let row = sqlx::query("select * from oauth_flows where state_hash = $1")
            .bind(hash_state(state))
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.as_ref().and_then(|row| self.parse_genuine(row)))
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
        Ok(rows.iter().filter_map(|row| self.parse_genuine(row)).collect())
    }

    /// Parses a row; nothing if it was edited by hand.
    fn parse_genuine(&self, row: &AnyRow) -> Option<OAuthFlow> {
        let (flow, mac) = self.parse_with_mac(MacTable::OAuthFlows, row, parse_row)?;
        self.is_genuine(&flow.mac_columns(), mac.as_deref()).then_some(flow)
    }

    /// Marks a pending flow as being redeemed, and returns its verifier.
    ///
    /// Returns nothing if the flow is not pending any more or has expired, or was started for another token endpoint.
    ///
    /// # Errors
    /// The store is sealed, the verifier cannot be opened, or the database fails.
    pub async fn claim_flow(
        &self,
        flow: &OAuthFlow,
        token_endpoint: &Destinations,
    ) -> Result<Option<Secret<String>>, StoreError> {
        // The verifier is read first, so that a failure leaves the flow as it was.
        let verifier = self.open_sealed(TABLE, &flow.id).await?.remove(VERIFIER);
        let mut transaction = self.begin().await?;
        let claimed = OAuthFlow { outcome: OAuthFlowOutcome::Redeeming, ..flow.clone() };
        let mac = self.compute_row_mac(&claimed.mac_columns())?;
        let claimed = sqlx::query(
            "update oauth_flows set outcome = $1, mac = $2 where id = $3 and outcome = 'pending' and expires_at > $4",
        )
        .bind(claimed.outcome.as_str())
        .bind(mac)
        .bind(flow.id.clone())
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        let verifier = verifier.ok_or(StoreError::Unreadable)?;
        Ok(verifier.release_for(token_endpoint).ok().cloned())
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
        let found = sqlx::query("select * from oauth_flows where id = $1 and outcome in ('pending', 'redeeming')")
            .bind(id.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(flow) = found.as_ref().and_then(|row| self.parse_genuine(row)) {
            let ended = OAuthFlow { outcome, reason, ..flow };
            sqlx::query(
                "update oauth_flows set outcome = $1, reason = $2, mac = $3 \
                 where id = $4 and outcome in ('pending', 'redeeming')",
            )
            .bind(ended.outcome.as_str())
            .bind(ended.reason.clone())
            .bind(self.compute_row_mac(&ended.mac_columns())?)
            .bind(ended.id)
            .execute(&mut *transaction)
            .await?;
        }
        remove_sealed(&mut transaction, TABLE, id).await?;
        transaction.commit().await
    }
}

fn hash_state(state: &str) -> Vec<u8> {
    Sha256::digest(state.as_bytes()).to_vec()
}

pub(super) fn parse_row(row: &AnyRow) -> Result<OAuthFlow, StoreError> {
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
        state_hash: row.try_get("state_hash")?,
        created_at: row.try_get("created_at")?,
    })
}
