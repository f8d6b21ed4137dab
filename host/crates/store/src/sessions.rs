//! Sessions of people in a browser: begun, found by the hash of their cookie, ended. The same row serves every host.
//!
//! A session that was begun with an API token ends with that token, which each look-up sees for itself.

use jackfield_core::{
    Level, Secret, Session,
    session::{IDLE, WHOLE},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Any, Row, Transaction, any::AnyRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{NewAudit, SigninLink, Store, StoreError, audit::hold_head, random, signin::spend, time};

/// What the cookie of a session holds.
pub type SessionKey = Secret<[u8; 32]>;

/// How often at most the last request is written down, in microseconds.
const BETWEEN_NOTES: i64 = 60 * 1_000_000;

/// Asks for sessions that live at `$1` and were seen after `$2`.
macro_rules! live {
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

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub identity: String,
    pub name: String,
    pub level: Level,
    /// The API token that it is begun with.
    pub token: Option<String>,
    /// What serves for one session alone.
    pub spends: Spends,
    /// The session that it comes in place of.
    pub replaces: Option<String>,
}

/// What is spent by the begin of a session.
#[derive(Clone, Debug)]
pub enum Spends {
    Nothing,
    Link(SigninLink),
    /// The state of a way through an identity provider, which nobody takes any more from this time on.
    State(Secret<String>, Timestamp),
}

impl Store {
    /// Begins a session under a key that was never used, and removes those that are over; none when what it spends was
    /// spent meanwhile.
    ///
    /// # Errors
    /// The database or the system's randomness fails.
    pub async fn begin_session(
        &self,
        new: NewSession,
        audit: NewAudit,
    ) -> Result<Option<(Session, SessionKey)>, StoreError> {
        let key = Secret::new(random()?);
        let now = self.clock.now();
        let session = Session {
            id: Uuid::now_v7().to_string(),
            identity: new.identity,
            name: new.name,
            level: new.level,
            seen_at: now,
            ends_at: now.saturating_add(WHOLE).unwrap_or(Timestamp::MAX),
        };
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        if !spend(&mut transaction, &new.spends, now).await? {
            return Ok(None);
        }
        remove_ended(&mut transaction, now).await?;
        if let Some(id) = new.replaces {
            sqlx::query("delete from sessions where id = $1").bind(id).execute(&mut *transaction).await?;
        }
        sqlx::query(
            "insert into sessions (id, hash, identity, name, level, token_id, began_at, seen_at, ends_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        )
        .bind(session.id.clone())
        .bind(hash(&key))
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

    /// Finds the session of a cookie, if it lives.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        let sought = hash(key);
        let (now, idle_since) = bounds(self.clock.now());
        let found = sqlx::query(live!(" and s.hash = $3"))
            .bind(now)
            .bind(idle_since)
            .bind(sought.clone())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let stored: Vec<u8> = row.try_get("hash")?;
        if !bool::from(stored.as_slice().ct_eq(&sought)) {
            return Ok(None);
        }
        read(&row).map(Some)
    }

    /// Lists the ids of all sessions that live.
    ///
    /// # Errors
    /// The database fails.
    pub async fn live_sessions(&self) -> Result<Vec<String>, StoreError> {
        let (now, idle_since) = bounds(self.clock.now());
        let rows = sqlx::query(live!("")).bind(now).bind(idle_since).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Writes down that the person of a session is there, where the last note of it is older than a minute.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_session(&self, session: &mut Session) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.as_microsecond() - session.seen_at.as_microsecond() < BETWEEN_NOTES {
            return Ok(());
        }
        sqlx::query("update sessions set seen_at = $1 where id = $2 and seen_at < $1")
            .bind(now.as_microsecond())
            .bind(session.id.clone())
            .execute(&self.pool)
            .await?;
        session.seen_at = now;
        Ok(())
    }

    /// Ends a session, at once and on every host.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_session(&self, id: &str, audit: NewAudit) -> Result<(), StoreError> {
        self.end_where("delete from sessions where id = $1", id, audit).await
    }

    /// Ends every session of an identity, at once and on every host.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_sessions_of(&self, identity: &str, audit: NewAudit) -> Result<(), StoreError> {
        self.end_where("delete from sessions where identity = $1", identity, audit).await
    }

    /// Removes what is over: sessions, links and spent states.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_ended_sessions(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        remove_ended(&mut transaction, self.clock.now()).await?;
        Ok(transaction.commit().await?)
    }

    async fn end_where(&self, statement: &'static str, which: &str, audit: NewAudit) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        sqlx::query(statement).bind(which.to_owned()).execute(&mut *transaction).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        Ok(transaction.commit().await?)
    }
}

async fn remove_ended(transaction: &mut Transaction<'static, Any>, now: Timestamp) -> Result<(), StoreError> {
    let (now, idle_since) = bounds(now);
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

/// Now, and since when a session that is idle has ended.
fn bounds(now: Timestamp) -> (i64, i64) {
    let idle_since = now.saturating_sub(IDLE).unwrap_or(Timestamp::MIN);
    (now.as_microsecond(), idle_since.as_microsecond())
}

fn hash(key: &SessionKey) -> Vec<u8> {
    Sha256::digest(key.expose()).to_vec()
}

fn read(row: &AnyRow) -> Result<Session, StoreError> {
    let level: String = row.try_get("level")?;
    Ok(Session {
        id: row.try_get("id")?,
        identity: row.try_get("identity")?,
        name: row.try_get("name")?,
        level: Level::parse(&level).ok_or(StoreError::Corrupt("an access level"))?,
        seen_at: time(row.try_get("seen_at")?)?,
        ends_at: time(row.try_get("ends_at")?)?,
    })
}
