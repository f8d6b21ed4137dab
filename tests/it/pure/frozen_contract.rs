//! Published versions of the contract never change: each is compared with the copy from its publication.

use jackfield_test_support::guests;

/// Each version and its package as it was published, printed by `wit-component` without documentation.
const PUBLISHED: [(&str, &str); 2] = [
    ("0.1.0", include_str!("../../data/wit/jackfield-provider-0.1.0.wit")),
    ("0.2.0", include_str!("../../data/wit/jackfield-provider-0.2.0.wit")),
];

#[test]
fn a_published_contract_never_changes() {
    for (version, published) in PUBLISHED {
        // Parsed and printed again, so that only types, functions and their order count, and documentation does not.
        let current = guests::contract(version);
        if let Some((number, (before, now))) =
            published.lines().zip(current.lines()).enumerate().find(|(_, (before, now))| before != now)
        {
            panic!("{}", difference(version, number + 1, before, now));
        }
        let lines = published.lines().count();
        assert_eq!(current.lines().count(), lines, "{}", difference(version, lines, "the last line", "more or fewer"));
    }
}

fn difference(version: &str, line: usize, before: &str, now: &str) -> String {
    format!(
        "`jackfield:provider@{version}` is published and plugins are built for it, but it has changed (line {line} of \
         tests/data/wit/jackfield-provider-{version}.wit):\n  published {before}\n  now       {now}\nDocumentation may \
         change. Undo any other change and make it in a new version: see \"Versions of the contract\" in \
         docs/plugin-guide.md."
    )
}
