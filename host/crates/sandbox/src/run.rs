//! Runs one operation of a component in a fresh instance, within the limits of a call.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::{
    engine::used_fuel,
    error::CallError,
    guest::Guest,
    operation::{CallOperation, GuestCall},
    sandbox::{Component, Sandbox},
    trap::format_trap,
    types::{Call, GuestConnection},
};

impl Sandbox {
    /// Runs one operation in a fresh instance. Whatever the guest does, this returns within [`Limits::call_time`].
    ///
    /// [`Limits::call_time`]: crate::Limits::call_time
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn run<O: CallOperation>(
        &self,
        component: &Component,
        call: Call,
        operation: O,
    ) -> Result<O::Answer, CallError> {
        let _component_permit = component.calls.try_acquire().map_err(|_full| CallError::Overloaded)?;
        let _permit = self.calls().try_acquire().map_err(|_full| CallError::Overloaded)?;
        let limits = self.limits();
        let deadline = Instant::now() + limits.call_time;
        let recorder = call.permissions.recorder.clone();
        let (guest, requests) =
            Guest::for_call(limits, &component.manifest.id, self.egress().clone(), call.permissions, deadline);
        let mut store = self.new_store(guest);
        let answer = operation.invoke(GuestCall {
            exports: &component.exports,
            store: &mut store,
            connection: GuestConnection { fields: call.fields, account: call.account },
            manifest: &component.manifest,
        });
        // A panic ends only this call. The timeout also covers host functions, which the epoch does not interrupt.
        let ending = {
            let mut answer = std::pin::pin!(AssertUnwindSafe(answer).catch_unwind());
            let call = tokio::time::timeout_at(deadline, recorder.time_call(answer.as_mut()));
            tokio::select! {
                biased;
                guess = requests.wait_for_guess() => CallEnding::Guessed(guess),
                result = call => match result {
                    Ok(result) => CallEnding::Returned(result),
                    // Read before the call is dropped, because that also drops its pending requests.
                    Err(_elapsed) => CallEnding::OutOfTime { waits_for_provider: requests.is_any_pending() },
                },
            }
        };
        recorder.record_memory(store.data().meter.used_memory(), used_fuel(&store, limits));
        match ending {
            CallEnding::Returned(Ok(Ok(answer))) => answer,
            CallEnding::Returned(Ok(Err(trap))) => Err(CallError::Fault(format_trap(&trap))),
            CallEnding::Returned(Err(_panic)) => {
                Err(CallError::Fault("a host function panicked on a value from the component".to_owned()))
            }
            CallEnding::Guessed(guess) => Err(CallError::Guess(guess)),
            CallEnding::OutOfTime { waits_for_provider: true } => Err(CallError::ProviderTimeout),
            CallEnding::OutOfTime { waits_for_provider: false } => {
                Err(CallError::Fault(format!("it did not finish within {} s", limits.call_time.as_secs_f32())))
            }
        }
    }
}

/// How a call ended. `T` is what the export returned, or that a host function panicked.
enum CallEnding<T> {
    Returned(T),
    /// The component guessed a secret, in this way.
    Guessed(String),
    OutOfTime {
        waits_for_provider: bool,
    },
}
