//! The OAuth apps that were set through the API.
//!
//! Each is bound to a token endpoint, so that its secret is not sent anywhere else.

use std::collections::BTreeMap;

use jackfield_core::{OAuthApp, ProviderId, Secret};
use sqlx::Row;

use super::{NewAudit, Store, StoreError, audit::lock_audit};

const TABLE: &str = "oauth_apps";

const SECRET: &str = "client_secret";

impl Store {
    /// Stores the OAuth app of a provider, and seals its secret.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn save_oauth_app(
        &self,
        provider: &ProviderId,
        app: &OAuthApp,
        token_url: &str,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query(
            "insert into oauth_apps (provider, client_id, token_url, set_by, set_at) values ($1, $2, $3, $4, $5) \
             on conflict (provider) do update set client_id = excluded.client_id, token_url = excluded.token_url, \
             set_by = excluded.set_by, set_at = excluded.set_at",
        )
        .bind(provider.to_string())
        .bind(app.client_id.clone())
        .bind(token_url.to_owned())
        .bind(audit.actor.name.clone())
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        let secrets: BTreeMap<String, Secret<String>> =
            app.client_secret.iter().map(|secret| (SECRET.to_owned(), secret.clone())).collect();
        self.replace_sealed(&mut transaction, TABLE, provider.as_str(), &secrets).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }

    /// Returns the OAuth app of a provider, and the token endpoint that it was set for.
    ///
    /// # Errors
    /// The store is sealed, the secret cannot be opened, or the database fails.
    pub async fn oauth_app(&self, provider: &str) -> Result<Option<(OAuthApp, String)>, StoreError> {
        let row = sqlx::query("select client_id, token_url from oauth_apps where provider = $1")
            .bind(provider.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let client_secret = self.open_sealed(TABLE, provider).await?.remove(SECRET);
        Ok(Some((OAuthApp { client_id: row.try_get("client_id")?, client_secret }, row.try_get("token_url")?)))
    }
}
