//! The OAuth apps that were set through the API.
//!
//! Each is bound to a token endpoint, so that its secret is not sent anywhere else. Each row has a MAC; see
//! [`row_macs`](super::row_macs).

use std::collections::BTreeMap;

use jackfield_core::{
    OAuthApp, ProviderId,
    manifest::{BoundSecret, Destinations, OAuth2Grant},
};
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    row_macs::{MacColumns, MacTable},
};

pub(super) const TABLE: &str = "oauth_apps";

pub(super) const SECRET: &str = "client_secret";

/// Selects all apps, and the number of their secrets. The parameters are [`TABLE`] and [`SECRET`].
pub(super) const SELECT_WITH_SECRETS: &str = "select a.*, (select count(*) from sealed_values s where s.owner_table = $1 \
     and s.owner_row = a.provider and s.owner_column = $2) as secrets from oauth_apps a order by a.provider";

/// An OAuth app that was set through the API.
#[derive(Clone, Debug)]
pub struct StoredOAuthApp {
    client_id: String,
    /// The token endpoint that it was set for.
    token_url: String,
    client_secret: Option<BoundSecret>,
}

impl StoredOAuthApp {
    /// Returns the app, so that it can be used at these endpoints; `None` if it was set for others.
    #[must_use]
    pub fn release_for(&self, oauth2: &OAuth2Grant) -> Option<OAuthApp> {
        let secret = self.client_secret.as_ref().map(|secret| secret.release_for(&oauth2.app_destinations()).cloned());
        let client_secret = secret.transpose().ok().filter(|_| self.token_url == oauth2.token_url)?;
        Some(OAuthApp { client_id: self.client_id.clone(), client_secret })
    }
}

impl Store {
    /// Stores the OAuth app of a provider, and seals its secret.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn save_oauth_app(
        &self,
        provider: &ProviderId,
        app: &OAuthApp,
        oauth2: &OAuth2Grant,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let row = OAuthAppRow {
            provider: provider.to_string(),
            client_id: app.client_id.clone(),
            token_url: oauth2.token_url.clone(),
            set_by: audit.actor.name.clone(),
            set_at: self.now(),
        };
        let mac = self.compute_row_mac(&row.mac_columns(app.client_secret.is_some()))?;
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query(
            "insert into oauth_apps (provider, client_id, token_url, set_by, set_at, mac) \
             values ($1, $2, $3, $4, $5, $6) on conflict (provider) do update set client_id = excluded.client_id, \
             token_url = excluded.token_url, set_by = excluded.set_by, set_at = excluded.set_at, mac = excluded.mac",
        )
        .bind(row.provider)
        .bind(row.client_id)
        .bind(row.token_url)
        .bind(row.set_by)
        .bind(row.set_at)
        .bind(mac)
        .execute(&mut *transaction)
        .await?;
        let bind = |secret: &_| BoundSecret::new(Clone::clone(secret), oauth2.app_destinations());
        let secrets: BTreeMap<String, BoundSecret> =
            app.client_secret.iter().map(|secret| (SECRET.to_owned(), bind(secret))).collect();
        self.replace_sealed(&mut transaction, TABLE, provider.as_str(), &secrets).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }

    /// Returns the OAuth app of a provider.
    ///
    /// # Errors
    /// The store is sealed, the row was edited by hand, the secret cannot be opened, or the database fails.
    pub async fn oauth_app(&self, provider: &str) -> Result<Option<StoredOAuthApp>, StoreError> {
        let found = sqlx::query("select * from oauth_apps where provider = $1")
            .bind(provider.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        let Some(found) = found else { return Ok(None) };
        self.require_unsealed()?;
        let client_secret = self.open_sealed(TABLE, provider).await?.remove(SECRET);
        let parsed = self.parse_with_mac(MacTable::OAuthApps, &found, OAuthAppRow::from_row);
        let genuine =
            parsed.filter(|(row, mac)| self.is_genuine(&row.mac_columns(client_secret.is_some()), mac.as_deref()));
        let Some((row, _)) = genuine else { return Err(StoreError::Edited("OAuth app", "set it again")) };
        Ok(Some(StoredOAuthApp { client_id: row.client_id, token_url: row.token_url, client_secret }))
    }

    /// Returns the destinations for which each client secret was entered, by provider.
    pub async fn oauth_app_destinations(&self) -> Result<BTreeMap<String, Destinations>, StoreError> {
        let secrets = self.list_secrets().await?.into_iter().filter(|secret| secret.table == TABLE);
        Ok(secrets.filter_map(|secret| Some((secret.row, secret.entered_for?))).collect())
    }
}

/// A row of the table.
pub(super) struct OAuthAppRow {
    pub(super) provider: String,
    client_id: String,
    token_url: String,
    set_by: String,
    set_at: i64,
}

impl OAuthAppRow {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            provider: row.try_get("provider")?,
            client_id: row.try_get("client_id")?,
            token_url: row.try_get("token_url")?,
            set_by: row.try_get("set_by")?,
            set_at: row.try_get("set_at")?,
        })
    }

    /// Returns the columns of the MAC, with whether the app has a secret: without it, the app would be a public client.
    pub(super) fn mac_columns(&self, has_secret: bool) -> MacColumns {
        MacColumns::new(MacTable::OAuthApps, &self.provider)
            .text(&self.provider)
            .text(&self.client_id)
            .text(&self.token_url)
            .text(&self.set_by)
            .number(self.set_at)
            .number(i64::from(has_secret))
    }
}

/// Returns whether the app of a row that [`SELECT_WITH_SECRETS`] selected has a secret.
pub(super) fn has_secret(row: &AnyRow) -> Result<bool, StoreError> {
    Ok(row.try_get::<i64, _>("secrets")? > 0)
}
