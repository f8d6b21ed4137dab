//! Runs a component's `describe` to get its manifest, without access to anything that varies.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jackfield_core::manifest::Manifest;

use crate::{
    contract::Exports,
    engine::{ComputingTimeExceeded, set_time_limit},
    error::LoadError,
    guest::Guest,
    limits::to_ticks,
    sandbox::Sandbox,
    trap::format_trap,
};

/// Runs `describe` in a fresh instance.
pub(crate) async fn describe(sandbox: &Sandbox, exports: &Exports) -> Result<Manifest, LoadError> {
    let limits = sandbox.limits();
    let mut store = sandbox.new_store(Guest::for_describe(limits));
    set_time_limit(&mut store, to_ticks(limits.describe_time));
    let call = exports.describe(&mut store);
    match tokio::time::timeout(limits.describe_time, AssertUnwindSafe(call).catch_unwind()).await {
        Err(_elapsed) => Err(out_of_time()),
        // The time limit of the guest is the same: under load, either can be the first.
        Ok(Ok(Err(trap))) if trap.is::<ComputingTimeExceeded>() => Err(out_of_time()),
        Ok(Err(_panic)) => Err(LoadError("the host could not read the manifest that `describe` returned".to_owned())),
        Ok(Ok(Err(trap))) => Err(LoadError(format!("`describe` failed: {}", format_trap(&trap)))),
        Ok(Ok(Ok(manifest))) => Ok(manifest),
    }
}

fn out_of_time() -> LoadError {
    LoadError("`describe` did not return in time".to_owned())
}
