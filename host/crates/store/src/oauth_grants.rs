//! OAuth grants: the tokens of a connection, and which process refreshes them.
//!
//! Before a process sends a refresh token, it stores that it holds the grant. Only the holder may replace the tokens,
//! because a second use of a refresh token can revoke the grant (RFC 9700 §4.14). While the holder waits for the response,
//! it increments a heartbeat. If the heartbeat stops, another process takes over.

use jackfield_core::{
    Secret,
    manifest::{BoundSecret, Destinations},
};
use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use super::{
    MAX_COUNTER, Store, StoreError, database::transaction::WriteTransaction, to_optional_timestamp, to_timestamp,
};

pub(super) const TABLE: &str = "grants";

const ACCESS: &str = "access_token";
const REFRESH: &str = "refresh_token";

/// The error for a grant with values that cannot be read.
const EDITED: StoreError = StoreError::Edited("OAuth grant", "connect again");

/// The tokens that a token endpoint has issued.
#[derive(Clone, Debug)]
pub struct OAuthTokens {
    pub access: Secret<String>,
    /// Absent if the provider issues no refresh token.
    pub refresh: Option<Secret<String>>,
    pub expires_at: Option<Timestamp>,
}

/// A stored grant with its opened tokens.
#[derive(Clone, Debug)]
pub struct OAuthGrant {
    pub connection_id: String,
    /// Incremented with each new pair of tokens.
    pub generation: i64,
    pub tokens: OAuthTokens,
    /// The destinations for which a person connected. New tokens of the grant are bound to them too.
    pub entered_for: Destinations,
    /// When the tokens were issued.
    pub issued_at: Timestamp,
    /// When a refresh was requested whose response has not been stored.
    ///
    /// It is still running, or the response was lost.
    pub refresh_requested_at: Option<Timestamp>,
    pub holder: Option<RefreshHolder>,
}

impl OAuthGrant {
    /// Returns the generation of the tokens that replace these. A number that somebody edited starts again.
    #[must_use]
    pub fn next_generation(&self) -> i64 {
        if self.generation < MAX_COUNTER { self.generation.saturating_add(1) } else { 1 }
    }
}

/// The process that refreshes a grant, and its last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshHolder {
    pub host: String,
    pub run: String,
    pub heartbeat: i64,
}

/// One run of the service on a host, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRun {
    pub host: String,
    pub run: String,
}

/// Whether the token endpoint responded to a refresh request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshResponse {
    /// It responded, or the request was never sent.
    Received,
    /// No response arrived, so the provider may have replaced the tokens.
    Lost,
}

impl Store {
    /// Returns the grant of a provider's connection with its opened tokens, so that they can be sent to these
    /// destinations.
    ///
    /// # Errors
    /// [`StoreError::NotEnteredFor`], the store is sealed, a token cannot be opened, or the database fails.
    pub async fn oauth_grant(
        &self,
        connection_id: &str,
        provider: &str,
        destinations: &Destinations,
    ) -> Result<Option<OAuthGrant>, StoreError> {
        let row = sqlx::query(
            "select connection_id, generation, expires_at, given_at, asked_at, holder_host, holder_run, beat \
             from grants where connection_id = $1",
        )
        .bind(connection_id.to_owned())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if !self.check_connection_row(connection_id, provider).await? {
            return Ok(None);
        }
        let mut secrets = self.open_sealed(TABLE, connection_id).await?;
        let access = secrets.remove(ACCESS).ok_or(StoreError::Unreadable)?;
        let release =
            |secret: &BoundSecret| secret.release_for(destinations).cloned().map_err(StoreError::NotEnteredFor);
        let expires_at = row.try_get("expires_at").map_err(StoreError::from).and_then(to_optional_timestamp);
        let tokens = OAuthTokens {
            access: release(&access)?,
            refresh: secrets.remove(REFRESH).as_ref().map(release).transpose()?,
            expires_at: self.log_unreadable(TABLE, &row, expires_at).ok_or(EDITED)?,
        };
        let grant = parse_row(&row, tokens, access.entered_for().clone());
        self.log_unreadable(TABLE, &row, grant).map(Some).ok_or(EDITED)
    }

