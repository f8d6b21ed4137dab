//! Components that are refused when they are loaded, each with a reason, in a bounded time.

use std::time::{Duration, Instant};

use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Limits, Pooling, Sandbox};
use jackfield_test_support::guests;

fn sandbox() -> Sandbox {
    let limits = Limits {
        pooling: Pooling::Never,
        describe_time: Duration::from_millis(500),
        component_bytes: 8 << 20,
        ..Limits::default()
    };
    let egress = Egress::new(EgressConfig::default()).expect("a way out");
    Sandbox::new(limits, egress, Cache::none()).expect("a sandbox")
}

/// Loads a component that must be refused, and gives the reason.
async fn refused(sandbox: &Sandbox, name: &str, bytes: Vec<u8>) -> String {
    let started = Instant::now();
    let reason = match sandbox.load(bytes).await {
        Ok(_) => panic!("{name} was taken"),
        Err(error) => error.to_string(),
    };
    assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
    reason
}

#[tokio::test]
async fn a_well_behaved_component_is_taken() {
    let component = sandbox().load(guests::well_behaved()).await.expect("taken");
    assert_eq!(component.digest.len(), 64);
}

#[tokio::test]
async fn an_import_beyond_the_world_is_refused_by_its_name() {
    let sandbox = sandbox();
    for stranger in guests::STRANGERS {
        let reason = refused(&sandbox, stranger, guests::stranger(stranger)).await;
        let name = stranger.split('@').next().expect("a name");
        assert!(reason.contains(name), "{stranger}: {reason}");
    }
    let reason = refused(&sandbox, "a function more", guests::with_secret_function()).await;
    assert!(reason.contains("jackfield:provider/http"), "{reason}");
}

#[tokio::test]
async fn every_language_proposal_that_is_not_needed_is_refused() {
    let sandbox = sandbox();
    for (name, _) in guests::PROPOSALS {
        let _reason = refused(&sandbox, name, guests::proposal(name)).await;
    }
}

#[tokio::test]
async fn a_component_that_does_not_come_to_describe_itself_is_refused_in_time() {
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
        let _reason = refused(&sandbox, name, bytes).await;
    }
}
