//! Marked secrets: every secret that a test uses is recorded, so that the scan after a run knows what to search for.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

use uuid::Uuid;

/// Returns where tests leave their logs, databases, caches and responses for the secret scan; `None` outside a full
/// run.
#[must_use]
pub fn sinks_folder() -> Option<PathBuf> {
    env::var_os("JACKFIELD_TEST_SINKS").map(PathBuf::from)
}

/// Returns where the marked secrets of a run are recorded. It is next to the sinks folder, because the record itself
/// must not be scanned.
#[must_use]
pub fn records_folder() -> Option<PathBuf> {
    sinks_folder().map(|sinks| sinks.with_extension("marked"))
}

/// Creates and records a secret that starts with `prefix`.
#[must_use]
pub fn secret(prefix: &str) -> String {
    record(format!("{prefix}{}", Uuid::new_v4().simple()))
}

/// Records a secret that was created elsewhere, such as an API token.
#[must_use]
pub fn record(secret: String) -> String {
    if let Some(folder) = records_folder() {
        fs::create_dir_all(&folder).expect("the records folder is created");
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(std::process::id().to_string()))
            .expect("the record can be written");
        writeln!(file, "{secret}").expect("the record can be written");
    }
    secret
}
