//! The database: connections, sealed values, people, mappings, tokens, audit. Knows SQL and the vault, not what a connect means.
//!
//! SQLite for one machine, PostgreSQL for many; one SQL text serves both through sqlx's `Any` driver. A host keeps no
//! state that another could not read here. Every change and its audit row share one transaction.

mod approvals;
mod audit;
mod batch;
mod components;
mod connections;
mod flows;
mod grants;
mod keyring;
mod mappings;
mod migrations;
mod oauth_apps;
mod people;
mod plans;
mod sealed;
mod search;
mod sessions;
mod signin;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tokens;

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
    approvals::{Approval, Change, Decision, Forget},
    audit::{AuditFilter, NewAudit},
    components::{NewComponent, Offer, OfferSource},
    connections::{CheckUpdate, Choice, Draft, Expected, Mappings, Readable},
    flows::{Flow, FlowOutcome, NewFlow},
    grants::{Asked, Grant, Holder, Run, Tokens},
    mappings::{Mapped, Mapping, Removed},
    people::{ImportRow, Imported, NewPerson, PersonChange, Saved, Who},
    plans::{Applied, Candidate, Link, Undone},
    search::{Found, Linked, Sought},
    sessions::{NewSession, SessionKey, Spends},
    signin::{LINK_LIFE, LinkText, SigninLink},
    sync::{SYNC_CONFLICTS, Shared, SyncConflict, SyncEntry, SyncOutcome},
    tokens::{NewToken, TOKEN_PREFIX, TokenText},
};

/// Connections kept to the database. SQLite has one writer at a time, so more would only wait in another queue.
const POOL: u32 = 16;

/// Connections kept apart for the journal of refreshes: however many readers wait for one of the others, who refreshes
/// can still count on and store the new pair.
const JOURNAL_POOL: u32 = 2;

/// How long a writer waits for another to finish. Longer than any transaction of ours by far.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database and the key to its secrets.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    journal: AnyPool,
    dialect: Dialect,
    clock: Clock,
    keys: Keys,
    #[cfg(any(test, feature = "testing"))]
    pause: testing::PausePoint,
}

/// Which database answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Whether secrets can be sealed and opened.
#[derive(Clone, Debug)]
enum Keys {
    Open(Vault),
    /// Why not, and what to do about it.
    Sealed(String),
}

/// Where the database is.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    pub clock: Clock,
}

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The master key is missing or wrong.
    #[error("{0}")]
    Sealed(String),
    /// A sealed value does not open: moved, changed, or sealed by another key.
    #[error("a sealed value of this connection does not open")]
    Unreadable,
    /// Somebody else changed the row in the meantime.
    #[error("the row was changed in the meantime")]
    Conflict,
    /// The master key has wrapped as many data keys as is safe.
    #[error("the master key has sealed as many values as is safe; rotate it")]
    KeyWornOut,
    /// The address of the database is none that this version takes.
    #[error("the database URL {0}")]
    BadUrl(&'static str),
    /// The database's file could not be made.
    #[error("the database file {path} could not be made", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The tables could not be brought to this version.
    #[error("the database could not be migrated")]
    Migrate(#[from] MigrateError),
    /// A stored value is not what this version writes.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<StoreError> for jackfield_core::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sealed(reason) => Self::Sealed(reason),
            worn @ StoreError::KeyWornOut => Self::Sealed(worn.to_string()),
            StoreError::Unreadable => Self::Sealed(
                "the stored credential does not open with this master key; start the service with the right key, or \
                 connect again"
                    .to_owned(),
            ),
            StoreError::Database(sqlx::Error::PoolTimedOut) => {
                Self::Overloaded { what: "the database has too much to do".to_owned(), retry_after: 1 }
            }
            StoreError::Conflict => Self::Overloaded {
                what: "somebody else is changing this connection at this moment".to_owned(),
                retry_after: 1,
            },
            other @ (StoreError::BadUrl(_)
            | StoreError::File { .. }
            | StoreError::Migrate(_)
            | StoreError::Corrupt(_)
            | StoreError::Database(_)) => Self::internal(other),
        }
    }
}

