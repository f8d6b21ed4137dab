//! The files of the web console, embedded by `build.rs`: each uncompressed, and compressed if that is smaller.

#[cfg(test)]
#[path = "../build/bundle.rs"]
mod bundle;

/// One file that a browser can request.
#[derive(Debug)]
pub struct ConsoleFile {
    /// The path below `/console/{hash}/`.
    pub name: &'static str,
    /// The value of `Content-Type`.
    pub media_type: &'static str,
    /// The first 16 hexadecimal digits of the content's SHA-256.
    pub tag: &'static str,
    /// The uncompressed content.
    pub plain: &'static [u8],
    /// The content with `Content-Encoding: br`, if that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// The content with `Content-Encoding: gzip`, if that is smaller.
    pub gzip: Option<&'static [u8]>,
}

// `HASH`, `PAGE` and `FILES`.
include!(concat!(env!("OUT_DIR"), "/console.rs"));

#[cfg(test)]
mod tests {
    use jackfield_core::audit::Action;

    use super::*;

    /// The maximum size in bytes of all files that a browser loads, compressed.
    const MAX_TRANSFER: usize = 100_000;

    #[test]
    fn a_browser_loads_less_than_100_kb() {
        let is_loaded = |file: &&ConsoleFile| !file.media_type.starts_with("text/plain");
        let sizes = FILES.iter().filter(is_loaded).chain([&PAGE]).map(|file| file.brotli.unwrap_or(file.plain).len());
        let total: usize = sizes.sum();
        assert!(total < MAX_TRANSFER, "{total} bytes");
    }

    #[test]
    fn the_page_links_only_to_files_that_exist() {
        let page = str::from_utf8(PAGE.plain).expect("text");
        let base = format!("/console/{HASH}/");
        let linked: Vec<&str> =
            page.split(base.as_str()).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()).collect();
        assert!(!linked.is_empty() && !page.contains("{{"), "{page}");
        for name in linked {
            assert!(FILES.iter().any(|file| file.name == name), "the page links to {name}, which does not exist");
        }
    }

    #[test]
    fn every_audit_action_has_a_label() {
        let script = include_str!("../web/audit.js");
        let table = script.split_once("const ACTIONS = {").and_then(|(_, rest)| rest.split_once("};"));
        let (table, _) = table.expect("the table of actions");
        let labelled: Vec<&str> =
            table.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
        assert_eq!(labelled, Action::ALL.map(Action::as_str));
    }
}
