//! Which digest somebody decided about and how, each row under a MAC: an edited one is known as such and never obeyed.
//!
//! The MAC covers every column and the manifest that was shown, under a key that derives from the master key. That a
//! whole row is gone, or an old one put back, does not show in it.

use jackfield_core::{
    ProviderId, Secret,
    mac::{mac, mac_holds},
    manifest::Manifest,
};
use sqlx::{Any, Row, Transaction};

use super::{
    NewAudit, Store, StoreError,
    audit::hold_head,
    components::{count_change, drop_bytes},
};

/// What was decided about a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It serves. One at most for each provider.
    Approved,
    /// It served, and its provider was taken out of use.
    Disabled,
    /// It served until another was approved; a rollback goes back to the newest of these.
    Superseded,
    /// Somebody went back from it; it waits anew.
    Withdrawn,
    /// Its provider was taken out of the catalog; it is not approved by itself again.
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

/// A decision as it stands in the database.
#[derive(Clone, Debug)]
pub struct Approval {
    pub provider: String,
    pub digest: String,
    pub version: String,
    /// What was decided; none where the row is not as it was written.
    pub decision: Option<Decision>,
    pub by: String,
    /// Microseconds since 1970; of two decisions of one provider, the later is larger.
    pub at: i64,
    /// What was approved; none where it cannot be read.
    pub manifest: Option<Manifest>,
}

/// What is to be decided about the digests of one provider, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Change {
    pub decisions: Vec<(String, Decision)>,
    /// Whether every decision of before is forgotten, and every offer too.
    pub forget: Forget,
    /// The catalog's revision on which the change was decided.
    pub seen: i64,
}

/// Whether what was decided about a provider before still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forget {
    Nothing,
    Everything,
}

impl Store {
    /// Every decision, those that were tampered with too.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn approvals(&self) -> Result<Vec<Approval>, StoreError> {
        let key = self.approvals_key()?;
        let rows = sqlx::query(
            "select a.provider, a.digest, a.state, a.approved_by, a.approved_at, a.mac, c.version, c.manifest \
             from plugin_approvals a left join components c on c.digest = a.digest order by a.approved_at, a.digest",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let stored = Stored {
                    provider: row.try_get("provider")?,
                    digest: row.try_get("digest")?,
                    state: row.try_get("state")?,
                    by: row.try_get("approved_by")?,
                    at: row.try_get("approved_at")?,
                };
                let manifest: Option<String> = row.try_get("manifest")?;
                let mac: Vec<u8> = row.try_get("mac")?;
                let genuine = manifest.as_deref().is_some_and(|manifest| stored.holds(&key, manifest, &mac));
                let decision = Decision::ALL.into_iter().find(|decision| decision.as_str() == stored.state);
                Ok(Approval {
                    version: row.try_get::<Option<String>, _>("version")?.unwrap_or_default(),
                    decision: decision.filter(|_| genuine),
                    manifest: manifest.and_then(|manifest| serde_json::from_str(&manifest).ok()),
                    provider: stored.provider,
                    digest: stored.digest,
                    by: stored.by,
                    at: stored.at,
                })
            })
            .collect()
    }

    /// Decides about digests of one provider, with the audit row. Rows of it that were tampered with go.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the catalog has changed since it was read; the store is sealed; the database
    /// fails.
    pub async fn decide(&self, provider: &ProviderId, change: Change, audit: NewAudit) -> Result<(), StoreError> {
        let key = self.approvals_key()?;
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let held = sqlx::query("update catalog_changes set revision = revision + 1 where id = 1 and revision = $1")
            .bind(change.seen)
            .execute(&mut *transaction)
            .await?;
        if held.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        let mut latest = 0;
        for row in self.rows_of(&mut transaction, provider).await? {
            let manifest = manifest_of(&mut transaction, &row.0.digest).await?.unwrap_or_default();
            let tampered = !row.0.holds(&key, &manifest, &row.1);
            if tampered || change.forget == Forget::Everything {
                sqlx::query("delete from plugin_approvals where provider = $1 and digest = $2")
                    .bind(provider.to_string())
                    .bind(row.0.digest.clone())
                    .execute(&mut *transaction)
                    .await?;
            }
            if !tampered {
                latest = latest.max(row.0.at);
            }
        }
        let now = self.now().max(latest + 1);
        for (digest, decision) in &change.decisions {
            let by = audit.actor.name.as_str();
            write(&mut transaction, &key, provider, digest, *decision, (by, now)).await?;
        }
        if change.forget == Forget::Everything {
            // A host in whose folder one still lies offers it anew; a host that is no more does not.
            sqlx::query("update components set offered_from = null, offered_file = null where provider = $1")
                .bind(provider.to_string())
                .execute(&mut *transaction)
                .await?;
            drop_bytes(&mut transaction).await?;
            count_change(&mut transaction).await?;
        }
        self.append_audit(&mut transaction, head, audit).await?;
        Ok(transaction.commit().await?)
    }

    async fn rows_of(
        &self,
        transaction: &mut Transaction<'static, Any>,
        provider: &ProviderId,
    ) -> Result<Vec<(Stored, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "select digest, state, approved_by, approved_at, mac from plugin_approvals where provider = $1",
        )
        .bind(provider.to_string())
        .fetch_all(&mut **transaction)
        .await?;
        rows.iter()
            .map(|row| {
                let stored = Stored {
                    provider: provider.to_string(),
                    digest: row.try_get("digest")?,
                    state: row.try_get("state")?,
                    by: row.try_get("approved_by")?,
                    at: row.try_get("approved_at")?,
                };
                Ok((stored, row.try_get("mac")?))
            })
            .collect()
    }

    fn approvals_key(&self) -> Result<Secret<[u8; 32]>, StoreError> {
        Ok(self.vault()?.derive("plugin approvals"))
    }
}

