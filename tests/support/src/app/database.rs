//! A fresh database for each test: an SQLite file, or a database in the temporary PostgreSQL cluster.

use std::{collections::BTreeSet, env, fs, path::Path};

use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection, Row, any::AnyConnectOptions};
use uuid::Uuid;

use super::GUARD;

/// A test's database.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(String),
    Postgres(String),
}

impl Database {
    /// Creates a database of the kind in `JACKFIELD_TEST_DATABASE`, by default SQLite.
    pub async fn create(data: &Path) -> Self {
        sqlx::any::install_default_drivers();
        if env::var("JACKFIELD_TEST_DATABASE").as_deref() != Ok("postgres") {
            return Self::Sqlite(format!("sqlite://{}", data.join("jackfield.db").display()));
        }
        Self::create_in_cluster(
            &env::var("JACKFIELD_TEST_POSTGRES_URL").expect("`cargo xtask test` sets the cluster's URL"),
        )
        .await
    }

    /// Creates a database in a PostgreSQL cluster.
    pub async fn create_in_cluster(cluster: &str) -> Self {
        sqlx::any::install_default_drivers();
        let name = format!("test_{}", Uuid::new_v4().simple());
        execute(cluster, format!("create database {name}")).await;
        let mut url = url::Url::parse(cluster).expect("the cluster's URL is valid");
        url.set_path(&name);
        Self::Postgres(url.into())
    }

    /// Runs statements on it.
    pub async fn run(&self, sql: String) {
        execute(&self.url(), sql).await;
    }

    /// Runs statements on it. Returns `false` if it rejects them, for example because of a constraint.
    pub async fn try_run(&self, sql: String) -> bool {
        let options: AnyConnectOptions = self.url().parse().expect("a database URL");
        let mut connection = options.connect().await.expect("the database answers");
        let accepted = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.is_ok();
        connection.close().await.expect("the database connection closes");
        accepted
    }

    /// Returns its URL, as in the settings.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(url) | Self::Postgres(url) => url.clone(),
        }
    }

    pub(super) async fn execute(&self, sql: String) {
        execute(&self.url(), sql).await;
    }

    /// Returns the name of every column, as its table and its own name, without the table of sqlx.
    pub async fn columns(&self) -> BTreeSet<(String, String)> {
        let sql = match self {
            Self::Sqlite(_) => {
                "select m.name, p.name from sqlite_master m join pragma_table_info(m.name) p \
                 where m.type = 'table' and m.name not like 'sqlite_%' and m.name <> '_sqlx_migrations'"
            }
            Self::Postgres(_) => {
                "select cast(table_name as text), cast(column_name as text) from information_schema.columns \
                 where table_schema = 'public' and table_name <> '_sqlx_migrations'"
            }
        };
        let options: AnyConnectOptions = self.url().parse().expect("a database URL");
        let mut connection = options.connect().await.expect("the database answers");
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.expect("the columns are listed");
        connection.close().await.expect("the database connection closes");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Returns bytes as a literal of SQL.
    #[must_use]
    pub fn blob(&self, bytes: &[u8]) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", hex::encode(bytes)),
            Self::Postgres(_) => format!("decode('{}', 'hex')", hex::encode(bytes)),
        }
    }

    /// Takes the locks that the changes of the service need: of the audit log, and of the connections.
    pub(super) async fn hold_writes(&self) -> HeldLock {
        match self {
            Self::Sqlite(_) => self.hold("begin immediate").await,
            Self::Postgres(_) => {
                self.hold(
                    "begin; update audit_head set seq = seq where id = 1; \
                     lock table connections in share row exclusive mode",
                )
                .await
            }
        }
    }

    /// Runs statements that begin a transaction, and keeps its locks.
    pub(super) async fn hold(&self, begin: &'static str) -> HeldLock {
        let options: AnyConnectOptions = self.url().parse().expect("a database URL");
        let mut connection = options.connect().await.expect("the database answers");
        sqlx::raw_sql(begin).execute(&mut connection).await.expect("the lock is taken");
        HeldLock(connection)
    }

    /// Waits until a query returns a row.
    pub(super) async fn wait_for_rows(&self, query: &'static str) {
        let options: AnyConnectOptions = self.url().parse().expect("a database URL");
        let mut connection = options.connect().await.expect("the database answers");
        let rows = async {
            // Each answer is awaited, so the next query is sent only after it.
            while sqlx::query(query).fetch_all(&mut connection).await.expect("the database answers").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GUARD, rows).await.unwrap_or_else(|_| panic!("no row of: {query}"));
        connection.close().await.expect("the database connection closes");
    }

    /// Reads everything in it: the files of SQLite, or every row of every PostgreSQL table as text.
    ///
    /// # Panics
    /// The database does not answer.
    pub async fn bytes(&self, data: &Path) -> Vec<u8> {
        match self {
            Self::Sqlite(_) => ["jackfield.db", "jackfield.db-wal", "jackfield.db-shm"]
                .iter()
                .filter_map(|name| fs::read(data.join(name)).ok())
                .flatten()
                .collect(),
            Self::Postgres(url) => dump(url).await.into_bytes(),
        }
    }
}

/// A lock on the database that another program holds.
#[derive(Debug)]
pub struct HeldLock(AnyConnection);

impl HeldLock {
    pub(super) async fn run(&mut self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.0).await.expect("the statement runs");
    }

    /// Releases the lock.
    ///
    /// # Panics
    /// If the database does not answer.
    pub async fn release(mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.0).await.expect("the lock is released");
        self.0.close().await.expect("the database connection closes");
    }
}

async fn execute(url: &str, sql: String) {
    let options: AnyConnectOptions = url.parse().expect("a database URL");
    let mut connection = options.connect().await.expect("the database answers");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("the database connection closes");
}

/// Reads every row of every table in our schema as PostgreSQL's text for a row.
async fn dump(url: &str) -> String {
    let options: AnyConnectOptions = url.parse().expect("a database URL");
    let mut connection = options.connect().await.expect("the database answers");
    let tables = sqlx::query("select cast(tablename as text) from pg_tables where schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .expect("the tables are listed");
    let mut text = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = sqlx::query(AssertSqlSafe(format!("select cast(t as text) from {table} t")))
            .fetch_all(&mut connection)
            .await
            .expect("the rows are read");
        for row in rows {
            text.push_str(&row.get::<String, _>(0));
            text.push('\n');
        }
    }
    connection.close().await.expect("the database connection closes");
    text
}
