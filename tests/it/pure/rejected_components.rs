//! Components that are rejected when they are loaded, each with a reason.

use std::time::Duration;

use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Limits, Pooling, Sandbox};
use jackfield_test_support::{app::GUARD, guests};

fn sandbox() -> Sandbox {
    let limits = Limits {
        pooling: Pooling::Never,
        describe_time: Duration::from_secs(2),
        component_bytes: 8 << 20,
        ..Limits::default()
    };
    let egress = Egress::new(EgressConfig::default()).expect("an egress");
    Sandbox::new(limits, egress, Cache::none()).expect("a sandbox")
}

/// Loads a component that must be rejected, and returns the reason.
async fn expect_rejection(sandbox: &Sandbox, name: &str, bytes: Vec<u8>) -> String {
    let loaded = tokio::time::timeout(GUARD, sandbox.load(bytes)).await;
    match loaded.unwrap_or_else(|_elapsed| panic!("{name} is neither loaded nor rejected")) {
        Ok(_) => panic!("{name} was loaded"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_valid_component_is_loaded() {
    let component = sandbox().load(guests::well_behaved()).await.expect("a component");
    assert_eq!(component.digest.len(), 64);
}

#[tokio::test]
async fn a_component_of_components_with_their_own_memories_is_loaded() {
    let pooled = Limits { pooling: Pooling::WherePossible, calls: 4, ..Limits::default() };
    let egress = Egress::new(EgressConfig::default()).expect("an egress");
    for sandbox in [sandbox(), Sandbox::new(pooled, egress, Cache::none()).expect("a sandbox")] {
        let component = sandbox.load(guests::with_memory_adapter()).await.expect("a component");
        assert_eq!(component.manifest.id, "made");
    }
}

#[tokio::test]
async fn an_import_outside_the_world_is_rejected_by_name() {
    let sandbox = sandbox();
    for stranger in guests::UNKNOWN_INTERFACES {
        let reason = expect_rejection(&sandbox, stranger, guests::unknown_import(stranger)).await;
        let name = stranger.split('@').next().expect("a name");
        assert!(reason.contains(name), "{stranger}: {reason}");
    }
    let reason = expect_rejection(&sandbox, "an additional function", guests::with_secret_function()).await;
    assert!(reason.contains("jackfield:provider/http"), "{reason}");
}

#[tokio::test]
async fn every_unneeded_wasm_proposal_is_rejected() {
    let sandbox = sandbox();
    for (name, _) in guests::PROPOSALS {
        let _reason = expect_rejection(&sandbox, name, guests::proposal(name)).await;
    }
}

#[tokio::test]
async fn a_component_whose_describe_fails_is_rejected_in_time() {
    let sandbox = sandbox();
    for (name, bytes) in [
        ("start", guests::start_loops()),
        ("describe", guests::describe_loops()),
        ("trap", guests::describe_traps()),
        ("bounds", guests::describe_out_of_bounds()),
        ("utf8", guests::describe_invalid_utf8()),
        ("surrogate", guests::describe_unpaired_surrogate()),
        ("unaligned", guests::describe_unaligned()),
        ("discriminant", guests::describe_bad_discriminant()),
        ("endless list", guests::describe_endless_list()),
    ] {
        let reason = expect_rejection(&sandbox, name, bytes).await;
        // Two limits of the same length end an endless `describe`, and the reason does not depend on which was first.
        let is_endless = matches!(name, "start" | "describe");
        assert_eq!(is_endless, reason == "`describe` did not return in time", "{name}: {reason}");
    }
}
