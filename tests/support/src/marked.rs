//! Secrets that a test gives away on purpose, each marked, so that a search afterwards knows what to look for.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

use uuid::Uuid;

/// Where tests leave their logs, database files, caches and answers for the search; none outside a whole run.
#[must_use]
pub fn sinks_folder() -> Option<PathBuf> {
    env::var_os("JACKFIELD_TEST_SINKS").map(PathBuf::from)
}

/// Where the marked secrets of a run are noted: beside the sinks, so that the note itself is none.
#[must_use]
pub fn records_folder() -> Option<PathBuf> {
    sinks_folder().map(|sinks| sinks.with_extension("marked"))
}

/// Makes a fresh secret and notes it down. `prefix` gives it the look that a field asks for.
#[must_use]
pub fn secret(prefix: &str) -> String {
    record(format!("{prefix}{}", Uuid::new_v4().simple()))
}

/// Notes down a secret that came from elsewhere, such as an API token.
#[must_use]
pub fn record(secret: String) -> String {
    if let Some(folder) = records_folder() {
        fs::create_dir_all(&folder).expect("the notes' folder can be made");
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(std::process::id().to_string()))
            .expect("the notes can be written");
        writeln!(file, "{secret}").expect("the notes can be written");
    }
    secret
}
