//! The embedded migrations. `migrations/README.md` says how to add one.
//!
//! sqlx has a macro for this, but it would compile the drivers of both databases a second time.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::Dialect;

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Returns the migrations of a database, with the checksums that existing databases have recorded.
pub(super) fn migrator(dialect: Dialect) -> Migrator {
    let migrations = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let migration = |(version, description, checksum, sql): &(i64, &'static str, [u8; 48], &'static str)| Migration {
        version: *version,
        description: Cow::Borrowed(description),
        migration_type: MigrationType::Simple,
        sql: sql.into_sql_str(),
        checksum: Cow::Owned(checksum.to_vec()),
        no_tx: false,
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Existing databases contain these checksums, which the macro of sqlx computed for the first release.
    #[test]
    fn a_released_migration_keeps_its_checksum() {
        let first = |dialect| {
            let migrator = migrator(dialect);
            let first = migrator.iter().next().expect("a migration");
            let checksum = hex::encode(&first.checksum);
            (first.version, first.description.to_string(), checksum)
        };
        for (dialect, checksum) in [
            (
                Dialect::Sqlite,
                "fc994f28f154f5d165bc370732edb4de1f41efe7007c2e3f49ec2cbe2ab252d8ab9d92ec1930390fae549df04770382d",
            ),
            (
                Dialect::Postgres,
                "826fe70cc53d2ccf12a9a50367f8aaf0a5b72c5a31084b0d5464f839c26aeb270334e4e9bc7a97a983ea0af8e622cc9d",
            ),
        ] {
            assert_eq!(first(dialect), (1, "initial".to_owned(), checksum.to_owned()));
        }
    }
}
