//! The database. Each family of tables has its own file.
//!
//! With SQLite the service runs on one machine, with PostgreSQL on several. The same SQL runs on both through sqlx's
//! `Any` driver. All state that hosts share is stored here. A change and its audit row are written in one transaction.
//!
//! Every method can also fail with [`StoreError::Database`].

mod api_tokens;
mod approvals;
mod audit;
mod batch;
mod connections;
mod database_url;
mod error;
mod mapping_sync;
mod mappings;
mod master_keys;
mod match_plans;
mod migrations;
mod oauth_apps;
mod oauth_flows;
mod oauth_grants;
mod people;
mod people_search;
mod plugin_components;
mod sealed_values;
mod sessions;
mod signin_links;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::{str::FromStr, time::Duration};

use jackfield_core::Clock;
use jackfield_vault::Vault;
use jiff::Timestamp;
use sqlx::{
    Any, AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

pub use self::{
    api_tokens::{NewToken, TOKEN_PREFIX, TokenSecret},
    approvals::{Approval, ApprovalChange, Decision, EarlierDecisions},
    audit::{AuditFilter, NewAudit},
    connections::{AccountChoice, ConnectionCheckUpdate, Expected, NewConnection, SecretsReadable},
    error::StoreError,
    mapping_sync::{MAX_SYNC_CONFLICTS, SyncConflict, SyncConflictReason, SyncEntry, SyncOutcome},
    mappings::{PersonWithAccounts, RemoveMappingResult, SetMappingResult},
    match_plans::{ApplyPlanResult, MatchCandidate, PlannedMapping, UndoPlanResult},
    oauth_flows::{NewOAuthFlow, OAuthFlow, OAuthFlowOutcome},
    oauth_grants::{OAuthGrant, OAuthTokens, RefreshHolder, RefreshResponse, ServiceRun},
    people::{ImportCounts, ImportRow, NewPerson, PeopleFilter, PersonChange, SavePersonResult},
    people_search::{MappingFilter, PeopleQuery, SearchPage},
    plugin_components::{NewComponent, Offer, OfferSource},
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

/// How long to wait for a free database connection. Every transaction is much shorter.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database and the master key of its secrets.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    refresh_pool: AnyPool,
    dialect: Dialect,
    clock: Clock,
    keys: Keys,
    #[cfg(any(test, feature = "testing"))]
    pause: testing::PausePoint,
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
        sqlx::any::install_default_drivers();
        let (dialect, url) = database_url::prepare(&options.url)?;
        let connect =
            AnyConnectOptions::from_str(&url).map_err(|_contains_the_url| StoreError::BadUrl("is malformed"))?;
        let pool = pool_options(dialect, POOL_SIZE).connect_with(connect.clone()).await?;
        match dialect {
            Dialect::Sqlite => migrations::migrator(dialect).run(&pool).await?,
            Dialect::Postgres => {
                // The migration of a large table may take long, and another host that starts waits for it.
                let mut connection = pool.acquire().await?;
                connection.execute("set lock_timeout = 0; set statement_timeout = 0;").await?;
                migrations::migrator(dialect).run(&mut *connection).await?;
                connection.close().await?;
            }
        }
        let keys = Keys::Sealed("the master key was not loaded".to_owned());
        let refresh_pool = pool_options(dialect, REFRESH_POOL_SIZE).connect_lazy_with(connect);
        Ok(Self {
            pool,
            refresh_pool,
            dialect,
            clock: options.clock,
            keys,
            #[cfg(any(test, feature = "testing"))]
            pause: testing::PausePoint::default(),
        })
    }

    /// Returns the same store on the connections that are reserved for token refreshes.
    #[must_use]
    pub fn with_refresh_pool(&self) -> Self {
        Self { pool: self.refresh_pool.clone(), ..self.clone() }
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// The database does not respond.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
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
    ///
    /// On SQLite it takes the write lock at once, because a transaction that first reads and then writes fails if
    /// another one wrote in between.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, Any>, StoreError> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("begin immediate").await?,
            Dialect::Postgres => self.pool.begin().await?,
        })
    }
}

fn pool_options(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let settings = match dialect {
        // In WAL mode, readers do not wait for the writer. With `synchronous = full`, a commit survives a power cut.
        Dialect::Sqlite => {
            "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; \
             pragma foreign_keys = on; pragma trusted_schema = off;"
        }
        // PostgreSQL continues a statement after its client has gone. Without a timeout, it could block all writers.
        Dialect::Postgres => "set lock_timeout = '10s'; set statement_timeout = '60s';",
    };
    AnyPoolOptions::new().max_connections(connections).acquire_timeout(BUSY_TIMEOUT).after_connect(
        move |connection, _| {
            Box::pin(async move {
                connection.execute(settings).await?;
                Ok(())
            })
        },
    )
}

/// Returns 256 random bits.
fn generate_random() -> Result<[u8; 32], StoreError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| StoreError::Database(sqlx::Error::Io(error.into())))?;
    Ok(random)
}

fn to_timestamp(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(|_out_of_range| StoreError::Corrupt("a time out of range"))
}

fn to_optional_timestamp(microseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    microseconds.map(to_timestamp).transpose()
}
