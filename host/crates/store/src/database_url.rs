//! Parses the URL of the database, and adds the defaults that it omits.

use std::{
    borrow::Cow,
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use jackfield_files::{ProcessUser, make_private};

use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use url::Url;

use super::{
    StoreError,
    database::postgres::{Pooling, PostgresServer},
};

/// The parameters of a PostgreSQL URL that sqlx knows.
const KNOWN_PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[",
];

/// The parameter with PgBouncer's `pool_mode`.
const POOL_MODE: &str = "pool_mode";

/// How to connect to the database that a URL names.
#[derive(Debug)]
pub(super) enum DatabaseAddress {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PostgresServer>),
}

/// Parses the URL, and adds defaults to it.
///
/// A SQLite file is created with mode 0600. A PostgreSQL server on another machine is reached over verified TLS unless
/// the URL contains another `sslmode`.
pub(super) fn prepare(url: &str) -> Result<DatabaseAddress, StoreError> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        if path.is_empty() || path.contains(":memory:") {
            return Err(bad_url("must name a file: sqlite://PATH"));
        }
        let path = PathBuf::from(path);
        create_private(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
        let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", path.display()))
            .map_err(|_contains_the_url| bad_url("is malformed"))?;
        return Ok(DatabaseAddress::Sqlite(Box::new(options)));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(DatabaseAddress::Postgres(Box::new(parse_postgres(url)?)));
    }
    Err(bad_url("must start with sqlite:// or postgres://"))
}

/// Parses the URL of a PostgreSQL server.
///
/// sqlx fills in what the URL omits from the standard variables, such as `PGHOST` and `PGPASSWORD`. The TLS mode is
/// always set here, for the host that sqlx will use, so that `PGSSLMODE` cannot weaken it.
fn parse_postgres(url: &str) -> Result<PostgresServer, StoreError> {
    let mut parsed = parse_url(url)?;
    let pooling = take_parameters(&mut parsed)?;
    let mode = match parsed.query_pairs().find(|(key, _)| key == "sslmode" || key == "ssl-mode") {
        Some((_, value)) => Some(value.parse::<PgSslMode>().map_err(|_contains_the_value| {
            bad_url("has an unknown sslmode; use verify-full, verify-ca, require, prefer or disable")
        })?),
        None => None,
    };
    let options =
        PgConnectOptions::from_url(&parsed).map_err(|_contains_the_url| bad_url("has an invalid parameter"))?;
    if options.get_host().is_empty() && options.get_socket().is_none() {
        return Err(bad_url("names no host: postgres://USER:PASSWORD@HOST/DATABASE"));
    }
    let default = if is_local(&options) { PgSslMode::Prefer } else { PgSslMode::VerifyFull };
    let options = options
        .ssl_mode(mode.unwrap_or(default))
        // PgBouncer rejects connections that ask for it, and no column has this type.
        .extra_float_digits(None::<i8>);
    Ok(PostgresServer { options, pooling })
}

/// Parses a URL, and says what is wrong with it without repeating it, because it contains a password.
fn parse_url(url: &str) -> Result<Url, StoreError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if host.contains(',') {
        return Err(bad_url(
            "names several hosts, which is not supported; name one host that always leads to the writable server",
        ));
    }
    // A URL with a user must have a host, even if `host=` names another one or a socket.
    let completed = match user {
        Some(user) if host.is_empty() && path.contains("host") => format!("{scheme}://{user}@localhost{path}"),
        _ => url.to_owned(),
    };
    let parsed = Url::parse(&completed).map_err(|_contains_the_url| {
        bad_url(
            "is malformed; the form is postgres://USER:PASSWORD@HOST:PORT/DATABASE, and the characters % / ? # [ ] @ : \
             in the user and the password must be percent-encoded",
        )
    })?;
    if parsed.fragment().is_some() {
        return Err(bad_url("contains a #; in the user and the password it must be written as %23"));
    }
    Ok(parsed)
}

/// Removes our own parameter and the unknown ones, which sqlx would log with their values.
fn take_parameters(url: &mut Url) -> Result<Pooling, StoreError> {
    let mut pooling = Pooling::Session;
    let mut kept = Vec::new();
    for (key, value) in url.query_pairs() {
        match &*key {
            POOL_MODE => {
                pooling = match &*value {
                    "session" => Pooling::Session,
                    "transaction" => Pooling::Transaction,
                    _ => return Err(bad_url("has an unknown pool_mode; use session or transaction")),
                }
            }
            "host" | "hostaddr" if value.contains(',') => {
                return Err(bad_url(
                    "names several hosts in a parameter, which is not supported; name one host that always leads to \
                     the writable server",
                ));
            }
            key_name if KNOWN_PARAMETERS.contains(&key_name) || key_name.starts_with("options[") => {
                kept.push((key.into_owned(), value.into_owned()));
            }
            _ => tracing::warn!(parameter = %key, "a parameter of the database URL is not supported and has no effect"),
        }
    }
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(pooling)
}

