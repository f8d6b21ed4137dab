//! Explains an import that no component may have: what it is, and what its author can use instead.

use crate::{contract::CONTRACT_VERSIONS, manifest_review::Finding, text::sanitize};

/// Returns a finding for an import that is not linked; `None` if the import is linked.
pub(crate) fn review_import(import: &str) -> Option<Finding> {
    let (interface, version) = import.rsplit_once('@').unwrap_or((import, ""));
    let package = interface.split_once('/').map_or(interface, |(package, _)| package);
    let cure = match package {
        // All versions of the contract use the imports of the first version.
        "jackfield:provider" if version == CONTRACT_VERSIONS[0] => match interface {
            "jackfield:provider/http" | "jackfield:provider/log" | "jackfield:provider/types" => return None,
            _ => "import only `http` and `log`".to_owned(),
        },
        "jackfield:provider" => format!("build it with the WIT of version {}", CONTRACT_VERSIONS.join(" or ")),
        "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random" | "wasi:sockets"
            if version.starts_with("0.2.") =>
        {
            return None;
        }
        "wasi:http" if version.starts_with("0.2.") => match interface {
            "wasi:http/outgoing-handler" | "wasi:http/types" => return None,
            _ => "import only `outgoing-handler`; a component can send requests, but not receive any".to_owned(),
        },
        package if package.starts_with("wasi:") => {
            "build it for WASI 0.2; a component can use its clocks, random numbers and HTTP requests".to_owned()
        }
        "env" | "wasi_snapshot_preview1" => "build it for wasm32-wasip2".to_owned(),
        _ => "remove the library that needs it; a component can only use `jackfield:provider/http`".to_owned(),
    };
    Some(Finding::new(format!("it imports `{}`, which is not allowed", sanitize(import, 200)), cure))
}

#[cfg(test)]
mod tests {
    use super::review_import;

    #[test]
    fn only_an_import_that_is_not_linked_is_a_finding() {
        for linked in [
            "jackfield:provider/http@0.1.0",
            "jackfield:provider/types@0.1.0",
            "wasi:io/streams@0.2.6",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:http/outgoing-handler@0.2.3",
        ] {
            assert!(review_import(linked).is_none(), "{linked}");
        }
        for (unknown, cure) in [
            ("jackfield:provider/http@0.2.0", "version 0.1.0"),
            ("jackfield:provider/vault@0.1.0", "only `http`"),
            ("wasi:http/incoming-handler@0.2.3", "not receive"),
            ("wasi:clocks/wall-clock@0.3.0", "WASI 0.2"),
            ("wasi:keyvalue/store@0.2.0", "WASI 0.2"),
            ("wasi_snapshot_preview1", "wasip2"),
            ("acme:secrets/read", "library"),
        ] {
            assert!(review_import(unknown).is_some_and(|finding| finding.cure.contains(cure)), "{unknown}");
        }
    }
}
