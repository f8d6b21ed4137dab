//! Browser sessions, found by the hash of their cookie. All hosts share them.
//!
//! A session that was started with an API token ends with the token.

use jackfield_core::{
    Level, Secret, Session,
    session::{IDLE_TIMEOUT, MAX_LIFETIME},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    database::transaction::WriteTransaction,
    generate_random,
    signin_links::{SingleUseProof, use_up},
    to_timestamp,
};

/// The secret in the cookie of a session.
pub type SessionKey = Secret<[u8; 32]>;

/// The minimum time between two updates of `seen_at`, in microseconds.
const SEEN_INTERVAL: i64 = 60 * 1_000_000;

/// Selects the sessions that are active at `$1` and were last seen after `$2`.
macro_rules! select_active {
    ($more:literal) => {
        concat!(
            "select s.id, s.hash, s.identity, s.name, s.level, s.seen_at, s.ends_at \
             from sessions as s left join tokens as t on t.id = s.token_id \
             where s.ends_at > $1 and s.seen_at > $2 and (s.token_id is null or \
             (t.id is not null and t.revoked_at is null and (t.expires_at is null or t.expires_at > $1)))",
            $more
        )
    };
}

/// A session to be created.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub identity: String,
    pub name: String,
    pub level: Level,
    /// The id of the API token that starts the session.
    pub token: Option<String>,
    /// The proof that creating the session uses up.
    pub proof: SingleUseProof,
    /// The id of the session that this one replaces.
    pub replaces: Option<String>,
}

impl Store {
    /// Creates a session with a new random key, and deletes expired sessions.
    ///
    /// Returns nothing if the proof has already been used or has expired.
    pub async fn create_session(
        &self,
        new: NewSession,
        audit: NewAudit,
    ) -> Result<Option<(Session, SessionKey)>, StoreError> {
        let key = Secret::new(generate_random()?);
        let now = self.clock.now();
        let session = Session {
            id: Uuid::now_v7().to_string(),
            identity: new.identity,
            name: new.name,
            level: new.level,
            seen_at: now,
            ends_at: now.saturating_add(MAX_LIFETIME).unwrap_or(Timestamp::MAX),
        };
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        if !use_up(&mut transaction, &new.proof, now).await? {
            return Ok(None);
        }
        delete_expired(&mut transaction, now).await?;
        if let Some(id) = new.replaces {
            sqlx::query("delete from sessions where id = $1").bind(id).execute(&mut *transaction).await?;
        }
        sqlx::query(
            "insert into sessions (id, hash, identity, name, level, token_id, began_at, seen_at, ends_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        )
        .bind(session.id.clone())
        .bind(hash_key(&key))
        .bind(session.identity.clone())
        .bind(session.name.clone())
        .bind(session.level.as_str())
        .bind(new.token)
        .bind(now.as_microsecond())
        .bind(session.ends_at.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(Some((session, key)))
    }

    /// Uses up the `state` of a sign-in through an identity provider. Returns `false` if it was used before.
    pub async fn use_up_oidc_state(&self, state: &Secret<String>, ends_at: Timestamp) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin().await?;
        let proof = SingleUseProof::OidcState(Secret::new(state.expose().clone()), ends_at);
        let is_first = use_up(&mut transaction, &proof, now).await?;
        delete_expired(&mut transaction, now).await?;
        transaction.commit().await?;
        Ok(is_first)
    }

    /// Finds the active session of a cookie.
    pub async fn find_session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        let hash = hash_key(key);
        let (now, idle_since) = expiry_bounds(self.clock.now());
        let found = sqlx::query(select_active!(" and s.hash = $3"))
            .bind(now)
            .bind(idle_since)
            .bind(hash.clone())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let stored: Vec<u8> = row.try_get("hash")?;
        if !bool::from(stored.as_slice().ct_eq(&hash)) {
            return Ok(None);
        }
        parse_row(&row).map(Some)
    }

    /// Updates when the session was last seen, at most once a minute.
    pub async fn record_session_activity(&self, session: &mut Session) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.as_microsecond() - session.seen_at.as_microsecond() < SEEN_INTERVAL {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        sqlx::query("update sessions set seen_at = $1 where id = $2 and seen_at < $1")
            .bind(now.as_microsecond())
            .bind(session.id.clone())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        session.seen_at = now;
        Ok(())
    }

    /// Deletes a session. It ends immediately on every host.
    pub async fn end_session(&self, id: &str, audit: NewAudit) -> Result<(), StoreError> {
        self.delete_where("delete from sessions where id = $1", id, audit).await
    }

    /// Deletes all sessions of an identity. They end immediately on every host.
    pub async fn end_sessions_of(&self, identity: &str, audit: NewAudit) -> Result<(), StoreError> {
        self.delete_where("delete from sessions where identity = $1", identity, audit).await
    }

    /// Deletes expired sessions, sign-in links and states of OpenID Connect.
    pub async fn delete_expired_sessions(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        delete_expired(&mut transaction, self.clock.now()).await?;
        transaction.commit().await
    }

    async fn delete_where(&self, statement: &'static str, value: &str, audit: NewAudit) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query(statement).bind(value.to_owned()).execute(&mut *transaction).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }
}

#[cfg(feature = "testing")]
impl Store {
    /// Lists the ids of all active sessions.
    pub async fn active_session_ids(&self) -> Result<Vec<String>, StoreError> {
        let (now, idle_since) = expiry_bounds(self.clock.now());
        let rows = sqlx::query(select_active!("")).bind(now).bind(idle_since).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }
}

async fn delete_expired(transaction: &mut WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let (now, idle_since) = expiry_bounds(now);
    sqlx::query("delete from sessions where ends_at <= $1 or seen_at <= $2")
        .bind(now)
        .bind(idle_since)
        .execute(&mut **transaction)
        .await?;
    for statement in ["delete from signin_links where ends_at <= $1", "delete from signin_states where ends_at <= $1"] {
        sqlx::query(statement).bind(now).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Returns the current time, and the `seen_at` up to which an idle session has expired.
fn expiry_bounds(now: Timestamp) -> (i64, i64) {
    let idle_since = now.saturating_sub(IDLE_TIMEOUT).unwrap_or(Timestamp::MIN);
    (now.as_microsecond(), idle_since.as_microsecond())
}

fn hash_key(key: &SessionKey) -> Vec<u8> {
    Sha256::digest(key.expose()).to_vec()
}

fn parse_row(row: &AnyRow) -> Result<Session, StoreError> {
    let level: String = row.try_get("level")?;
    Ok(Session {
        id: row.try_get("id")?,
        identity: row.try_get("identity")?,
        name: row.try_get("name")?,
        level: Level::parse(&level).ok_or(StoreError::Corrupt("an access level"))?,
        seen_at: to_timestamp(row.try_get("seen_at")?)?,
        ends_at: to_timestamp(row.try_get("ends_at")?)?,
    })
}
