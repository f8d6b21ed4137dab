//! OAuth grants: the pair of tokens behind a connection, and the journal of its refreshes.
//!
//! Whoever refreshes first writes down that it does (RFC 9700 §4.14 makes a lost answer dear), and then alone may
//! replace the pair. A holder that dies stops counting; who sees the count stand still takes its place.

use jackfield_core::{Connection, Secret};
use jiff::Timestamp;
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Store, StoreError, optional_time, time};

pub(super) const TABLE: &str = "grants";

const ACCESS: &str = "access_token";
const REFRESH: &str = "refresh_token";

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: Secret<String>,
    /// None where the provider gives none.
    pub refresh: Option<Secret<String>>,
    pub expires_at: Option<Timestamp>,
}

/// A stored grant, its tokens open.
#[derive(Clone, Debug)]
pub struct Grant {
    pub connection_id: String,
    pub generation: i64,
    pub tokens: Tokens,
    pub given_at: Timestamp,
    /// When a refresh was asked for whose answer is not there, whether it is awaited or was lost.
    pub asked_at: Option<Timestamp>,
    pub holder: Option<Holder>,
}

/// Who refreshes a grant, and how far it has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub host: String,
    pub run: String,
    pub beat: i64,
}

/// This process, as it signs the journal: the data folder's host, and this run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub host: String,
    pub run: String,
}

/// What became of a refresh request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The token endpoint gave a definite answer.
    Answered,
    /// There was no answer, so the pair may have been replaced there.
    Lost,
}

impl Store {
    /// Opens the grant behind a connection.
    ///
    /// # Errors
    /// The store is sealed, a token does not open, or the database fails.
    pub async fn grant(&self, connection_id: &str) -> Result<Option<Grant>, StoreError> {
        let row = sqlx::query(
            "select connection_id, generation, expires_at, given_at, asked_at, holder_host, holder_run, beat \
             from grants where connection_id = $1",
        )
        .bind(connection_id.to_owned())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut secrets = self.open_sealed(TABLE, connection_id).await?;
        let access = secrets.remove(ACCESS).ok_or(StoreError::Unreadable)?;
        let tokens =
            Tokens { access, refresh: secrets.remove(REFRESH), expires_at: optional_time(row.try_get("expires_at")?)? };
        read(&row, tokens).map(Some)
    }

