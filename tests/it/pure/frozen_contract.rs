//! A version of the contract that was published does not change: each is held against the copy that was kept.

use jackfield_test_support::guests;

/// Version, and its text without comments as it was when it was published.
const PUBLISHED: [(&str, &str); 2] = [
    ("0.1.0", include_str!("../../data/wit/jackfield-provider-0.1.0.wit")),
    ("0.2.0", include_str!("../../data/wit/jackfield-provider-0.2.0.wit")),
];

#[test]
fn a_published_contract_does_not_change() {
    for (version, published) in PUBLISHED {
        let now = guests::contract(version);
        if let Some((number, (was, is))) =
            published.lines().zip(now.lines()).enumerate().find(|(_, (was, is))| was != is)
        {
            panic!("{}", told(version, number + 1, was, is));
        }
        assert_eq!(now.lines().count(), published.lines().count(), "{}", told(version, 0, "its end", "more or less"));
    }
}

fn told(version: &str, line: usize, was: &str, is: &str) -> String {
    format!(
        "`jackfield:provider@{version}` is published, and components that were built for it are out there, but its \
         text has changed (line {line} of tests/data/wit/jackfield-provider-{version}.wit):\n  was {was}\n  is  {is}\n\
         Comments may change. Take any other change back, and make it in a new version beside this one: \
         docs/plugin-guide.md, \"Versions of the contract\", says how."
    )
}
