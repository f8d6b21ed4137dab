//! Searches what a run of the tests has left behind for the secrets that the tests marked. `cargo xtask test` runs it.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use jackfield_test_support::sink_search::{SinkSearch, list_files};

/// The least that a complete run leaves behind.
const MIN_SECRETS: usize = 50;
const MIN_FILES: usize = 20;
const MIN_BYTES: usize = 100_000;

/// Search the logs, databases and responses of a test run for marked secrets
#[derive(Debug, Parser)]
struct Arguments {
    /// Fail if there is less to search than a complete run leaves behind
    #[arg(long)]
    complete: bool,
    /// Folder with the lists of the marked secrets
    #[arg(long)]
    marked: PathBuf,
    /// Folders to search
    folders: Vec<PathBuf>,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program prints its result")]
fn main() -> ExitCode {
    match scan(&Arguments::parse()) {
        Ok(summary) => {
            println!("scan: {summary}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("scan: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn scan(arguments: &Arguments) -> Result<String, String> {
    let list = |folder: &PathBuf| list_files(folder).map_err(|error| format!("{}: {error}", folder.display()));
    let mut secrets = Vec::new();
    // Tests that need no secret mark none.
    for file in if arguments.marked.exists() { list(&arguments.marked)? } else { Vec::new() } {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        secrets.extend(text.lines().map(str::to_owned));
    }
    let mut files = Vec::new();
    for folder in &arguments.folders {
        files.extend(list(folder)?);
    }
    let report = SinkSearch::new(&secrets).search_files(&files);
    let summary = format!("{} secrets, {} files, {} bytes", secrets.len(), report.files, report.bytes);
    if !report.found.is_empty() {
        return Err(format!("secrets were found in {} files\n{}", report.found.len(), report.found.join("\n")));
    }
    let has_enough = secrets.len() > MIN_SECRETS && report.files > MIN_FILES && report.bytes > MIN_BYTES;
    if arguments.complete && !has_enough {
        return Err(format!("a complete run leaves more to search: {summary}"));
    }
    Ok(summary)
}
