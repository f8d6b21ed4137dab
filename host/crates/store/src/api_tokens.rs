//! API tokens. Only their hashes are stored.
//!
//! All hosts share them, so revoking one takes effect immediately. Each row has a MAC; see
//! [`row_macs`](super::row_macs).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{ApiToken, Level, Secret};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    generate_random,
    row_macs::{MacColumns, MacTable},
    to_optional_timestamp, to_timestamp,
};

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
    ///
    /// # Errors
    /// [`StoreError::Sealed`], because the row could not be authenticated.
    pub async fn create_token(&self, new: NewToken, audit: NewAudit) -> Result<(ApiToken, TokenSecret), StoreError> {
        let text = Secret::new(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(generate_random()?)));
        let now = self.clock.now();
        let expires_at = new
            .lifetime
            .map(|lifetime| SignedDuration::try_from(lifetime).ok().and_then(|lifetime| now.checked_add(lifetime).ok()))
            .map(|expiry| expiry.ok_or(StoreError::Corrupt("the lifetime of a token is too long")))
            .transpose()?;
        let row = TokenRow {
            id: Uuid::now_v7().to_string(),
            name: new.name,
            hash: hash_text(text.expose()),
            level: new.level.as_str().to_owned(),
            providers: serde_json::to_string(&new.providers)
                .map_err(|_| StoreError::Corrupt("the providers of a token"))?,
            created_at: now.as_microsecond(),
            expires_at: expires_at.map(|expiry| expiry.as_microsecond()),
            revoked_at: None,
        };
        let mac = self.compute_row_mac(&row.mac_columns())?;
        let token = row.to_token(RowState::Genuine)?;
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query(
            "insert into tokens (id, name, hash, level, providers, created_at, expires_at, mac) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(row.id)
        .bind(row.name)
        .bind(row.hash)
        .bind(row.level)
        .bind(row.providers)
        .bind(row.created_at)
        .bind(row.expires_at)
        .bind(mac)
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok((token, text))
    }

    /// Finds a token that has neither expired nor been revoked.
    pub async fn find_token(&self, text: &str) -> Result<Option<ApiToken>, StoreError> {
        let hash = hash_text(text);
        let found =
            sqlx::query("select * from tokens where hash = $1").bind(hash.clone()).fetch_optional(&self.pool).await?;
        let Some(row) = found else { return Ok(None) };
        let Some((token, mac)) = self.parse_with_mac(MacTable::Tokens, &row, TokenRow::from_row) else {
            return Ok(None);
        };
        if !bool::from(token.hash.as_slice().ct_eq(&hash)) || !self.is_usable(&token, mac.as_deref()) {
            return Ok(None);
        }
        Ok(self.log_unreadable(MacTable::Tokens.as_str(), &row, token.to_token(RowState::Genuine)))
    }

    /// Returns whether the token with this id is genuine, and has neither expired nor been revoked.
    pub(super) async fn is_token_usable(&self, id: &str) -> Result<bool, StoreError> {
        let found =
            sqlx::query("select * from tokens where id = $1").bind(id.to_owned()).fetch_optional(&self.pool).await?;
        let Some(row) = found else { return Ok(false) };
        let parsed = self.parse_with_mac(MacTable::Tokens, &row, TokenRow::from_row);
        Ok(parsed.is_some_and(|(row, mac)| self.is_usable(&row, mac.as_deref())))
    }

    fn is_usable(&self, row: &TokenRow, mac: Option<&[u8]>) -> bool {
        // An expired or revoked row grants nothing, so it is not reported.
        let valid = row.revoked_at.is_none() && row.expires_at.is_none_or(|expiry| self.now() < expiry);
        valid && self.is_genuine(&row.mac_columns(), mac)
    }

    /// Lists all tokens, newest first.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let rows = sqlx::query("select * from tokens order by created_at desc, id desc").fetch_all(&self.pool).await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let parsed = self.parse_with_mac(MacTable::Tokens, row, TokenRow::from_row);
            let Some((token, mac)) = parsed else { continue };
            let genuine = token.revoked_at.is_some() || self.is_genuine(&token.mac_columns(), mac.as_deref());
            let token = token.to_token(if genuine { RowState::Genuine } else { RowState::Edited });
            // Its values can be anything, and must not make the other tokens unreadable.
            list.extend(self.log_unreadable(MacTable::Tokens.as_str(), row, token));
        }
        Ok(list)
    }

    /// Revokes a token and deletes the sessions that were started with it. Works while the store is sealed.
    ///
    /// A row that cannot be read is deleted. Returns `false` if there is no such token, or it was revoked before.
    pub async fn revoke_token(&self, id: &str, audit: NewAudit) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let found = sqlx::query("select * from tokens where id = $1 and revoked_at is null")
            .bind(id.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(found) = found else { return Ok(false) };
        if let Some((mut row, mac)) = self.parse_with_mac(MacTable::Tokens, &found, TokenRow::from_row) {
            let genuine = self.is_genuine(&row.mac_columns(), mac.as_deref());
            row.revoked_at = Some(self.now());
            // The new MAC replaces the one of the valid token. While sealed, a row without a MAC is a revoked token too.
            let mac = self.compute_row_mac_if_unsealed(&row.mac_columns()).filter(|_| genuine);
            sqlx::query("update tokens set revoked_at = $1, mac = $2 where id = $3")
                .bind(row.revoked_at)
                .bind(mac)
                .bind(row.id)
                .execute(&mut *transaction)
                .await?;
        } else {
            sqlx::query("delete from tokens where id = $1").bind(id.to_owned()).execute(&mut *transaction).await?;
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

/// Whether a row of a token is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowState {
    Genuine,
    Edited,
}

/// A row of the table.
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    hash: Vec<u8>,
    pub(super) level: String,
    /// JSON.
    providers: String,
    created_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) revoked_at: Option<i64>,
}

impl TokenRow {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            hash: row.try_get("hash")?,
            level: row.try_get("level")?,
            providers: row.try_get("providers")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }

    pub(super) fn mac_columns(&self) -> MacColumns {
        MacColumns::new(MacTable::Tokens, &self.id)
            .text(&self.id)
            .text(&self.name)
            .bytes(&self.hash)
            .text(&self.level)
            .text(&self.providers)
            .number(self.created_at)
            .optional_number(self.expires_at)
            .optional_number(self.revoked_at)
    }

    fn to_token(&self, state: RowState) -> Result<ApiToken, StoreError> {
        Ok(ApiToken {
            id: self.id.clone(),
            name: self.name.clone(),
            level: Level::parse(&self.level).ok_or(StoreError::Corrupt("the access level of a token"))?,
            providers: serde_json::from_str(&self.providers)
                .map_err(|_| StoreError::Corrupt("the providers of a token"))?,
            created_at: to_timestamp(self.created_at)?,
            expires_at: to_optional_timestamp(self.expires_at)?,
            revoked_at: to_optional_timestamp(self.revoked_at)?,
            edited: state == RowState::Edited,
        })
    }
}