    /// Makes this run the holder of a grant. `dead` is a previous holder to take over from.
    ///
    /// Returns `false` if another run holds the grant or has already replaced its tokens.
    pub async fn begin_refresh(
        &self,
        grant: &OAuthGrant,
        dead: Option<&RefreshHolder>,
        run: &ServiceRun,
    ) -> Result<bool, StoreError> {
        let (host, dead_run, heartbeat) = match dead {
            Some(dead) => (Some(dead.host.clone()), Some(dead.run.clone()), dead.heartbeat),
            None => (None, None, 0),
        };
        let mut transaction = self.begin().await?;
        let claimed = sqlx::query(
            "update grants set holder_host = $1, holder_run = $2, beat = case when beat < $9 then beat + 1 else 1 end, \
             asked_at = coalesce(asked_at, $3) where connection_id = $4 and generation = $5 \
             and (holder_run is null or (holder_host = $6 and holder_run = $7 and beat = $8))",
        )
        .bind(run.host.clone())
        .bind(run.run.clone())
        .bind(self.now())
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(host)
        .bind(dead_run)
        .bind(heartbeat)
        .bind(MAX_COUNTER)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Increments the heartbeat of the holder.
    pub async fn record_refresh_heartbeat(&self, grant: &OAuthGrant, run: &ServiceRun) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update grants set beat = case when beat < $4 then beat + 1 else 1 end \
             where connection_id = $1 and generation = $2 and holder_run = $3",
        )
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .bind(MAX_COUNTER)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Replaces the tokens with new ones.
    ///
    /// Returns `false` and changes nothing if this run is not the holder any more.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn finish_refresh(
        &self,
        grant: &OAuthGrant,
        tokens: &OAuthTokens,
        run: &ServiceRun,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let replaced = sqlx::query(
            "update grants set generation = $6, expires_at = $1, given_at = $2, asked_at = null, \
             holder_host = null, holder_run = null where connection_id = $3 and generation = $4 and holder_run = $5",
        )
        .bind(tokens.expires_at.map(|time| time.as_microsecond()))
        .bind(self.now())
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .bind(grant.next_generation())
        .execute(&mut *transaction)
        .await?;
        if replaced.rows_affected() == 0 {
            return Ok(false);
        }
        self.seal_tokens(&mut transaction, &grant.connection_id, tokens, &grant.entered_for).await?;
        sqlx::query("update connections set token_expires_at = $1 where id = $2")
            .bind(tokens.expires_at.map(|time| time.as_microsecond()))
            .bind(grant.connection_id.clone())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends a refresh that returned no new tokens.
    pub async fn abandon_refresh(
        &self,
        grant: &OAuthGrant,
        response: RefreshResponse,
        run: &ServiceRun,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update grants set holder_host = null, holder_run = null, \
             asked_at = case when $1 = 1 then null else asked_at end \
             where connection_id = $2 and generation = $3 and holder_run = $4",
        )
        .bind(i64::from(response == RefreshResponse::Received))
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Stores the grant of a new authorization. A refresh of the previous grant cannot replace it.
    pub(super) async fn save_grant(
        &self,
        transaction: &mut WriteTransaction,
        connection_id: &str,
        tokens: &OAuthTokens,
        entered_for: &Destinations,
    ) -> Result<(), StoreError> {
        sqlx::query(
            // A number that somebody edited starts again.
            "insert into grants (connection_id, generation, expires_at, given_at, beat) values ($1, 1, $2, $3, 0) \
             on conflict (connection_id) do update set \
             generation = case when grants.generation < $4 then grants.generation + 1 else 1 end, \
             expires_at = excluded.expires_at, given_at = excluded.given_at, beat = 0, asked_at = null, \
             holder_host = null, holder_run = null",
        )
        .bind(connection_id.to_owned())
        .bind(tokens.expires_at.map(|time| time.as_microsecond()))
        .bind(self.now())
        .bind(MAX_COUNTER)
        .execute(&mut **transaction)
        .await?;
        self.seal_tokens(transaction, connection_id, tokens, entered_for).await
    }