/// Returns whether the server is on this machine: the socket, or a loopback address.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bad_url(reason: impl Into<Cow<'static, str>>) -> StoreError {
    StoreError::BadUrl(reason.into())
}

/// Creates the file with mode 0600 before SQLite does.
///
/// SQLite gives its log and index files the same mode. A restored file can belong to root and a group of this process.
fn create_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let user = ProcessUser::current().trusting_owner_of(path.parent().unwrap_or(path));
    match make_private(&file, &user)? {
        None => Ok(()),
        Some(who) => Err(io::Error::other(format!(
            "{who} can read or change it; run `chown` and `chmod 600` so that only the user of this service can"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the TLS mode with which sqlx connects.
    fn mode(url: &str) -> String {
        format!("{:?}", parse_postgres(url).expect("the URL is valid").options.get_ssl_mode())
    }

    /// Returns the message for a URL that is rejected.
    fn rejected(url: &str) -> String {
        parse_postgres(url).expect_err("the URL is rejected").to_string()
    }

    #[test]
    fn a_server_on_another_machine_needs_verified_tls() {
        for url in [
            "postgres://u:p@db/x",
            "postgres://u:p@db.example:6432/x",
            "postgres://u:p@10.0.0.8/x",
            "postgres://u:p@[fd00::8]/x",
            "postgresql://db/x?application_name=a",
            // What counts is the host that sqlx uses.
            "postgres://localhost/x?host=db.example",
            "postgres://u:p@/x?host=db.example",
            "postgres://localhost/x?hostaddr=192.0.2.1",
            "postgres://%2Frun/x?host=db.example&pool_mode=transaction",
        ] {
            let mode = mode(url);
            if url.contains("%2Frun") {
                // A socket in the authority stays the way to connect.
                assert_eq!(mode, "Prefer", "{url}");
            } else {
                assert_eq!(mode, "VerifyFull", "{url}");
            }
        }
    }

    #[test]
    fn a_server_on_this_machine_needs_no_tls_and_the_url_decides_otherwise() {
        for url in [
            "postgres://u:p@localhost/x",
            "postgres://u:p@127.0.0.1:5433/x",
            "postgres://u:p@[::1]/x",
            "postgres://%2Fvar%2Frun%2Fpostgresql/x",
            "postgres://u:p@/x?host=/var/run/postgresql",
            "postgres:///x?host=/var/run/postgresql",
        ] {
            assert_eq!(mode(url), "Prefer", "{url}");
        }
        assert_eq!(mode("postgres://u:p@db/x?sslmode=disable"), "Disable");
        assert_eq!(mode("postgres://u:p@db/x?ssl-mode=verify-ca"), "VerifyCa");
        assert_eq!(mode("postgres://u:p@localhost/x?sslmode=require"), "Require");
    }

    #[test]
    fn an_unsupported_url_is_rejected_with_the_reason_and_without_its_password() {
        for (url, reason) in [
            ("postgres://u:canary@a,b/x", "several hosts"),
            ("postgres://u:canary@a:5432,b:5433/x?target_session_attrs=read-write", "several hosts"),
            ("postgres://u:canary@/x?host=a,b", "several hosts in a parameter"),
            ("postgres://u:canary/more@db/x", "percent-encoded"),
            ("postgres://u:canary#more@db/x", "percent-encoded"),
            ("postgres://u:canary@db/x#y", "%23"),
            ("postgres://u:canary@db:port/x", "percent-encoded"),
            ("postgres://u:canary@/x", "is malformed"),
            ("postgres://u:canary@db/x?sslmode=on", "unknown sslmode"),
            ("postgres://u:canary@db/x?pool_mode=statement", "unknown pool_mode"),
            ("postgres://u:canary@db/x?port=canary", "invalid parameter"),
        ] {
            let message = rejected(url);
            assert!(message.contains(reason), "{url}: {message}");
            assert!(!message.contains("canary"), "{message}");
        }
        for url in ["jdbc:postgresql://db/x", "host=db user=u", "postgres:/db", "mysql://db/x", "sqlite:x"] {
            let message = prepare(url).expect_err("the URL is rejected").to_string();
            assert_eq!(message, "the database URL must start with sqlite:// or postgres://");
        }
    }

    #[test]
    fn parameters_that_change_nothing_are_ignored() {
        assert_eq!(mode("postgres://u:p@db/x?connect_timeout=10&target_session_attrs=read-write"), "VerifyFull");
    }
}
