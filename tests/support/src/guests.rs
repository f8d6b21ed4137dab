//! Components for the tests: those that were built, and those that no compiler makes, written here byte by byte.
//!
//! Every made component but the files that are none is [`well_behaved`] with one thing wrong, so that a refusal has
//! one cause.

mod bombs;
mod broken;
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
        deep_nesting, exponential_types, many_core_instances, many_functions, many_locals, many_memories, many_tables,
        many_types, nested_components, one_huge_function, padded_to,
    },
    broken::{
        describe_bad_discriminant, describe_endless_list, describe_invalid_utf8, describe_loops,
        describe_out_of_bounds, describe_traps, describe_unaligned, describe_unpaired_surrogate,
        health_bad_discriminant, health_invalid_utf8, health_out_of_bounds, post_return_loops, realloc_loops,
        realloc_out_of_bounds, start_loops, table_grows,
    },
    not_components::{
        core_module, elf, empty, header_only, later_version, text_format, trailing_garbage, truncated, truncated_to,
    },
    proposals::{PROPOSALS, proposal},
    synthetic::{manifest, well_behaved, with_manifest, with_users_page, with_users_page_v0_2},
    unknown_imports::{UNKNOWN_INTERFACES, newer_world, unknown_import, with_secret_function},
    wit::contract,
};

/// The bytes of a component that was built beside the tests, such as `hostile` or `slack`.
///
/// Looked for as `NAME.wasm` in the folder that `JACKFIELD_TEST_COMPONENTS` names, else in `target/components`.
///
/// # Panics
/// It was not built; the text says what builds it.
#[must_use]
pub fn read_component(name: &str) -> Vec<u8> {
    let path = component_path(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask test` builds the components and then runs the tests", path.display())
    })
}

/// Tells whether an example of another language was not built, for want of its tools.
#[must_use]
pub fn is_skipped(id: &str) -> bool {
    std::env::var("JACKFIELD_TEST_SKIPPED").is_ok_and(|ids| ids.split(',').any(|skipped| skipped == id))
}

/// Where [`read_component`] looks for a component.
#[must_use]
pub fn component_path(name: &str) -> PathBuf {
    let folder = std::env::var_os("JACKFIELD_TEST_COMPONENTS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/components")), PathBuf::from);
    folder.join(format!("{name}.wasm"))
}
