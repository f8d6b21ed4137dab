//! API tokens. Only their hashes are stored.
//!
//! All hosts share them, so revoking one takes effect immediately.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{ApiToken, Level, Secret};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{NewAudit, Store, StoreError, audit::lock_audit, generate_random, to_optional_timestamp, to_timestamp};

/// The prefix of every token, so that people and secret scanners recognise one.
pub const TOKEN_PREFIX: &str = "jf_";

/// The token itself: `jf_` and 256 random bits in base64url.
pub type TokenSecret = Secret<String>;

/// A token to be created.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub level: Level,
    /// The providers that a service token can use.
    pub providers: Vec<String>,
    pub lifetime: Option<Duration>,
}

impl Store {
    /// Creates a token, and returns it together with its secret. Only the hash is stored.
    pub async fn create_token(&self, new: NewToken, audit: NewAudit) -> Result<(ApiToken, TokenSecret), StoreError> {
        let text = Secret::new(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(generate_random()?)));
        let now = self.clock.now();
        let expires_at = new
            .lifetime
            .map(|lifetime| SignedDuration::try_from(lifetime).ok().and_then(|lifetime| now.checked_add(lifetime).ok()))
            .map(|expiry| expiry.ok_or(StoreError::Corrupt("the lifetime of a token is too long")))
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
        let providers =
            serde_json::to_string(&token.providers).map_err(|_| StoreError::Corrupt("the providers of a token"))?;
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query(
            "insert into tokens (id, name, hash, level, providers, created_at, expires_at) \
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.id.clone())
        .bind(token.name.clone())
        .bind(hash_text(text.expose()))
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

    /// Finds a token that has neither expired nor been revoked.
    pub async fn find_token(&self, text: &str) -> Result<Option<ApiToken>, StoreError> {
        let hash = hash_text(text);
        let found = sqlx::query(
            "select id, name, hash, level, providers, created_at, expires_at, revoked_at from tokens where hash = $1",
        )
        .bind(hash.clone())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let stored: Vec<u8> = row.try_get("hash")?;
        if !bool::from(stored.as_slice().ct_eq(&hash)) {
            return Ok(None);
        }
        let token = parse_row(&row)?;
        let now = self.clock.now();
        let valid = token.revoked_at.is_none() && token.expires_at.is_none_or(|expiry| now < expiry);
        Ok(valid.then_some(token))
    }

    /// Lists all tokens, newest first.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let rows = sqlx::query(
            "select id, name, level, providers, created_at, expires_at, revoked_at from tokens \
             order by created_at desc, id desc",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(parse_row).collect()
    }

    /// Revokes a token and deletes the sessions that were started with it.
    ///
    /// Returns `false` if there is no such token, or it was revoked before.
    pub async fn revoke_token(&self, id: &str, audit: NewAudit) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
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

fn hash_text(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

fn parse_row(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let level: String = row.try_get("level")?;
    let providers: String = row.try_get("providers")?;
    Ok(ApiToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        level: Level::parse(&level).ok_or(StoreError::Corrupt("the access level of a token"))?,
        providers: serde_json::from_str(&providers).map_err(|_| StoreError::Corrupt("the providers of a token"))?,
        created_at: to_timestamp(row.try_get("created_at")?)?,
        expires_at: to_optional_timestamp(row.try_get("expires_at")?)?,
        revoked_at: to_optional_timestamp(row.try_get("revoked_at")?)?,
    })
}
