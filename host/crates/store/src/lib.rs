//! The database. Each family of tables has its own file.
//!
//! With SQLite the service runs on one machine, with PostgreSQL on several. The same SQL runs on both through sqlx's
//! `Any` driver. All state that hosts share is stored here. A change and its audit row are written in one transaction.
//!
//! Every method can also fail with [`StoreError::Database`].

mod adoption;
mod api_tokens;
mod approvals;
mod audit;
mod batch;
mod configured_apps;
mod connections;
mod database;
mod database_url;
mod edited_rows;
mod error;
mod mapping_sync;
mod mappings;
mod master_keys;
mod match_plans;
mod match_runs;
mod migrations;
mod oauth_apps;
mod oauth_flows;
mod oauth_grants;
mod old_secrets;
mod people;
mod people_import;
mod people_search;
mod plugin_components;
mod readable_secrets;
mod readiness;
mod refused_sign_ins;
mod retention;
mod row_macs;
mod sealed_values;
mod sessions;
mod signin_links;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::sync::Arc;

use jackfield_core::Clock;
use jackfield_vault::Vault;
use jiff::Timestamp;

use self::{
    database::{DatabasePool, transaction::WriteTransaction},
    database_url::DatabaseAddress,
    readiness::WriteCheck,
};

use self::row_macs::EditedRows;
pub use self::{
    api_tokens::{NewToken, TOKEN_PREFIX, TokenSecret},
    approvals::{Approval, ApprovalChange, Decision, EarlierDecisions},
    audit::{AuditFilter, NewAudit},
    connections::{
        AccountChoice, ConnectionCheckUpdate, Expected, ListedConnection, NewConnection, NewGrant, SecretsReadable,
    },
    error::StoreError,
    mapping_sync::{SyncConflict, SyncConflictReason, SyncEntry, SyncOutcome, SyncPreview},
    mappings::{PersonWithAccounts, RemoveMappingResult, SetMappingResult},
    master_keys::OldRows,
    match_plans::{ApplyPlanResult, MatchCandidate, PlannedMapping, UndoPlanResult},
    match_runs::{MatchRun, MatchRunState, NewMatchRun},
    oauth_apps::StoredOAuthApp,
    oauth_flows::{NewOAuthFlow, OAuthFlow, OAuthFlowOutcome},
    oauth_grants::{OAuthGrant, OAuthTokens, RefreshHolder, RefreshResponse, ServiceRun},
    old_secrets::TrustedPlugins,
    people::{NewPerson, PeopleFilter, PersonChange, SavePersonResult, StoredEmail},
    people_import::{
        DoubtfulField, ImportConflict, ImportConflictReason, ImportCounts, ImportDoubt, ImportOutcome, ImportRow,
    },
    people_search::{MappingFilter, PeopleQuery, SearchPage},
    plugin_components::{NewComponent, Offer, OfferSource},
    row_macs::{EditedRow, MacTable},
    sessions::{NewSession, SessionKey},
    signin_links::{SigninLink, SigninLinkSecret, SingleUseProof},
};

/// Database connections per host.
///
/// SQLite has one writer at a time, so more connections would only wait.
const POOL_SIZE: u32 = 16;

/// Database connections that are reserved for token refreshes.
///
/// A refresh must be able to store its new tokens while all other connections are in use.
const REFRESH_POOL_SIZE: u32 = 2;

/// The database and the master key of its secrets.
#[derive(Clone, Debug)]
pub struct Store {
    pool: DatabasePool,
    refresh_pool: DatabasePool,
    dialect: Dialect,
    clock: Clock,
    keys: Keys,
    proof: Arc<WriteCheck>,
    edited_rows: EditedRows,
    opened: readable_secrets::OpenedRows,
    #[cfg(any(test, feature = "testing"))]
    pause: testing::PausePoint,
    /// How often a list has decrypted a secret.
    #[cfg(any(test, feature = "testing"))]
    decryptions: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Whether secrets can be sealed and opened.
#[derive(Clone, Debug)]
enum Keys {
    Open(Vault),
    /// The reason, and what to do about it.
    Sealed(String),
}

/// The options of [`Store::open`].
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    pub clock: Clock,
}

impl Store {
    /// Opens the database and migrates its tables to this version.
    ///
    /// Two hosts that start at once migrate one after the other. Secrets stay sealed until [`unlock`](Self::unlock).
    ///
    /// # Errors
    /// The URL is not valid, the database does not respond, or a migration fails.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let (pool, refresh_pool) = match database_url::prepare(&options.url)? {
            DatabaseAddress::Sqlite(connect) => {
                let pool = DatabasePool::sqlite((*connect).clone(), POOL_SIZE);
                (pool, DatabasePool::sqlite(*connect, REFRESH_POOL_SIZE))
            }
            DatabaseAddress::Postgres(server) => {
                let server = Arc::new(server.detect_pooling().await?);
                let pool = DatabasePool::postgres(server.clone(), POOL_SIZE);
                (pool, DatabasePool::postgres(server, REFRESH_POOL_SIZE))
            }
        };
        pool.migrate().await?;
        let dialect = pool.dialect();
        let keys = Keys::Sealed("the master key was not loaded".to_owned());
        Ok(Self {
            pool,
            refresh_pool,
            dialect,
            clock: options.clock,
            keys,
            proof: Arc::default(),
            edited_rows: EditedRows::default(),
            opened: readable_secrets::OpenedRows::default(),
            #[cfg(any(test, feature = "testing"))]
            pause: testing::PausePoint::default(),
            #[cfg(any(test, feature = "testing"))]
            decryptions: std::sync::Arc::default(),
        })
    }

    /// Returns the same store on the connections that are reserved for token refreshes.
    #[must_use]
    pub fn with_refresh_pool(&self) -> Self {
        Self { pool: self.refresh_pool.clone(), ..self.clone() }
    }

    /// Returns the kind of database: `sqlite` or `postgres`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    /// Returns the version of the newest migration that was applied.
    pub async fn migration(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&self.pool).await?)
    }

    /// Returns why the store is sealed and what to do about it, or nothing if it is unsealed.
    #[must_use]
    pub fn sealed_reason(&self) -> Option<&str> {
        match &self.keys {
            Keys::Open(_) => None,
            Keys::Sealed(reason) => Some(reason),
        }
    }

    /// Returns the vault.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] with the reason and what to do about it.
    pub fn require_unsealed(&self) -> Result<&Vault, StoreError> {
        match &self.keys {
            Keys::Open(vault) => Ok(vault),
            Keys::Sealed(reason) => Err(StoreError::Sealed(reason.clone())),
        }
    }

    /// Closes all database connections, so that SQLite writes its log back into the file.
    pub async fn close(&self) {
        self.refresh_pool.close().await;
        self.pool.close().await;
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.pool.begin().await?)
    }
}

/// The largest number of a counter. A larger one was edited, and the counter starts again.
///
/// Without it, the next increment would fail or, in SQLite, store a number that is not an integer.
const MAX_COUNTER: i64 = 1_000_000_000_000_000_000;

/// Returns 256 random bits.
fn generate_random() -> Result<[u8; 32], StoreError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| StoreError::Database(sqlx::Error::Io(error.into())))?;
    Ok(random)
}

fn to_timestamp(microseconds: i64) -> Result<Timestamp, StoreError> {
    let time = Timestamp::from_microsecond(microseconds);
    time.map_err(|_out_of_range| StoreError::UnreadableValue("time, which is out of range,".to_owned()))
}

fn to_optional_timestamp(microseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    microseconds.map(to_timestamp).transpose()
}