/// The columns that the MAC covers, besides the manifest.
struct Stored {
    provider: String,
    digest: String,
    state: String,
    by: String,
    at: i64,
}

impl Stored {
    fn mac(&self, key: &Secret<[u8; 32]>, manifest: &str) -> [u8; 32] {
        self.with_parts(manifest, |parts| mac(key, parts))
    }

    fn holds(&self, key: &Secret<[u8; 32]>, manifest: &str, expected: &[u8]) -> bool {
        self.with_parts(manifest, |parts| mac_holds(key, parts, expected))
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

/// Writes one decision. Who approved a version, and when, stays beside it when it is superseded or disabled.
async fn write(
    transaction: &mut Transaction<'static, Any>,
    key: &Secret<[u8; 32]>,
    provider: &ProviderId,
    digest: &str,
    decision: Decision,
    (by, now): (&str, i64),
) -> Result<(), StoreError> {
    let manifest = manifest_of(transaction, digest).await?.ok_or(StoreError::Corrupt("an approval"))?;
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
    let stored = Stored { provider: provider.to_string(), digest: digest.to_owned(), state, by, at };
    let mac = stored.mac(key, &manifest).to_vec();
    sqlx::query(
        "insert into plugin_approvals (provider, digest, state, approved_by, approved_at, mac) \
         values ($1, $2, $3, $4, $5, $6) on conflict (provider, digest) do update set state = excluded.state, \
         approved_by = excluded.approved_by, approved_at = excluded.approved_at, mac = excluded.mac",
    )
    .bind(stored.provider)
    .bind(stored.digest)
    .bind(stored.state)
    .bind(stored.by)
    .bind(stored.at)
    .bind(mac)
    .execute(&mut **transaction)
    .await?;
    if decision == Decision::Approved {
        // What was sent in is decided about; what lies in a folder goes on lying there.
        sqlx::query("update components set offered_from = null where digest = $1 and offered_from = 'api'")
            .bind(digest.to_owned())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn manifest_of(transaction: &mut Transaction<'static, Any>, digest: &str) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("select manifest from components where digest = $1")
        .bind(digest.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.map(|row| row.try_get("manifest")).transpose()?)
}
