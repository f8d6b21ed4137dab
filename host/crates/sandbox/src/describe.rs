//! Runs a component's `describe` to get its manifest, without access to anything that varies.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jackfield_core::manifest::Manifest;

use crate::{
    computing_slots::ComputingTime, contract::Exports, engine::ComputingTimeExceeded, error::LoadError, guest::Guest,
    limits::DESCRIBE_WALL, sandbox::Sandbox, trap::format_trap,
};

/// Runs `describe` in a fresh instance.
pub(crate) async fn describe(sandbox: &Sandbox, exports: &Exports) -> Result<Manifest, LoadError> {
    let limits = sandbox.limits();
    let computed = ComputingTime::default();
    let mut store = sandbox.new_store(Guest::for_describe(limits), limits.describe_time, &computed);
    let call = computed.measure_call(AssertUnwindSafe(exports.describe(&mut store)).catch_unwind());
    match tokio::time::timeout(limits.describe_time * DESCRIBE_WALL, call).await {
        Err(_elapsed) => Err(out_of_time()),
        Ok(Ok(Err(trap))) if trap.is::<ComputingTimeExceeded>() => Err(out_of_time()),
        Ok(Err(_panic)) => Err(LoadError("the host could not read the manifest that `describe` returned".to_owned())),
        Ok(Ok(Err(trap))) => Err(LoadError(format!("`describe` failed: {}", format_trap(&trap)))),
        Ok(Ok(Ok(manifest))) => Ok(manifest),
    }
}

fn out_of_time() -> LoadError {
    LoadError("`describe` did not return in time".to_owned())
}