    async fn seal_tokens(
        &self,
        transaction: &mut WriteTransaction,
        connection_id: &str,
        tokens: &OAuthTokens,
        entered_for: &Destinations,
    ) -> Result<(), StoreError> {
        let bind = |token: &Secret<String>| BoundSecret::new(token.clone(), entered_for.clone());
        let mut secrets = std::collections::BTreeMap::from([(ACCESS.to_owned(), bind(&tokens.access))]);
        secrets.extend(tokens.refresh.as_ref().map(|refresh| (REFRESH.to_owned(), bind(refresh))));
        self.replace_sealed(transaction, TABLE, connection_id, &secrets).await
    }

    /// Lists the providers whose last refresh was interrupted.
    ///
    /// The response was lost, or an earlier run on this host ended while it waited for it.
    pub async fn interrupted_refreshes(&self, run: &ServiceRun) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select c.provider from grants g join connections c on c.id = g.connection_id \
             where g.asked_at is not null and (g.holder_run is null or (g.holder_host = $1 and g.holder_run <> $2))",
        )
        .bind(run.host.clone())
        .bind(run.run.clone())
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable(TABLE, &rows, |row| Ok(row.try_get("provider")?)))
    }

    /// Lists the providers that have a grant, and when its tokens were issued.
    pub async fn oauth_grant_times(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            "select c.provider, g.given_at from grants g join connections c on c.id = g.connection_id order by 1",
        )
        .fetch_all(&self.pool)
        .await?;
        let parse = |row: &AnyRow| Ok((row.try_get("provider")?, to_timestamp(row.try_get("given_at")?)?));
        Ok(self.parse_readable(TABLE, &rows, parse))
    }
}

/// Waits for a refresh that is about to store its tokens, and keeps later ones waiting.
///
/// A transaction that changes a connection and its grant calls this first. The refresh locks the grant and then the
/// connection, so the other order could deadlock.
pub(super) async fn lock_grant(transaction: &mut WriteTransaction, connection: &str) -> Result<(), StoreError> {
    sqlx::query("update grants set beat = beat where connection_id = $1")
        .bind(connection.to_owned())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Deletes the grant of a connection, if there is one.
pub(super) async fn remove_grant(transaction: &mut WriteTransaction, connection: &str) -> Result<(), StoreError> {
    // The row of the grant first: a refresh locks it before it stores its tokens. If one is about to commit, this waits
    // for it, and the next statement also deletes the tokens that it stored.
    sqlx::query("delete from grants where connection_id = $1")
        .bind(connection.to_owned())
        .execute(&mut **transaction)
        .await?;
    super::sealed_values::remove_sealed(transaction, TABLE, connection).await
}

fn parse_row(row: &AnyRow, tokens: OAuthTokens, entered_for: Destinations) -> Result<OAuthGrant, StoreError> {
    let host: Option<String> = row.try_get("holder_host")?;
    let run: Option<String> = row.try_get("holder_run")?;
    let heartbeat: i64 = row.try_get("beat")?;
    Ok(OAuthGrant {
        connection_id: row.try_get("connection_id")?,
        generation: row.try_get("generation")?,
        tokens,
        entered_for,
        issued_at: to_timestamp(row.try_get("given_at")?)?,
        refresh_requested_at: to_optional_timestamp(row.try_get("asked_at")?)?,
        holder: host.zip(run).map(|(host, run)| RefreshHolder { host, run, heartbeat }),
    })
}
