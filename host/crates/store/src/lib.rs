//! The database: connections, secrets, people, mappings, tokens, approvals, and the audit. One file per table family.
//!
//! SQLite serves one machine, PostgreSQL several. The same SQL runs on both through sqlx's `Any` driver. All state that
//! two hosts share is stored here. A change and its audit row are written in one transaction.

mod api_tokens;
mod approvals;
mod audit;
mod batch;
mod connections;
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

use std::{path::PathBuf, str::FromStr, time::Duration};

use jackfield_core::Clock;
use jackfield_vault::Vault;
use jiff::Timestamp;
use sqlx::{
    Any, AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::MigrateError,
};

pub use self::{
    api_tokens::{NewToken, TOKEN_PREFIX, TokenSecret},
    approvals::{Approval, ApprovalChange, Decision, EarlierDecisions},
    audit::{AuditFilter, NewAudit},
    connections::{AccountChoice, ConnectionCheckUpdate, Expected, NewConnection, SecretsReadable},
    mapping_sync::{MAX_SYNC_CONFLICTS, SyncConflict, SyncConflictReason, SyncEntry, SyncOutcome},
    mappings::{PersonWithAccounts, RemoveMappingResult, SetMappingResult},
    match_plans::{ApplyPlanResult, MatchCandidate, PlannedLink, UndoPlanResult},
    oauth_flows::{NewOAuthFlow, OAuthFlow, OAuthFlowOutcome},
    oauth_grants::{OAuthGrant, OAuthTokens, RefreshHolder, RefreshResponse, ServiceRun},
    people::{ImportCounts, ImportRow, NewPerson, PeopleFilter, PersonChange, SavePersonResult},
    people_search::{LinkedFilter, PeopleQuery, SearchPage},
    plugin_components::{NewComponent, Offer, OfferSource},
    sessions::{NewSession, SessionKey, SingleUseProof},
    signin_links::{SIGNIN_LINK_LIFETIME, SigninLink, SigninLinkSecret},
};

/// Database connections per host. SQLite has one writer at a time, so more connections would only wait.
const POOL_SIZE: u32 = 16;

/// Database connections that are reserved for token refreshes, so that a refresh can store its new tokens even while all
/// other connections are in use.
const REFRESH_POOL_SIZE: u32 = 2;

/// How long a writer waits for another one. Every transaction is much shorter.
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

/// Which database is used.
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

