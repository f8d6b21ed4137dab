//! Searches files for secrets, in every common encoding, also where a database has split them.

use std::{
    fs,
    num::NonZero,
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use aho_corasick::AhoCorasick;

use crate::stand_in_server::encodings;

/// The minimum length of half a secret that is searched for. Shorter halves could be found by chance.
const MIN_HALF: usize = 12;

/// A search for secrets.
#[derive(Debug)]
pub struct SinkSearch {
    patterns: AhoCorasick,
}

/// What a search of files has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Each file with a secret, and the text around it.
    pub found: Vec<String>,
    pub files: usize,
    pub bytes: usize,
}

impl SinkSearch {
    /// Prepares a search for secrets.
    ///
    /// A database can split a value at any position, to continue it on another page. One of its halves is then still
    /// in one piece, so the halves of each encoding are searched for.
    ///
    /// # Panics
    /// There are too many secrets for the search.
    #[must_use]
    pub fn new(secrets: &[String]) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        for (_, encoding) in secrets.iter().flat_map(|secret| encodings(secret)) {
            let bytes = encoding.into_bytes();
            let (first, second) = bytes.split_at(bytes.len() / 2);
            if first.len() < MIN_HALF {
                patterns.push(bytes);
            } else {
                patterns.extend([first.to_vec(), second.to_vec()]);
            }
        }
        Self { patterns: AhoCorasick::new(patterns).expect("the patterns fit into memory") }
    }

    /// Returns where a secret, or half of one, is in some bytes.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        self.patterns.find(bytes).map(|found| found.range())
    }

    /// Searches files in several threads.
    ///
    /// # Panics
    /// A file cannot be read.
    #[must_use]
    pub fn search_files(&self, files: &[PathBuf]) -> SearchReport {
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let reports: Vec<SearchReport> = thread::scope(|scope| {
            let searches: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.search_next(files, &next))).collect();
            searches.into_iter().map(|search| search.join().expect("the search does not panic")).collect()
        });
        let mut total = SearchReport::default();
        for report in reports {
            total.found.extend(report.found);
            total.files += report.files;
            total.bytes += report.bytes;
        }
        total
    }

    /// Searches one file after the other while other threads do the same.
    fn search_next(&self, files: &[PathBuf], next: &AtomicUsize) -> SearchReport {
        let mut report = SearchReport::default();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let content = fs::read(file).unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()));
            report.files += 1;
            report.bytes += content.len();
            if let Some(Range { start, end }) = self.find(&content) {
                let around = &content[start.saturating_sub(120)..(end + 40).min(content.len())];
                report.found.push(format!("{}: {}", file.display(), String::from_utf8_lossy(around)));
            }
        }
        report
    }
}

/// Lists every file in a folder and its subfolders.
///
/// # Errors
/// A folder cannot be read.
pub fn list_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => files.extend(list_files(&entry.path())?),
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "xoxb-0123456789abcdef0123456789abcdef";

    #[test]
    fn a_secret_is_found_wherever_a_database_splits_it() {
        let search = SinkSearch::new(&[SECRET.to_owned()]);
        for at in 0..=SECRET.len() {
            let (first, second) = SECRET.split_at(at);
            let page = [b"page one ", first.as_bytes(), b"\x00\x00\x00\x07", second.as_bytes(), b" end"].concat();
            assert!(search.find(&page).is_some(), "{at}");
        }
        assert_eq!(search.find(b"xoxb-0123 and fedcba9876543210"), None);
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let search = SinkSearch::new(&[SECRET.to_owned()]);
        for (name, encoding) in encodings(SECRET) {
            assert!(search.find(format!("before{encoding}after").as_bytes()).is_some(), "{name}");
        }
    }
}
