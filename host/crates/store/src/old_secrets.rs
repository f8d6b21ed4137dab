//! Binds the secrets of an older version to destinations, once, at the first start of this version.
//!
//! The older version stored no destinations. Its secrets count as entered for the plugin that is approved now. The check
//! value of the master key records that this was done, so that nobody who can write to the database can repeat it.

use std::collections::BTreeMap;

use jackfield_core::{
    Secret,
    manifest::{Auth, BoundSecret, Destinations, Manifest},
};
use jackfield_vault::Vault;
use sqlx::Row;

use super::{
    Decision, StoreError,
    approvals::approvals_in,
    database::transaction::WriteTransaction,
    sealed_values::{SealedRow, insert_sealed, select_sealed},
};

/// Which plugins the secrets of an older version count as entered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedPlugins {
    /// Those that are approved, or were until they were disabled.
    Approved,
    /// Also those that were never approved, because every plugin runs. For development only.
    All,
}

/// Binds the secrets of an older version to the destinations of the plugin that is approved now.
///
/// The caller replaces the known value of the master key in the same transaction, so this happens once. Returns the
/// number of data keys that were wrapped.
pub(super) async fn bind_old_secrets(
    transaction: &mut WriteTransaction,
    vault: &Vault,
    trusted: TrustedPlugins,
) -> Result<i64, StoreError> {
    let manifests = trusted_manifests(transaction, vault, trusted).await?;
    let rows = sqlx::query(select_sealed!("where entered_for is null")).fetch_all(&mut **transaction).await?;
    let mut bound = 0;
    for row in &rows {
        let Ok(row) = SealedRow::parse(row) else {
            tracing::warn!("row of a secret was edited by hand; it is left as it is");
            continue;
        };
        let Some(secret) = open_unbound(vault, &row) else {
            tracing::warn!(table = row.table, row = row.row, "secret of an older version cannot be opened");
            continue;
        };
        let entered_for = find_destinations(transaction, &row, &manifests).await?;
        sqlx::query("delete from sealed_values where owner_table = $1 and owner_row = $2 and owner_column = $3")
            .bind(row.table.clone())
            .bind(row.row.clone())
            .bind(row.column.clone())
            .execute(&mut **transaction)
            .await?;
        insert_sealed(transaction, vault, row.location(), &BoundSecret::new(secret, entered_for)).await?;
        bound += 1;
    }
    tracing::info!(
        secrets = bound,
        "secrets of an older version count as entered for the plugins that are approved now"
    );
    Ok(bound)
}

/// Returns the manifest of each provider's plugin that secrets count as entered for.
async fn trusted_manifests(
    transaction: &mut WriteTransaction,
    vault: &Vault,
    trusted: TrustedPlugins,
) -> Result<BTreeMap<String, Manifest>, StoreError> {
    let mut manifests = BTreeMap::new();
    if trusted == TrustedPlugins::All {
        let offered = sqlx::query("select provider, manifest from components where offered_from is not null")
            .fetch_all(&mut **transaction)
            .await?;
        for row in &offered {
            let (Ok(provider), Ok(manifest)) = (row.try_get("provider"), row.try_get::<String, _>("manifest")) else {
                continue;
            };
            manifests.extend(serde_json::from_str(&manifest).ok().map(|manifest| (provider, manifest)));
        }
    }
    let approvals = approvals_in(transaction, vault).await?;
    // In the order of their time, so that the latest decision wins, and an approval before all others.
    for decision in [Decision::Disabled, Decision::Approved] {
        let decided = approvals.iter().filter(|approval| approval.decision == Some(decision));
        manifests.extend(decided.filter_map(|approval| Some((approval.provider.clone(), approval.manifest.clone()?))));
    }
    Ok(manifests)
}

/// Opens a value that was sealed without destinations.
fn open_unbound(vault: &Vault, row: &SealedRow) -> Option<Secret<String>> {
    let opened = vault.open(row.location(), &row.sealed).ok()?;
    String::from_utf8(opened.expose().clone()).ok().map(Secret::new)
}

/// Returns where the trusted plugin of a secret's provider sends it; nothing if there is no such plugin.
async fn find_destinations(
    transaction: &mut WriteTransaction,
    row: &SealedRow,
    manifests: &BTreeMap<String, Manifest>,
) -> Result<Destinations, StoreError> {
    let owner = match row.table.as_str() {
        "connections" | "grants" => "select provider, null as token_url from connections where id = $1",
        "oauth_flows" => "select provider, null as token_url from oauth_flows where id = $1",
        _ => "select provider, token_url from oauth_apps where provider = $1",
    };
    let owner = sqlx::query(owner).bind(row.row.clone()).fetch_optional(&mut **transaction).await?;
    let Some(owner) = owner else { return Ok(Destinations::default()) };
    // A row with values that cannot be read is not adopted either.
    let Ok(provider) = owner.try_get::<String, _>("provider") else { return Ok(Destinations::default()) };
    let manifest = manifests.get(&provider);
    let oauth2 = manifest.and_then(|manifest| match &manifest.auth {
        Auth::OAuth2(oauth2) => Some(oauth2),
        Auth::Fields | Auth::ServiceAccount(_) => None,
    });
    Ok(match row.table.as_str() {
        "connections" => manifest.map(|manifest| manifest.field_destinations(&row.column)).unwrap_or_default(),
        "grants" => manifest.map(Manifest::grant_destinations).unwrap_or_default(),
        "oauth_flows" => oauth2.map(|oauth2| oauth2.app_destinations()).unwrap_or_default(),
        // An app has been bound to its token endpoint before.
        _ => {
            let Ok(token_url) = owner.try_get::<String, _>("token_url") else { return Ok(Destinations::default()) };
            match oauth2.filter(|oauth2| oauth2.token_url == token_url) {
                Some(oauth2) => oauth2.app_destinations(),
                None => Destinations::of_oauth_app(&token_url, None),
            }
        }
    })
}