/// Where the database is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    pub clock: Clock,
}

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The master key is missing or wrong.
    #[error("{0}")]
    Sealed(String),
    /// A sealed value cannot be opened: it was moved, changed, or sealed with another key.
    #[error("a stored secret cannot be opened with this master key")]
    Unreadable,
    /// Another writer changed the row after it was read; nothing was written.
    #[error("the stored data was changed by somebody else at the same time")]
    Conflict,
    /// The master key has sealed the maximum number of values.
    #[error("the master key has sealed the maximum number of values; replace it with a new key")]
    KeyExhausted,
    /// The URL of the database is not valid.
    #[error("the database URL {0}")]
    BadUrl(&'static str),
    /// The file of a SQLite database cannot be created.
    #[error("cannot create the database file {path}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A migration failed.
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
    /// A stored value has a form that this version never writes.
    #[error("cannot read a stored value: {0}")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<StoreError> for jackfield_core::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sealed(reason) => Self::Sealed(reason),
            exhausted @ StoreError::KeyExhausted => Self::Sealed(exhausted.to_string()),
            StoreError::Unreadable => Self::Sealed(
                "the stored credential cannot be opened with this master key; start the service with the right key, \
                 or connect again"
                    .to_owned(),
            ),
            StoreError::Database(sqlx::Error::PoolTimedOut) => {
                Self::Overloaded { what: "the database is overloaded".to_owned(), retry_after: 1 }
            }
            StoreError::Conflict => {
                Self::Overloaded { what: "somebody else is changing the same data".to_owned(), retry_after: 1 }
            }
            other @ (StoreError::BadUrl(_)
            | StoreError::File { .. }
            | StoreError::Migrate(_)
            | StoreError::Corrupt(_)
            | StoreError::Database(_)) => Self::internal(other),
        }
    }
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
        let (dialect, url) = prepare(&options.url)?;
        let connect =
            AnyConnectOptions::from_str(&url).map_err(|_contains_the_url| StoreError::BadUrl("is malformed"))?;
        let pool = pool(dialect, POOL_SIZE).connect_with(connect.clone()).await?;
        match dialect {
            Dialect::Sqlite => migrations::migrator(dialect).run(&pool).await?,
            Dialect::Postgres => {
                // A migration of a large table, or of another host that starts at the same time, may take long.
                let mut connection = pool.acquire().await?;
                connection.execute("set lock_timeout = 0; set statement_timeout = 0;").await?;
                migrations::migrator(dialect).run(&mut *connection).await?;
                connection.close().await?;
            }
        }
        let keys = Keys::Sealed("the master key was not loaded".to_owned());
        let refresh_pool = self::pool(dialect, REFRESH_POOL_SIZE).connect_lazy_with(connect);
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

    /// Returns the same store on the database connections that are reserved for token refreshes.
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
    ///
    /// # Errors
    /// The database fails.
    pub async fn migration(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&self.pool).await?)
    }

    /// Returns why the secrets cannot be opened and what to do about it, or nothing if they can be opened.
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
    /// On SQLite it takes the write lock at once, because a transaction that first reads and then writes fails if another
    /// one wrote in between.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, Any>, StoreError> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("begin immediate").await?,
            Dialect::Postgres => self.pool.begin().await?,
        })
    }
}

fn pool(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let settings = match dialect {
        // With WAL readers do not wait for the writer. With FULL a commit survives a power failure.
        Dialect::Sqlite => {
            "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; \
             pragma foreign_keys = on; pragma trusted_schema = off;"
        }
        // A statement continues after its caller has gone, and would block every writer behind it.
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
fn random() -> Result<[u8; 32], StoreError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| StoreError::Database(sqlx::Error::Io(error.into())))?;
    Ok(random)
}

fn time(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(|_out_of_range| StoreError::Corrupt("a time out of range"))
}

fn optional_time(microseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    microseconds.map(time).transpose()
}

/// Determines the dialect, and completes the URL.
///
/// A SQLite file is created with mode 0600. A PostgreSQL server on another machine is reached over verified TLS unless
/// the URL contains another `sslmode`.
fn prepare(url: &str) -> Result<(Dialect, String), StoreError> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        if path.is_empty() || path.contains(":memory:") {
            return Err(StoreError::BadUrl("must name a file: sqlite://PATH"));
        }
        let path = PathBuf::from(path);
        create_private(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
        return Ok((Dialect::Sqlite, format!("sqlite://{}", path.display())));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let mut parsed = url::Url::parse(url).map_err(|_contains_the_url| StoreError::BadUrl("is malformed"))?;
        // A host in the query overrides the one of the URL. A path is a Unix socket.
        let local_by_query = parsed
            .query_pairs()
            .filter(|(key, _)| key == "host" || key == "hostaddr")
            .all(|(_, host)| host.starts_with('/'));
        let local = local_by_query
            && match parsed.host_str() {
                None | Some("" | "localhost" | "127.0.0.1" | "[::1]") => true,
                // A percent-encoded path is a Unix socket.
                Some(host) => host.starts_with("%2F") || host.starts_with("%2f"),
            };
        if !local && !parsed.query_pairs().any(|(key, _)| key == "sslmode" || key == "ssl-mode") {
            parsed.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        return Ok((Dialect::Postgres, parsed.into()));
    }
    Err(StoreError::BadUrl("must start with sqlite:// or postgres://"))
}

/// Creates the file with mode 0600 before SQLite does. SQLite gives its log and index files the same mode.
fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
