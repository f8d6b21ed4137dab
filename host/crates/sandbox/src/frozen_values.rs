//! Finds interpreters whose clock or random numbers were fixed when the component was built.
//!
//! A tool such as `componentize-js` stores the state of its interpreter in the component. If the tool was told to leave
//! out the clocks or the random numbers of WASI, the interpreter answers with what it had at the build, in each call.

use serde::Serialize;

/// A problem that does not prevent an approval, and how the author can fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthorWarning {
    /// What is wrong.
    pub what: String,
    /// What the author can do.
    pub cure: String,
}

/// The names of interpreters and of the tools that embed them, as they occur in components.
const INTERPRETERS: [&[u8]; 6] =
    [b"ComponentizeJS", b"StarlingMonkey", b"SpiderMonkey", b"QuickJS", b"componentize-py", b"CPython"];

/// What an interpreter needs to import, what is constant otherwise, and the feature of `componentize-js`.
const SOURCES: [(&[&str], &str, &str); 2] = [
    (&["wasi:random/random@", "wasi:random/insecure@", "wasi:random/insecure-seed@"], RANDOM, "random"),
    (&["wasi:clocks/wall-clock@"], TIME, "clocks"),
];

const RANDOM: &str = "it draws the same random numbers in each call, because it contains an interpreter and imports no \
                      interface of wasi:random; `Math.random()` and `crypto.randomUUID()` return what they returned \
                      when it was built";

const TIME: &str = "it sees the same time in each call, because it contains an interpreter and does not import \
                    wasi:clocks/wall-clock; `Date.now()` returns the time at which it was built";

/// Returns whether a component contains an interpreter.
pub(crate) fn contains_interpreter(bytes: &[u8]) -> bool {
    INTERPRETERS.into_iter().any(|name| bytes.windows(name.len()).any(|window| window == name))
}

/// Returns a warning for each source of values that does not vary between the calls of an interpreter with these imports.
pub(crate) fn find_frozen_values(imports: &[String]) -> Vec<AuthorWarning> {
    let is_missing =
        |interfaces: &[&str]| !imports.iter().any(|import| interfaces.iter().any(|known| import.starts_with(known)));
    SOURCES
        .into_iter()
        .filter(|(interfaces, _, _)| is_missing(interfaces))
        .map(|(_, what, feature)| AuthorWarning {
            what: what.to_owned(),
            cure: format!("do not disable the feature `{feature}` in the build (`-d` of componentize-js)"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_without_clocks_or_random_numbers_is_found() {
        assert!(contains_interpreter(b"\0asm....StarlingMonkey..."));
        assert!(!contains_interpreter(b"\0asm....rustc..."), "Rust cannot ask for values that it does not import");
        let find =
            |names: &[&str]| find_frozen_values(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(find(&["wasi:clocks/wall-clock@0.2.3", "wasi:random/random@0.2.3"]), []);
        let frozen = find(&["wasi:clocks/monotonic-clock@0.2.3"]);
        assert_eq!(frozen.len(), 2);
        assert!(frozen[0].what.contains("random") && frozen[1].what.contains("Date.now()"), "{frozen:?}");
        assert_eq!(find(&["wasi:random/random@0.2.3"]).len(), 1);
    }
}
