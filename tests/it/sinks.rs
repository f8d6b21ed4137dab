//! Searches everything that the other tests wrote (logs, databases, caches, responses) for their marked secrets.

use std::{
    env, fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use aho_corasick::AhoCorasick;
use jackfield_test_support::{marked, stand_in_server::encodings};

#[test]
fn no_marked_secret_reaches_a_sink() {
    if env::var_os("JACKFIELD_TEST_SCAN").is_none() {
        eprintln!("`cargo xtask test` runs the search after all other tests");
        return;
    }
    let mut secrets = Vec::new();
    for file in files(&marked::records_folder().expect("a full run sets the sinks folder")) {
        secrets.extend(fs::read_to_string(file).expect("the notes").lines().map(str::to_owned));
    }
    assert!(secrets.len() > 50, "only {} secrets were marked", secrets.len());
    let patterns: Vec<String> =
        secrets.iter().flat_map(|secret| encodings(secret)).map(|(_, encoding)| encoding).collect();
    let search = AhoCorasick::new(&patterns).expect("patterns");
    let mut sinks = files(&marked::sinks_folder().expect("a full run sets the sinks folder"));
    if let Some(cluster) = env::var_os("JACKFIELD_TEST_POSTGRES_DATA") {
        sinks.extend(files(Path::new(&cluster)));
    }
    let next = AtomicUsize::new(0);
    let searches: Vec<(Vec<String>, usize)> = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(|| search_through(&sinks, &next, &search))).collect();
        started.into_iter().map(|search| search.join().expect("the search thread does not panic")).collect()
    });
    let bytes: usize = searches.iter().map(|(_, bytes)| bytes).sum();
    let found: Vec<String> = searches.into_iter().flat_map(|(found, _)| found).collect();
    println!("{} secrets in {} encodings, {} files, {bytes} bytes", secrets.len(), patterns.len(), sinks.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(sinks.len() > 20 && bytes > 100_000, "there were no files to search");
}

/// Searches the files one after the other while other threads do the same. Returns the findings and the number of bytes
/// read.
fn search_through(sinks: &[PathBuf], next: &AtomicUsize, search: &AhoCorasick) -> (Vec<String>, usize) {
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(sink) = sinks.get(next.fetch_add(1, Ordering::Relaxed)) {
        let content = fs::read(sink).unwrap_or_default();
        bytes += content.len();
        if let Some(hit) = search.find(&content) {
            let start = hit.start().saturating_sub(120);
            let around = String::from_utf8_lossy(&content[start..(hit.end() + 40).min(content.len())]).into_owned();
            found.push(format!("{}: {around}", sink.display()));
        }
    }
    (found, bytes)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path))
        } else if path.is_file() {
            found.push(path)
        }
    }
    found
}
