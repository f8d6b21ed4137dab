//! Parses the URL of the database, and adds the defaults that it omits.

use std::path::PathBuf;

use super::{Dialect, StoreError};

/// Determines the dialect, and adds defaults to the URL.
///
/// A SQLite file is created with mode 0600. A PostgreSQL server on another machine is reached over verified TLS unless
/// the URL contains another `sslmode`.
pub(super) fn prepare(url: &str) -> Result<(Dialect, String), StoreError> {
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
        // A host in the query overrides the one before the path. A value with a leading slash is a Unix socket.
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

/// Creates the file with mode 0600 before SQLite does.
///
/// SQLite gives its log and index files the same mode.
fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
