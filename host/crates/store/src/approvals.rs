//! The decisions of Executives about plugins.
//!
//! Each row has a MAC, so that an edited row is detected and ignored. The MAC covers every column and the manifest that
//! was shown. Its key is derived from the master key. A deleted row, or an old row that was restored, is not detected.

use jackfield_core::{ProviderId, Secret, mac, manifest::Manifest};
use jackfield_vault::Vault;
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    database::transaction::WriteTransaction,
    plugin_components::{delete_unused_bytes, increment_revision},
};

/// How many superseded versions of a plugin keep their bytes, so that rollbacks can restore them.
pub(super) const KEPT_SUPERSEDED: i64 = 5;

/// A decision about the component with a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The component is in use. At most one for each provider.
    Approved,
    /// It was in use, and its plugin was disabled.
    Disabled,
    /// It was in use until another version was approved. A rollback approves the newest of these.
    ///
    /// The bytes of the oldest are deleted in time; see [`Approval::has_bytes`].
    Superseded,
    /// It was in use until a rollback. It waits for approval again.
    Withdrawn,
    /// Its plugin was removed. It is not approved automatically again.
    Removed,
}

impl Decision {
    const ALL: [Self; 5] = [Self::Approved, Self::Disabled, Self::Superseded, Self::Withdrawn, Self::Removed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Disabled => "disabled",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::Removed => "removed",
        }
    }
}

/// A stored decision.
#[derive(Clone, Debug)]
pub struct Approval {
    pub provider: String,
    pub digest: String,
    pub version: String,
    /// Absent if the MAC is wrong, because somebody edited the row.
    pub decision: Option<Decision>,
    /// The name of the actor who last approved the version, or who removed its plugin.
    pub by: String,
    /// When that happened, in microseconds since 1970. Each approval for a provider has a later time.
    pub at: i64,
    /// The manifest of the component. Absent if it cannot be parsed.
    pub manifest: Option<Manifest>,
    /// Whether the component's bytes are stored, so that it can run.
    pub has_bytes: bool,
}

/// New decisions about the components of one provider.
#[derive(Clone, Debug)]
pub struct ApprovalChange {
    pub decisions: Vec<(String, Decision)>,
    /// What happens to the earlier decisions and the offers.
    pub earlier: EarlierDecisions,
    /// The revision of the catalog that the decisions are based on.
    pub seen_revision: i64,
}

/// What happens to the earlier decisions about a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierDecisions {
    Keep,
    Delete,
}

impl Store {
    /// Lists all decisions, including those that somebody edited.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn approvals(&self) -> Result<Vec<Approval>, StoreError> {
        let key = derive_approvals_key(self.require_unsealed()?);
        let rows = sqlx::query(SELECT_APPROVALS).fetch_all(&self.pool).await?;
        Ok(self.parse_readable("plugin_approvals", &rows, |row| parse_approval(row, &key)))
    }

    /// Stores decisions about the components of a provider, and deletes its edited rows.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the catalog has changed since `seen_revision`; [`StoreError::Sealed`].
    pub async fn decide(
        &self,
        provider: &ProviderId,
        change: ApprovalChange,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let key = derive_approvals_key(self.require_unsealed()?);
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        if increment_revision(&mut transaction).await? != change.seen_revision {
            return Err(StoreError::Conflict);
        }
        let mut latest = 0;
        for (columns, mac) in self.rows_of(&mut transaction, provider).await? {
            let manifest = manifest_of(&mut transaction, &columns.digest).await?.unwrap_or_default();
            let is_genuine = columns.verify(&key, &manifest, &mac);
            if !is_genuine || change.earlier == EarlierDecisions::Delete {
                sqlx::query("delete from plugin_approvals where provider = $1 and digest = $2")
                    .bind(provider.to_string())
                    .bind(columns.digest.clone())
                    .execute(&mut *transaction)
                    .await?;
            }
            if is_genuine {
                latest = latest.max(columns.at);
            }
        }
        let now = self.now().max(latest.saturating_add(1));
        for (digest, decision) in &change.decisions {
            let by = audit.actor.name.as_str();
            store_decision(&mut transaction, &key, provider, digest, *decision, (by, now)).await?;
        }
        if change.earlier == EarlierDecisions::Delete {
            // A host that still has a component in its folder will offer it again.
            sqlx::query("update components set offered_from = null, offered_file = null where provider = $1")
                .bind(provider.to_string())
                .execute(&mut *transaction)
                .await?;
            delete_unused_bytes(&mut transaction).await?;
            increment_revision(&mut transaction).await?;
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }

    /// Returns the rows of a provider with their MACs.
    async fn rows_of(
        &self,
        transaction: &mut WriteTransaction,
        provider: &ProviderId,
    ) -> Result<Vec<(AuthenticatedColumns, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "select digest, state, approved_by, approved_at, mac from plugin_approvals where provider = $1",
        )
        .bind(provider.to_string())
        .fetch_all(&mut **transaction)
        .await?;
        Ok(rows.iter().filter_map(|row| read_columns(row, provider.to_string()).ok()).collect())
    }
}

/// Lists all decisions within a transaction, like [`Store::approvals`].
pub(super) async fn approvals_in(
    transaction: &mut WriteTransaction,
    vault: &Vault,
) -> Result<Vec<Approval>, StoreError> {
    let key = derive_approvals_key(vault);
    let rows = sqlx::query(SELECT_APPROVALS).fetch_all(&mut **transaction).await?;
    Ok(rows.iter().filter_map(|row| parse_approval(row, &key).ok()).collect())
}

