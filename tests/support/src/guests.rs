//! Components for tests: built ones, and ones that no compiler produces, which are assembled here byte by byte.
//!
//! Except for the files that are not components, each one is [`well_behaved`] with a single fault, so that a rejection
//! has one cause.

mod bombs;
mod broken;
mod composed;
mod not_components;
mod proposals;
mod synthetic;
#[cfg(test)]
mod tests;
mod unknown_imports;
mod wit;

use std::path::PathBuf;

pub use self::{
    bombs::{
        deep_nesting, exponential_types, many_core_instances, many_functions, many_memories, many_tables, many_types,
        nested_components, padded_to,
    },
    broken::{
        describe_bad_discriminant, describe_endless_list, describe_invalid_utf8, describe_loops,
        describe_out_of_bounds, describe_traps, describe_unaligned, describe_unpaired_surrogate,
        health_bad_discriminant, health_invalid_utf8, health_out_of_bounds, post_return_loops, realloc_loops,
        realloc_out_of_bounds, start_loops, table_grows,
    },
    composed::with_memory_adapter,
    not_components::{
        core_module, elf, empty, header_only, later_version, text_format, trailing_garbage, truncated, truncated_to,
    },
    proposals::{PROPOSALS, proposal},
    synthetic::{manifest, well_behaved, with_manifest, with_users_page, with_users_page_v0_2},
    unknown_imports::{UNKNOWN_INTERFACES, newer_world, unknown_import, with_secret_function},
    wit::contract,
};

/// Reads a component that was built for the tests, such as `hostile` or `slack`.
///
/// The file is `NAME.wasm` in the folder `JACKFIELD_TEST_COMPONENTS`, by default `target/components`.
///
/// # Panics
/// If the component was not built. The message says how to build it.
#[must_use]
pub fn read_component(name: &str) -> Vec<u8> {
    let path = component_path(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask test` builds the components and then runs the tests", path.display())
    })
}

/// Returns whether the example was not built because the tools of its language are missing.
#[must_use]
pub fn is_skipped(id: &str) -> bool {
    std::env::var("JACKFIELD_TEST_SKIPPED").is_ok_and(|ids| ids.split(',').any(|skipped| skipped == id))
}

/// Returns the path from which [`read_component`] reads.
#[must_use]
pub fn component_path(name: &str) -> PathBuf {
    let folder = std::env::var_os("JACKFIELD_TEST_COMPONENTS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/components")), PathBuf::from);
    folder.join(format!("{name}.wasm"))
}
