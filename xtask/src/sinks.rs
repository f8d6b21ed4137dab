//! What the tests of a run leave behind for the search for secrets: a folder for each run and database.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// The folder of a run. Dropping it removes it, unless it is kept to look into a failure.
#[derive(Debug)]
pub(crate) struct SinksFolder {
    path: PathBuf,
    is_kept: bool,
}

impl SinksFolder {
    /// Creates a folder for this process in `parent`, and removes those of processes that no longer run.
    pub(crate) fn create(parent: &Path) -> Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        for entry in fs::read_dir(parent)?.filter_map(Result::ok) {
            if !Path::new("/proc").join(entry.file_name()).exists() {
                // Another run may be removing it at the same time.
                let _left = fs::remove_dir_all(entry.path()).or_else(|_not_a_folder| fs::remove_file(entry.path()));
            }
        }
        let path = parent.join(std::process::id().to_string());
        // A process with the same id may have left one.
        let _none = fs::remove_dir_all(&path);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Creates the folder of a database, and returns its path.
    pub(crate) fn create_for(&self, database: &str) -> Result<PathBuf> {
        let path = self.path.join(database);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Keeps the folder, and returns its path.
    pub(crate) fn keep(&mut self) -> &Path {
        self.is_kept = true;
        &self.path
    }
}

impl Drop for SinksFolder {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Searches folders for the secrets that the tests have marked, and returns how many there were.
///
/// `sinks` is the folder of a database. A complete run fails if it has left too little behind.
pub(crate) fn scan(program: &Path, sinks: &Path, others: &[PathBuf], is_complete: bool) -> Result<usize> {
    let mut command = Command::new(program);
    command.arg("--marked").arg(sinks.with_extension("marked"));
    if is_complete {
        command.arg("--complete");
    }
    command.arg(sinks).args(others);
    let mut summary = String::new();
    process::run_with_output(
        command.stdout(Stdio::piped()),
        |child| child.stdout.take(),
        |mut output| {
            output.read_to_string(&mut summary)?;
            Ok(io::Write::write_all(&mut io::stdout(), summary.as_bytes())?)
        },
    )?;
    match parse_secrets(&summary) {
        Some(secrets) => Ok(secrets),
        None => bail!("{} printed no summary", program.display()),
    }
}

/// Parses the count in `scan: 12 secrets, 30 files, 4096 bytes`.
fn parse_secrets(summary: &str) -> Option<usize> {
    summary.strip_prefix("scan: ")?.split_once(" secrets")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_its_own_folder_and_removes_what_ended_runs_left() {
        let parent = std::env::temp_dir().join(format!("jackfield-sinks-{}", std::process::id()));
        fs::create_dir_all(parent.join("4194305")).unwrap();
        fs::create_dir_all(parent.join("1")).unwrap();
        let sinks = SinksFolder::create(&parent).unwrap();
        assert!(sinks.create_for("sqlite").unwrap().exists());
        let names = || {
            let mut names: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let own = std::process::id().to_string();
        assert!(names().iter().all(|name| *name == "1" || *name == own.as_str()), "{:?}", names());
        drop(sinks);
        assert_eq!(names(), ["1"], "the folder of a process that still runs stays");
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn the_number_of_secrets_is_parsed() {
        assert_eq!(parse_secrets("scan: 12 secrets, 30 files, 4096 bytes\n"), Some(12));
        assert_eq!(parse_secrets("scan: failed"), None);
    }
}
