//! Runs a component's `describe` to get its manifest, without access to anything that varies.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jackfield_core::manifest::Manifest;
use jackfield_egress::CallRecorder;

use crate::{
    computing_slots::ComputingTime,
    contract::Exports,
    engine::ComputingTimeExceeded,
    error::LoadError,
    guest::Guest,
    sandbox::Sandbox,
    trap::{format_trap, format_trap_after},
};

/// Runs `describe` in a fresh instance.
pub(crate) async fn describe(sandbox: &Sandbox, exports: &Exports) -> Result<Manifest, LoadError> {
    let (limits, recorder) = (sandbox.limits(), CallRecorder::with_trace());
    let computed = ComputingTime::default();
    let ended = {
        let guest = Guest::for_describe(limits, recorder.clone());
        let mut store = sandbox.new_store(guest, limits.describe_time, &computed);
        let call = computed.measure_call(AssertUnwindSafe(exports.describe(&mut store)).catch_unwind());
        tokio::time::timeout(limits.describe_time * limits.describe_wall, call).await
    };
    match ended {
        Err(_elapsed) => Err(out_of_time()),
        Ok(Ok(Err(trap))) if trap.is::<ComputingTimeExceeded>() => Err(out_of_time()),
        Ok(Err(_panic)) => Err(LoadError::new("the host could not read the manifest that `describe` returned")),
        Ok(Ok(Err(trap))) => Err(LoadError::new(format!(
            "`describe` failed: {}",
            match recorder.lines().last() {
                Some(last) => format_trap_after(&trap, &last.text),
                None => format_trap(&trap),
            }
        ))),
        Ok(Ok(Ok(manifest))) => Ok(manifest),
    }
}

fn out_of_time() -> LoadError {
    LoadError::new("`describe` did not return in time")
}
