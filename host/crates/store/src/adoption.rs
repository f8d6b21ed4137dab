//! Rows of a version before rows had MACs: at the first start under this version, they get them.
//!
//! API tokens, OAuth apps and connections are authenticated as they are, and each valid token is audited. Sessions,
//! sign-in links and OAuth flows are deleted: they are valid for hours at most, so people sign in again.
//!
//! The caller replaces the known value of the master key in the same transaction, so this happens once.

use jackfield_core::audit::{Action, Actor};
use jackfield_vault::Vault;

use super::{
    NewAudit, Store, StoreError,
    api_tokens::TokenRow,
    audit::lock_audit,
    connections::ConnectionRow,
    database::transaction::WriteTransaction,
    oauth_apps::{self, OAuthAppRow},
    oauth_flows,
};

/// The actor of the audit rows.
const ACTOR: &str = "upgrade";

impl Store {
    /// Authenticates the rows that an older version stored, and deletes those that expire soon.
    pub(super) async fn adopt_rows(&self, transaction: &mut WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
        self.adopt_tokens(transaction, vault).await?;
        self.adopt_oauth_apps(transaction, vault).await?;
        self.adopt_connections(transaction, vault).await?;
        for statement in ["delete from sessions", "delete from signin_links", "delete from oauth_flows"] {
            sqlx::query(statement).execute(&mut **transaction).await?;
        }
        sqlx::query("delete from sealed_values where owner_table = $1")
            .bind(oauth_flows::TABLE)
            .execute(&mut **transaction)
            .await?;
        tracing::warn!(
            "rows of an older version were authenticated, and all sessions ended; check the API tokens that the audit \
             log lists under token.adopt"
        );
        Ok(())
    }

    async fn adopt_tokens(&self, transaction: &mut WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
        let now = self.now();
        let rows = sqlx::query("select * from tokens order by created_at, id").fetch_all(&mut **transaction).await?;
        for row in &rows {
            let Some(row) = self.log_unreadable("tokens", row, TokenRow::from_row(row)) else { continue };
            sqlx::query("update tokens set mac = $1 where id = $2")
                .bind(row.mac_columns().compute_mac(vault))
                .bind(row.id.clone())
                .execute(&mut **transaction)
                .await?;
            if row.revoked_at.is_none() && row.expires_at.is_none_or(|expiry| now < expiry) {
                let head = lock_audit(transaction).await?;
                let audit = NewAudit::done(&Actor::named(ACTOR), Action::TokenAdopt)
                    .with_detail(format!("{}, {}, {}", row.name, row.level, row.id));
                self.append_audit(transaction, head, audit).await?;
            }
        }
        Ok(())
    }

    async fn adopt_oauth_apps(&self, transaction: &mut WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
        let rows = sqlx::query(oauth_apps::SELECT_WITH_SECRETS)
            .bind(oauth_apps::TABLE)
            .bind(oauth_apps::SECRET)
            .fetch_all(&mut **transaction)
            .await?;
        for row in &rows {
            let has_secret = oauth_apps::has_secret(row)?;
            let Some(row) = self.log_unreadable("oauth_apps", row, OAuthAppRow::from_row(row)) else { continue };
            sqlx::query("update oauth_apps set mac = $1 where provider = $2")
                .bind(row.mac_columns(has_secret).compute_mac(vault))
                .bind(row.provider)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    async fn adopt_connections(&self, transaction: &mut WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
        let rows = sqlx::query("select * from connections").fetch_all(&mut **transaction).await?;
        for row in &rows {
            let Some(row) = self.log_unreadable("connections", row, ConnectionRow::from_row(row)) else { continue };
            sqlx::query("update connections set mac = $1 where id = $2")
                .bind(row.mac_columns().compute_mac(vault))
                .bind(row.id)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }
}
