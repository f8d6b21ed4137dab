//! Where the OAuth apps of the settings may be sent.
//!
//! An app of the settings is not stored, only a MAC of its client id and client secret. So a row is valid for this app
//! of this provider, and a new client secret counts as a new app. Each row has a MAC; see
//! [`row_macs`](super::row_macs).

use std::collections::BTreeMap;

use jackfield_core::{
    OAuthApp, ProviderId,
    audit::{Action, Actor},
    mac,
    manifest::Destinations,
};
use jackfield_vault::Vault;
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    database::transaction::WriteTransaction,
    row_macs::{MacColumns, MacTable},
};

/// Why a row that was edited by hand is not used.
const EDITED: StoreError =
    StoreError::Edited("record of where the OAuth app of the settings is sent", "approve the plugin again");

/// Inserts a row.
macro_rules! insert {
    ($on_conflict:literal) => {
        concat!(
            "insert into configured_apps (provider, app, entered_for, set_by, set_at, mac) \
             values ($1, $2, $3, $4, $5, $6) on conflict (provider, app) do ",
            $on_conflict
        )
    };
}

impl Store {
    /// Returns where an OAuth app of the settings may be sent; `None` if it was never used.
    ///
    /// # Errors
    /// The store is sealed, or the row was edited by hand.
    pub async fn configured_app_destinations(
        &self,
        provider: &ProviderId,
        app: &OAuthApp,
    ) -> Result<Option<Destinations>, StoreError> {
        let row = sqlx::query("select * from configured_apps where provider = $1 and app = $2")
            .bind(provider.to_string())
            .bind(to_name(self.require_unsealed()?, provider, app))
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let row = self.read_configured_app(&row)?.ok_or(EDITED)?;
        Ok(Some(row.entered_for))
    }

    /// Records where an OAuth app of the settings is sent when it is first used. Changes nothing if that is recorded.
    ///
    /// # Errors
    /// The store is sealed.
    pub async fn record_first_use(
        &self,
        provider: &ProviderId,
        app: &OAuthApp,
        destinations: &Destinations,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let row = ConfiguredAppRow {
            provider: provider.to_string(),
            app: to_name(self.require_unsealed()?, provider, app),
            entered_for: destinations.clone(),
            set_by: actor.name.clone(),
            set_at: self.now(),
        };
        let mut transaction = self.begin().await?;
        self.write_configured_app(&mut transaction, row, insert!("nothing")).await?;
        transaction.commit().await
    }

    /// Adds destinations to those of a provider's OAuth apps in the settings, because an Executive approved them.
    ///
    /// They are added for `app`, and for every other app that was used for this provider, because the settings of a
    /// command line can lack it. Added destinations are written to the audit log, unless the app was never used.
    ///
    /// # Errors
    /// The store is sealed.
    pub async fn permit_destinations(
        &self,
        provider: &ProviderId,
        app: Option<&OAuthApp>,
        destinations: &Destinations,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let vault = self.require_unsealed()?;
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let stored = sqlx::query("select * from configured_apps where provider = $1")
            .bind(provider.to_string())
            .fetch_all(&mut *transaction)
            .await?;
        // A row that was edited by hand is replaced if its app is in the settings, and ignored otherwise.
        let mut apps: BTreeMap<String, Destinations> =
            app.map(|app| (to_name(vault, provider, app), Destinations::default())).into_iter().collect();
        for row in &stored {
            apps.extend(self.read_configured_app(row)?.map(|row| (row.app, row.entered_for)));
        }
        let mut added = Destinations::default();
        for (app, before) in apps {
            let missing = before.missing(destinations);
            if missing.is_empty() {
                continue;
            }
            if !before.is_empty() {
                added.extend(&missing);
            }
            let mut entered_for = before;
            entered_for.extend(&missing);
            let (set_by, set_at) = (actor.name.clone(), self.now());
            let row = ConfiguredAppRow { provider: provider.to_string(), app, entered_for, set_by, set_at };
            let update = insert!(
                "update set entered_for = excluded.entered_for, set_by = excluded.set_by, set_at = excluded.set_at, \
                 mac = excluded.mac"
            );
            self.write_configured_app(&mut transaction, row, update).await?;
        }
        if !added.is_empty() {
            let detail = format!("the app of the settings may also be sent to {added}");
            let audit = NewAudit::done(actor, Action::ProviderOAuthApp).with_provider(provider).with_detail(detail);
            self.append_audit(&mut transaction, head, audit).await?;
        }
        transaction.commit().await
    }

    /// Returns the row, unless it was edited by hand.
    fn read_configured_app(&self, row: &AnyRow) -> Result<Option<ConfiguredAppRow>, StoreError> {
        let Some((parsed, mac)) = self.parse_with_mac(MacTable::ConfiguredApps, row, ConfiguredAppRow::from_row) else {
            return Ok(None);
        };
        Ok(self.is_genuine(&parsed.mac_columns()?, mac.as_deref()).then_some(parsed))
    }

    async fn write_configured_app(
        &self,
        transaction: &mut WriteTransaction,
        row: ConfiguredAppRow,
        insert: &'static str,
    ) -> Result<(), StoreError> {
        let mac = self.compute_row_mac(&row.mac_columns()?)?;
        sqlx::query(insert)
            .bind(row.provider)
            .bind(row.app)
            .bind(to_json(&row.entered_for)?)
            .bind(row.set_by)
            .bind(row.set_at)
            .bind(mac)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }
}

/// A row of the table.
pub(super) struct ConfiguredAppRow {
    provider: String,
    app: String,
    entered_for: Destinations,
    set_by: String,
    set_at: i64,
}

impl ConfiguredAppRow {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        let entered_for: String = row.try_get("entered_for")?;
        Ok(Self {
            provider: row.try_get("provider")?,
            app: row.try_get("app")?,
            entered_for: serde_json::from_str(&entered_for).map_err(|_| UNREADABLE)?,
            set_by: row.try_get("set_by")?,
            set_at: row.try_get("set_at")?,
        })
    }

    pub(super) fn mac_columns(&self) -> Result<MacColumns, StoreError> {
        Ok(MacColumns::new(MacTable::ConfiguredApps, &self.provider)
            .text(&self.provider)
            .text(&self.app)
            .text(&to_json(&self.entered_for)?)
            .text(&self.set_by)
            .number(self.set_at))
    }
}

const UNREADABLE: StoreError = StoreError::Corrupt("the destinations of an OAuth app");

fn to_json(destinations: &Destinations) -> Result<String, StoreError> {
    serde_json::to_string(destinations).map_err(|_| UNREADABLE)
}

/// Returns the name of an app in the table. Nobody without the master key can tell whether a guessed secret is right.
fn to_name(vault: &Vault, provider: &ProviderId, app: &OAuthApp) -> String {
    let secret = app.client_secret.as_ref().map(|secret| secret.expose().as_bytes());
    let parts = [
        provider.as_str().as_bytes(),
        app.client_id.as_bytes(),
        &[u8::from(secret.is_some())],
        secret.unwrap_or_default(),
    ];
    let name = mac::compute(&vault.derive_key("names of OAuth apps in the settings"), &parts);
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}