const SELECT_APPROVALS: &str = "select a.provider, a.digest, a.state, a.approved_by, a.approved_at, a.mac, c.version, \
     c.manifest, case when c.bytes is null then 0 else 1 end as has_bytes \
     from plugin_approvals a left join components c on c.digest = a.digest order by a.approved_at, a.digest";

fn derive_approvals_key(vault: &Vault) -> Secret<[u8; 32]> {
    vault.derive_key("plugin approvals")
}

/// Reads the columns of a MAC, and the MAC.
///
/// A value that Jackfield does not store is left out, so that the MAC is wrong.
///
/// # Errors
/// The digest cannot be read, so it is not known what the row is about.
fn read_columns(row: &AnyRow, provider: String) -> Result<(AuthenticatedColumns, Vec<u8>), StoreError> {
    let columns = AuthenticatedColumns {
        provider,
        digest: row.try_get("digest")?,
        state: row.try_get("state").unwrap_or_default(),
        by: row.try_get("approved_by").unwrap_or_default(),
        at: row.try_get("approved_at").unwrap_or_default(),
    };
    Ok((columns, row.try_get("mac").unwrap_or_default()))
}

fn parse_approval(row: &AnyRow, key: &Secret<[u8; 32]>) -> Result<Approval, StoreError> {
    let (columns, mac) = read_columns(row, row.try_get("provider")?)?;
    let manifest: Option<String> = row.try_get("manifest").unwrap_or_default();
    let is_genuine = manifest.as_deref().is_some_and(|manifest| columns.verify(key, manifest, &mac));
    let decision = Decision::ALL.into_iter().find(|decision| decision.as_str() == columns.state);
    Ok(Approval {
        version: row.try_get::<Option<String>, _>("version").ok().flatten().unwrap_or_default(),
        decision: decision.filter(|_| is_genuine),
        manifest: manifest.and_then(|manifest| serde_json::from_str(&manifest).ok()),
        has_bytes: row.try_get::<i64, _>("has_bytes")? != 0,
        provider: columns.provider,
        digest: columns.digest,
        by: columns.by,
        at: columns.at,
    })
}

/// The columns that the MAC covers in addition to the manifest.
struct AuthenticatedColumns {
    provider: String,
    digest: String,
    state: String,
    by: String,
    at: i64,
}

impl AuthenticatedColumns {
    fn compute_mac(&self, key: &Secret<[u8; 32]>, manifest: &str) -> [u8; 32] {
        self.with_parts(manifest, |parts| mac::compute(key, parts))
    }

    fn verify(&self, key: &Secret<[u8; 32]>, manifest: &str, expected: &[u8]) -> bool {
        self.with_parts(manifest, |parts| mac::verify(key, parts, expected))
    }

    fn with_parts<T>(&self, manifest: &str, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        with(&[
            b"plugin approval",
            self.provider.as_bytes(),
            self.digest.as_bytes(),
            manifest.as_bytes(),
            self.state.as_bytes(),
            self.by.as_bytes(),
            &self.at.to_be_bytes(),
        ])
    }
}

/// Stores one decision. Only an approval replaces who approved the version, and when.
async fn store_decision(
    transaction: &mut WriteTransaction,
    key: &Secret<[u8; 32]>,
    provider: &ProviderId,
    digest: &str,
    decision: Decision,
    (by, now): (&str, i64),
) -> Result<(), StoreError> {
    let manifest = manifest_of(transaction, digest)
        .await?
        .ok_or(StoreError::Edited("manifest of the plugin", "upload it again"))?;
    let before =
        sqlx::query("select approved_by, approved_at from plugin_approvals where provider = $1 and digest = $2")
            .bind(provider.to_string())
            .bind(digest.to_owned())
            .fetch_optional(&mut **transaction)
            .await?;
    let (by, at) = match before.filter(|_| decision != Decision::Approved) {
        Some(row) => (row.try_get("approved_by")?, row.try_get("approved_at")?),
        None => (by.to_owned(), now),
    };
    let state = decision.as_str().to_owned();
    let columns = AuthenticatedColumns { provider: provider.to_string(), digest: digest.to_owned(), state, by, at };
    let mac = columns.compute_mac(key, &manifest).to_vec();
    sqlx::query(
        "insert into plugin_approvals (provider, digest, state, approved_by, approved_at, mac) \
         values ($1, $2, $3, $4, $5, $6) on conflict (provider, digest) do update set state = excluded.state, \
         approved_by = excluded.approved_by, approved_at = excluded.approved_at, mac = excluded.mac",
    )
    .bind(columns.provider)
    .bind(columns.digest)
    .bind(columns.state)
    .bind(columns.by)
    .bind(columns.at)
    .bind(mac)
    .execute(&mut **transaction)
    .await?;
    if decision == Decision::Approved {
        // An approval ends the offer of an upload. A file stays in its folder, so its offer does not end.
        sqlx::query("update components set offered_from = null where digest = $1 and offered_from = 'api'")
            .bind(digest.to_owned())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Returns the stored manifest of a component, as JSON; nothing if it cannot be read.
async fn manifest_of(transaction: &mut WriteTransaction, digest: &str) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("select manifest from components where digest = $1")
        .bind(digest.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.and_then(|row| row.try_get("manifest").ok()))
}
