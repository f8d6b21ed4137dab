//! The web console's files, embedded by `build.rs`: each as it is, and compressed where that makes it smaller.

#[cfg(test)]
#[path = "../build/gather.rs"]
mod gather;

/// One file that a browser can ask for.
#[derive(Debug)]
pub struct File {
    /// The path below `/console/{hash}/`.
    pub name: &'static str,
    /// The media type, as `Content-Type` has it.
    pub media_type: &'static str,
    /// The first 16 hexadecimal digits of the SHA-256 of the content.
    pub tag: &'static str,
    pub plain: &'static [u8],
    pub brotli: Option<&'static [u8]>,
    pub gzip: Option<&'static [u8]>,
}

// `HASH`, `PAGE` and `FILES`.
include!(concat!(env!("OUT_DIR"), "/console.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of everything that a browser loads, once.
    const TRANSFER: usize = 100_000;

    #[test]
    fn all_that_a_browser_loads_is_under_100_kb() {
        let is_loaded = |file: &&File| !file.media_type.starts_with("text/plain");
        let sizes = FILES.iter().filter(is_loaded).chain([&PAGE]).map(|file| file.brotli.unwrap_or(file.plain).len());
        let total: usize = sizes.sum();
        assert!(total < TRANSFER, "{total} bytes");
    }

    #[test]
    fn the_page_names_only_files_that_exist() {
        let page = str::from_utf8(PAGE.plain).expect("text");
        let base = format!("/console/{HASH}/");
        let named: Vec<&str> =
            page.split(base.as_str()).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()).collect();
        assert!(!named.is_empty() && !page.contains("{{"), "{page}");
        for name in named {
            assert!(FILES.iter().any(|file| file.name == name), "the page names {name}, which does not exist");
        }
    }
}