impl Store {
    /// Opens the database and brings its tables to this version, under a lock. Secrets stay sealed until
    /// [`unlock`](Self::unlock).
    ///
    /// # Errors
    /// The URL is no database that this version takes, the database does not answer, or a migration fails.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = prepare(&options.url)?;
        let connect = AnyConnectOptions::from_str(&url).map_err(|_holds_the_url| StoreError::BadUrl("is malformed"))?;
        let pool = pool(dialect, POOL).connect_with(connect.clone()).await?;
        match dialect {
            Dialect::Sqlite => migrations::migrator(dialect).run(&pool).await?,
            Dialect::Postgres => {
                // A table that has grown large may take its time, and two hosts that start wait for each other.
                let mut connection = pool.acquire().await?;
                connection.execute("set lock_timeout = 0; set statement_timeout = 0;").await?;
                migrations::migrator(dialect).run(&mut *connection).await?;
                connection.close().await?;
            }
        }
        let keys = Keys::Sealed("the master key was not loaded".to_owned());
        let journal = self::pool(dialect, JOURNAL_POOL).connect_lazy_with(connect);
        Ok(Self {
            pool,
            journal,
            dialect,
            clock: options.clock,
            keys,
            #[cfg(any(test, feature = "testing"))]
            pause: testing::PausePoint::default(),
        })
    }

    /// The same store, over connections that no crowd of readers takes.
    #[must_use]
    pub fn for_journal(&self) -> Self {
        Self { pool: self.journal.clone(), ..self.clone() }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// It gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// What kind of database it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    /// The number of the newest migration that its tables have.
    ///
    /// # Errors
    /// The database fails.
    pub async fn migration(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&self.pool).await?)
    }

    /// Why the secrets cannot be opened, and what to do; none when they can.
    #[must_use]
    pub fn sealed_because(&self) -> Option<&str> {
        match &self.keys {
            Keys::Open(_) => None,
            Keys::Sealed(reason) => Some(reason),
        }
    }

    /// Lends the vault.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] with the reason and the cure.
    pub fn vault(&self) -> Result<&Vault, StoreError> {
        match &self.keys {
            Keys::Open(vault) => Ok(vault),
            Keys::Sealed(reason) => Err(StoreError::Sealed(reason.clone())),
        }
    }

    /// Closes every connection to the database, so that SQLite folds its log back into the file.
    pub async fn close(&self) {
        self.journal.close().await;
        self.pool.close().await;
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// Begins a transaction that writes. On SQLite it takes the one writer's place at once: a reader that turns
    /// writer half-way fails when another wrote in between.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, Any>, StoreError> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("begin immediate").await?,
            Dialect::Postgres => self.pool.begin().await?,
        })
    }
}

fn pool(dialect: Dialect, connections: u32) -> AnyPoolOptions {
    let settings = match dialect {
        // WAL lets readers go on beside the writer; FULL makes what was answered survive a power cut.
        Dialect::Sqlite => {
            "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; \
             pragma foreign_keys = on; pragma trusted_schema = off;"
        }
        // A statement whose caller went away would go on, and hold up every writer behind it.
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

/// 256 bits that nobody can guess.
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

/// Tells the dialect, and completes the URL: a SQLite file is made with mode 0600, a remote PostgreSQL is spoken to
/// over verified TLS unless the URL says otherwise.
fn prepare(url: &str) -> Result<(Dialect, String), StoreError> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        if path.is_empty() || path.contains(":memory:") {
            return Err(StoreError::BadUrl("must name a file: sqlite://PATH"));
        }
        let path = PathBuf::from(path);
        make_private(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
        return Ok((Dialect::Sqlite, format!("sqlite://{}", path.display())));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let mut parsed = url::Url::parse(url).map_err(|_holds_the_url| StoreError::BadUrl("is malformed"))?;
        // Where the query names a host, it is that one that is spoken to; a path is a Unix socket.
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

/// Makes the file before SQLite does, with mode 0600; its log and index files take the same mode.
fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
