//! The migrations, embedded when the host is built: `migrations/README.md`.
//!
//! sqlx has a macro for it, which builds the drivers of both databases a second time, for the compiler.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::Dialect;

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// What brings a database's tables to this version.
pub(super) fn migrator(dialect: Dialect) -> Migrator {
    let migrations = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let migration = |&(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What databases in the field hold of the migrations that were shipped, as the library's own macro made it.
    #[test]
    fn what_was_shipped_is_known_by_its_old_checksum() {
        let first = |dialect| {
            let migrator = migrator(dialect);
            let first = migrator.iter().next().expect("a migration");
            let checksum: String = first.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
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