    /// Writes down that this run is about to refresh a pair, and takes the place of `dead` where one is named.
    ///
    /// False when somebody else holds the pair or has replaced it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin_refresh(&self, grant: &Grant, dead: Option<&Holder>, run: &Run) -> Result<bool, StoreError> {
        let (host, dead_run, beat) = match dead {
            Some(dead) => (Some(dead.host.clone()), Some(dead.run.clone()), dead.beat),
            None => (None, None, 0),
        };
        let taken = sqlx::query(
            "update grants set holder_host = $1, holder_run = $2, beat = beat + 1, asked_at = coalesce(asked_at, $3) \
             where connection_id = $4 and generation = $5 \
             and (holder_run is null or (holder_host = $6 and holder_run = $7 and beat = $8))",
        )
        .bind(run.host.clone())
        .bind(run.run.clone())
        .bind(self.now())
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(host)
        .bind(dead_run)
        .bind(beat)
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Counts on, so that others see that this run still waits for the answer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn still_refreshing(&self, grant: &Grant, run: &Run) -> Result<(), StoreError> {
        sqlx::query(
            "update grants set beat = beat + 1 where connection_id = $1 and generation = $2 and holder_run = $3",
        )
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Replaces a pair by a new one; false when this run no longer holds it, and then nothing is changed.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn finish_refresh(&self, grant: &Grant, tokens: &Tokens, run: &Run) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let replaced = sqlx::query(
            "update grants set generation = generation + 1, expires_at = $1, given_at = $2, asked_at = null, \
             holder_host = null, holder_run = null where connection_id = $3 and generation = $4 and holder_run = $5",
        )
        .bind(tokens.expires_at.map(|time| time.as_microsecond()))
        .bind(self.now())
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .execute(&mut *transaction)
        .await?;
        if replaced.rows_affected() == 0 {
            return Ok(false);
        }
        self.seal_tokens(&mut transaction, &grant.connection_id, tokens).await?;
        sqlx::query("update connections set token_expires_at = $1 where id = $2")
            .bind(tokens.expires_at.map(|time| time.as_microsecond()))
            .bind(grant.connection_id.clone())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a pair up that was not replaced, with or without a definite answer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn give_up_refresh(&self, grant: &Grant, asked: Asked, run: &Run) -> Result<(), StoreError> {
        sqlx::query(
            "update grants set holder_host = null, holder_run = null, \
             asked_at = case when $1 = 1 then null else asked_at end \
             where connection_id = $2 and generation = $3 and holder_run = $4",
        )
        .bind(i64::from(asked == Asked::Answered))
        .bind(grant.connection_id.clone())
        .bind(grant.generation)
        .bind(run.run.clone())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stores a fresh grant with its connection; whoever refreshes the former pair can no longer replace it.
    pub(super) async fn put_grant(
        &self,
        transaction: &mut Transaction<'static, Any>,
        connection_id: &str,
        tokens: &Tokens,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into grants (connection_id, generation, expires_at, given_at, beat) values ($1, 1, $2, $3, 0) \
             on conflict (connection_id) do update set generation = grants.generation + 1, \
             expires_at = excluded.expires_at, given_at = excluded.given_at, asked_at = null, holder_host = null, \
             holder_run = null",
        )
        .bind(connection_id.to_owned())
        .bind(tokens.expires_at.map(|time| time.as_microsecond()))
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        self.seal_tokens(transaction, connection_id, tokens).await
    }

    async fn seal_tokens(
        &self,
        transaction: &mut Transaction<'static, Any>,
        connection_id: &str,
        tokens: &Tokens,
    ) -> Result<(), StoreError> {
        let mut secrets = std::collections::BTreeMap::from([(ACCESS.to_owned(), tokens.access.clone())]);
        secrets.extend(tokens.refresh.clone().map(|refresh| (REFRESH.to_owned(), refresh)));
        self.replace_sealed(transaction, TABLE, connection_id, &secrets).await
    }

    /// The connections whose grants want a refresh of their own accord: those that a run of this host left open, and
    /// those whose pair is older than their provider's half of an idle life, which `stale` says for each provider.
    ///
    /// # Errors
    /// The database fails.
    pub async fn grants_left_open(&self, run: &Run) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select c.provider from grants g join connections c on c.id = g.connection_id \
             where g.asked_at is not null and (g.holder_run is null or (g.holder_host = $1 and g.holder_run <> $2))",
        )
        .bind(run.host.clone())
        .bind(run.run.clone())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("provider")?)).collect()
    }

    /// Every connection that has a grant, with the time at which its pair was given.
    ///
    /// # Errors
    /// The database fails.
    pub async fn grants_given(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            "select c.provider, g.given_at from grants g join connections c on c.id = g.connection_id order by 1",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("provider")?, time(row.try_get("given_at")?)?))).collect()
    }
}

/// Removes the grant of a connection that goes, or whose credential is no longer one.
pub(super) async fn remove_grant(
    transaction: &mut Transaction<'static, Any>,
    connection: &str,
) -> Result<(), StoreError> {
    super::sealed::remove_sealed(transaction, TABLE, connection).await?;
    sqlx::query("delete from grants where connection_id = $1")
        .bind(connection.to_owned())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

impl Grant {
    /// Whether this is the grant of a connection.
    #[must_use]
    pub fn is_of(&self, connection: &Connection) -> bool {
        self.connection_id == connection.id
    }
}

fn read(row: &AnyRow, tokens: Tokens) -> Result<Grant, StoreError> {
    let host: Option<String> = row.try_get("holder_host")?;
    let run: Option<String> = row.try_get("holder_run")?;
    let beat: i64 = row.try_get("beat")?;
    Ok(Grant {
        connection_id: row.try_get("connection_id")?,
        generation: row.try_get("generation")?,
        tokens,
        given_at: time(row.try_get("given_at")?)?,
        asked_at: optional_time(row.try_get("asked_at")?)?,
        holder: host.zip(run).map(|(host, run)| Holder { host, run, beat }),
    })
}
