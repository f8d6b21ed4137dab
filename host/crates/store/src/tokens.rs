//! API tokens: made once, kept only as a hash, found by it. The same row serves every host, so a revoke counts at once.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{ApiToken, Level, Secret};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{NewAudit, Store, StoreError, audit::hold_head, optional_time, random, time};

/// What every token starts with, so that scanners and people know one when they see it.
pub const TOKEN_PREFIX: &str = "jf_";

/// A token as its owner holds it: `jf_` and 256 random bits in base64url.
pub type TokenText = Secret<String>;

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub level: Level,
    /// The providers that a service token reaches.
    pub providers: Vec<String>,
    pub lifetime: Option<Duration>,
}

impl Store {
    /// Makes a token and shows it this once.
    ///
    /// # Errors
    /// The database or the system's randomness fails.
    pub async fn create_token(&self, new: NewToken, audit: NewAudit) -> Result<(ApiToken, TokenText), StoreError> {
        let text = Secret::new(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random()?)));
        let now = self.clock.now();
        let expires_at = new
            .lifetime
            .map(|lifetime| SignedDuration::try_from(lifetime).ok().and_then(|lifetime| now.checked_add(lifetime).ok()))
            .map(|expiry| expiry.ok_or(StoreError::Corrupt("a token lifetime past the end of time")))
            .transpose()?;
        let token = ApiToken {
            id: Uuid::now_v7().to_string(),
            name: new.name,
            level: new.level,
            providers: new.providers,
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        let providers = serde_json::to_string(&token.providers).map_err(|_| StoreError::Corrupt("provider names"))?;
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        sqlx::query(
            "insert into tokens (id, name, hash, level, providers, created_at, expires_at) \
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.id.clone())
        .bind(token.name.clone())
        .bind(hash(text.expose()))
        .bind(token.level.as_str())
        .bind(providers)
        .bind(token.created_at.as_microsecond())
        .bind(token.expires_at.map(|expiry| expiry.as_microsecond()))
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok((token, text))
    }

    /// Finds a token that is neither expired nor revoked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_token(&self, text: &str) -> Result<Option<ApiToken>, StoreError> {
        let sought = hash(text);
        let found = sqlx::query(
            "select id, name, hash, level, providers, created_at, expires_at, revoked_at from tokens where hash = $1",
        )
        .bind(sought.clone())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let stored: Vec<u8> = row.try_get("hash")?;
        if !bool::from(stored.as_slice().ct_eq(&sought)) {
            return Ok(None);
        }
        let token = read(&row)?;
        let now = self.clock.now();
        let live = token.revoked_at.is_none() && token.expires_at.is_none_or(|expiry| now < expiry);
        Ok(live.then_some(token))
    }

    /// Lists every token, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let rows = sqlx::query(
            "select id, name, level, providers, created_at, expires_at, revoked_at from tokens \
             order by created_at desc, id desc",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Revokes a token by its id, and ends the sessions that were begun with it; false when there is none, or it was revoked before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revoke_token(&self, id: &str, audit: NewAudit) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let revoked = sqlx::query("update tokens set revoked_at = $1 where id = $2 and revoked_at is null")
            .bind(self.now())
            .bind(id.to_owned())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if revoked == 0 {
            return Ok(false);
        }
        sqlx::query("delete from sessions where token_id = $1").bind(id.to_owned()).execute(&mut *transaction).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

fn read(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let level: String = row.try_get("level")?;
    let providers: String = row.try_get("providers")?;
    Ok(ApiToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        level: Level::parse(&level).ok_or(StoreError::Corrupt("an access level"))?,
        providers: serde_json::from_str(&providers).map_err(|_| StoreError::Corrupt("a token's providers"))?,
        created_at: time(row.try_get("created_at")?)?,
        expires_at: optional_time(row.try_get("expires_at")?)?,
        revoked_at: optional_time(row.try_get("revoked_at")?)?,
    })
}
