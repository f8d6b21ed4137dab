//! Measures fresh calls of components in other languages, each in a new instance of its interpreter.

use std::{collections::BTreeMap, time::Instant};

use jackfield_egress::{CallPermissions, Egress, EgressConfig, RequestBudget};
use jackfield_sandbox::{Cache, Call, Component, Disconnect, DisconnectOutcome, Limits, Sandbox};
use jackfield_test_support::guests;
use tokio::runtime::Runtime;

use crate::{
    report::{Report, Target},
    samples::Samples,
};

/// Calls that warm up the pool of instances.
const WARM_UP: usize = 50;
/// Measured calls, one after the other.
const CALLS: usize = 400;

/// The example plugins: component, key, and maximum milliseconds.
const EXAMPLES: [(&str, &str, f64); 2] =
    [("acme-crew", "sandbox.js_fresh_call_ms", 3.0), ("acme-desk", "sandbox.python_fresh_call_ms", 5.0)];

/// A fresh instance and a `disconnect`, for which neither example sends a request.
pub(crate) fn fresh_calls(report: &mut Report) {
    let runtime = Runtime::new().expect("a runtime");
    for (id, key, target) in EXAMPLES {
        let name = format!("examples/{id}");
        if !guests::component_path(&name).is_file() {
            report.note(format!("{key}: SKIPPED, because the example was not built"));
            continue;
        }
        let timed = async move {
            let egress = Egress::new(EgressConfig::default()).expect("an egress");
            let sandbox = Sandbox::new(Limits::default(), egress, Cache::none()).expect("a sandbox");
            let component = sandbox.load(guests::read_component(&name)).await.expect("the component loads");
            let mut samples = Samples::default();
            for number in 0..WARM_UP + CALLS {
                let begun = Instant::now();
                match sandbox.run(&component, call(&component), Disconnect).await {
                    Ok(DisconnectOutcome { note: Some(_), .. }) => {}
                    other => panic!("{name}: a disconnect was expected: {other:?}"),
                }
                if number >= WARM_UP {
                    samples.add(begun.elapsed());
                }
            }
            samples
        };
        // In a task, as in the service.
        let samples = runtime.block_on(async { runtime.spawn(timed).await }).expect("the calls end");
        report.time(key, samples.median() / 1_000.0, samples.p99() / 1_000.0, Target::AtMost(target));
    }
    report.note("sandbox.js_fresh_call, sandbox.python_fresh_call: `disconnect` of the example plugins");
}

fn call(component: &Component) -> Call {
    let endpoints = component.endpoints.clone();
    let permissions =
        CallPermissions::new("bench".to_owned(), endpoints, Vec::new(), BTreeMap::new(), RequestBudget::new(1));
    Call { permissions, fields: BTreeMap::new(), account: None }
}
