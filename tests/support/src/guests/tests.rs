//! Tests that each component is as documented: valid with every proposal, or rejected for its one reason.

use wasmparser::{Validator, WasmFeatures};

use super::*;

/// The features of an engine that supports what today's compilers emit and nothing more.
fn plain_features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL
}

/// A function that builds a component.
type Maker = fn() -> Vec<u8>;

fn refusal(bytes: &[u8], features: WasmFeatures) -> Option<String> {
    Validator::new_with_features(features).validate_all(bytes).err().map(|error| error.to_string())
}

#[test]
fn the_well_behaved_component_is_valid() {
    assert_eq!(refusal(&well_behaved(), plain_features()), None);
    assert_eq!(refusal(&with_manifest(&manifest()), plain_features()), None);
    assert_eq!(well_behaved(), with_manifest(&manifest()));
}

#[test]
fn components_that_misbehave_at_run_time_are_valid() {
    let made: [(&str, Maker); 17] = [
        ("start_loops", start_loops),
        ("describe_loops", describe_loops),
        ("describe_traps", describe_traps),
        ("realloc_loops", realloc_loops),
        ("realloc_out_of_bounds", realloc_out_of_bounds),
        ("post_return_loops", post_return_loops),
        ("describe_out_of_bounds", describe_out_of_bounds),
        ("describe_unaligned", describe_unaligned),
        ("describe_endless_list", describe_endless_list),
        ("describe_invalid_utf8", describe_invalid_utf8),
        ("describe_unpaired_surrogate", describe_unpaired_surrogate),
        ("describe_bad_discriminant", describe_bad_discriminant),
        ("health_bad_discriminant", health_bad_discriminant),
        ("health_out_of_bounds", health_out_of_bounds),
        ("health_invalid_utf8", health_invalid_utf8),
        ("table_grows", table_grows),
        ("newer_world", newer_world),
    ];
    for (name, make) in made {
        assert_eq!(refusal(&make(), plain_features()), None, "{name}");
        assert_ne!(make(), well_behaved(), "{name}");
    }
}

#[test]
fn an_unknown_import_is_valid_and_present() {
    for interface in UNKNOWN_INTERFACES {
        let made = unknown_import(interface);
        assert_eq!(refusal(&made, plain_features()), None, "{interface}");
        let held = made.windows(interface.len()).any(|window| window == interface.as_bytes());
        assert!(held, "{interface}");
    }
    assert_eq!(refusal(&with_secret_function(), plain_features()), None);
}

#[test]
fn a_component_with_a_proposal_is_valid_only_with_the_proposal() {
    for (name, _) in PROPOSALS {
        let made = proposal(name);
        assert!(refusal(&made, plain_features()).is_some(), "{name} is accepted by an engine without proposals");
        assert_eq!(refusal(&made, WasmFeatures::all()), None, "{name}");
    }
}

#[test]
fn a_file_that_is_not_a_component_is_rejected() {
    for (name, bytes) in [
        ("empty", empty()),
        ("elf", elf()),
        ("text_format", text_format()),
        ("later_version", later_version()),
        ("truncated", truncated()),
        ("trailing_garbage", trailing_garbage()),
    ] {
        assert!(refusal(&bytes, plain_features()).is_some(), "{name}");
    }
    assert_eq!(refusal(&core_module(), plain_features()), None);
    assert_eq!(refusal(&header_only(), plain_features()), None);
}

#[test]
fn a_bomb_is_valid_unless_documented_otherwise() {
    for (name, bytes) in [
        ("many_functions", many_functions(1_000)),
        ("deep_nesting", deep_nesting(1_000_000)),
        ("many_types", many_types(1_000)),
        ("nested_components", nested_components(1_000)),
        ("many_core_instances", many_core_instances(900)),
        ("many_memories", many_memories(90)),
        ("many_tables", many_tables(90, 1_000)),
        ("of_size", padded_to(100_000)),
        ("with_memory_adapter", with_memory_adapter()),
    ] {
        assert_eq!(refusal(&bytes, plain_features()), None, "{name}");
    }
    assert_eq!(padded_to(100_000).len(), 100_000);
    assert!(refusal(&exponential_types(), plain_features()).is_some());
    assert!(refusal(&many_types(1_000_001), plain_features()).is_some());
}
