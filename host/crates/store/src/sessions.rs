//! Browser sessions, found by the hash of their cookie. All hosts share them.
//!
//! A session that was started with an API token ends with the token. Each row has a MAC; see
//! [`row_macs`](super::row_macs). A session that begins while the store is sealed has none, and ends with the next
//! start.

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
    row_macs::{MacColumns, MacTable},
    signin_links::{SingleUseProof, use_up},
    to_timestamp,
};

/// The secret in the cookie of a session.
pub type SessionKey = Secret<[u8; 32]>;

/// The minimum time between two updates of `seen_at`, in microseconds.
const SEEN_INTERVAL: i64 = 60 * 1_000_000;

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
        let row = SessionRow {
            id: Uuid::now_v7().to_string(),
            hash: hash_key(&key),
            identity: new.identity,
            name: new.name,
            level: new.level.as_str().to_owned(),
            token_id: new.token,
            began_at: now.as_microsecond(),
            seen_at: now.as_microsecond(),
            ends_at: now.saturating_add(MAX_LIFETIME).unwrap_or(Timestamp::MAX).as_microsecond(),
        };
        let (session, mac) = (row.to_session()?, self.compute_row_mac_if_unsealed(&row.mac_columns()));
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
            "insert into sessions (id, hash, identity, name, level, token_id, began_at, seen_at, ends_at, mac) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(row.id)
        .bind(row.hash)
        .bind(row.identity)
        .bind(row.name)
        .bind(row.level)
        .bind(row.token_id)
        .bind(row.began_at)
        .bind(row.seen_at)
        .bind(row.ends_at)
        .bind(mac)
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
        let found =
            sqlx::query("select * from sessions where hash = $1").bind(hash.clone()).fetch_optional(&self.pool).await?;
        let Some(found) = found else { return Ok(None) };
        let Some((row, mac)) = self.parse_with_mac(MacTable::Sessions, &found, SessionRow::from_row) else {
            return Ok(None);
        };
        let is_the_one = bool::from(row.hash.as_slice().ct_eq(&hash));
        if !is_the_one || !self.is_session_active(&row, mac).await? {
            return Ok(None);
        }
        Ok(self.log_unreadable(MacTable::Sessions.as_str(), &found, row.to_session()))
    }

    /// Returns whether a session is genuine and has not ended, and neither has the token that started it.
    async fn is_session_active(&self, row: &SessionRow, mac: Option<Vec<u8>>) -> Result<bool, StoreError> {
        let (now, idle_since) = expiry_bounds(self.clock.now());
        // An ended session grants nothing, so its row is not reported.
        let has_ended = row.ends_at <= now || row.seen_at <= idle_since;
        if has_ended || !self.is_genuine(&row.mac_columns(), mac.as_deref()) {
            return Ok(false);
        }
        match &row.token_id {
            Some(token) => self.is_token_usable(token).await,
            None => Ok(true),
        }
    }

    /// Updates when the session was last seen, at most once a minute.
    ///
    /// A sealed store cannot authenticate the new time, so it only updates sessions that began while it was sealed.
    pub async fn record_session_activity(&self, session: &mut Session) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.as_microsecond().saturating_sub(session.seen_at.as_microsecond()) < SEEN_INTERVAL {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let found = sqlx::query("select * from sessions where id = $1")
            .bind(session.id.clone())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(found) = found else { return Ok(()) };
        let Some((mut row, mac)) = self.parse_with_mac(MacTable::Sessions, &found, SessionRow::from_row) else {
            return Ok(());
        };
        let is_authenticated = self.sealed_reason().is_none();
        if is_authenticated != mac.is_some() || !self.is_genuine(&row.mac_columns(), mac.as_deref()) {
            return Ok(());
        }
        let before = row.seen_at;
        row.seen_at = now.as_microsecond().max(before);
        sqlx::query("update sessions set seen_at = $1, mac = $2 where id = $3 and seen_at = $4")
            .bind(row.seen_at)
            .bind(self.compute_row_mac_if_unsealed(&row.mac_columns()))
            .bind(row.id)
            .bind(before)
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
        let mut ids = Vec::new();
        for found in sqlx::query("select * from sessions").fetch_all(&self.pool).await? {
            let parsed = self.parse_with_mac(MacTable::Sessions, &found, SessionRow::from_row);
            let Some((row, mac)) = parsed else { continue };
            if self.is_session_active(&row, mac).await? {
                ids.push(row.id);
            }
        }
        Ok(ids)
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

/// A row of the table.
pub(super) struct SessionRow {
    pub(super) id: String,
    hash: Vec<u8>,
    identity: String,
    name: String,
    level: String,
    token_id: Option<String>,
    began_at: i64,
    seen_at: i64,
    ends_at: i64,
}

impl SessionRow {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            hash: row.try_get("hash")?,
            identity: row.try_get("identity")?,
            name: row.try_get("name")?,
            level: row.try_get("level")?,
            token_id: row.try_get("token_id")?,
            began_at: row.try_get("began_at")?,
            seen_at: row.try_get("seen_at")?,
            ends_at: row.try_get("ends_at")?,
        })
    }

    pub(super) fn mac_columns(&self) -> MacColumns {
        MacColumns::new(MacTable::Sessions, &self.id)
            .text(&self.id)
            .bytes(&self.hash)
            .text(&self.identity)
            .text(&self.name)
            .text(&self.level)
            .optional_text(self.token_id.as_deref())
            .number(self.began_at)
            .number(self.seen_at)
            .number(self.ends_at)
    }

    fn to_session(&self) -> Result<Session, StoreError> {
        Ok(Session {
            id: self.id.clone(),
            identity: self.identity.clone(),
            name: self.name.clone(),
            level: Level::parse(&self.level).ok_or(StoreError::Corrupt("an access level"))?,
            seen_at: to_timestamp(self.seen_at)?,
            ends_at: to_timestamp(self.ends_at)?,
        })
    }
}
