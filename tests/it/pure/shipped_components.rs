//! The shipped components as built: their size, and that they contain nothing by accident.

use jackfield_test_support::guests;

const SHIPPED: [&str; 6] = ["google-workspace", "productive", "remote", "scrapin", "slack", "xero"];

/// Maximum size of a component in bytes, which is what a reader of its source would expect.
const LARGEST: usize = 400 << 10;

#[test]
fn no_shipped_component_is_larger_than_400_kib() {
    for id in SHIPPED {
        let bytes = guests::read_component(id).len();
        assert!((1..=LARGEST).contains(&bytes), "{id} has {bytes} bytes");
    }
}

#[test]
fn no_shipped_component_contains_a_path_of_the_build_machine() {
    for id in SHIPPED {
        let bytes = guests::read_component(id);
        for path in ["/home/", "/root/", "/Users/"] {
            let is_there = bytes.windows(path.len()).any(|window| window == path.as_bytes());
            assert!(!is_there, "{id} contains {path}");
        }
    }
}
