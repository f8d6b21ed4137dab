//! Runs one operation of a component in a fresh instance, within the limits of a call.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use wasmtime::PoolConcurrencyLimitError;

use crate::{
    computing_slots::ComputingTime,
    engine::used_fuel,
    error::CallError,
    guest::Guest,
    operation::{CallOperation, GuestCall},
    sandbox::{Component, Sandbox},
    trap::format_trap,
    types::{Call, GuestConnection},
};

/// The part of its time that a call may wait for a computing slot before a timeout is not its own fault.
const FAIR_WAIT: u32 = 10;

/// A call that may run until its deadline.
struct StartedCall {
    call: Call,
    deadline: Instant,
    /// Where its requests are sent from.
    caller: Handle,
    /// Released once everything of the call is dropped.
    _permits: [OwnedSemaphorePermit; 2],
}

impl Sandbox {
    /// Runs one operation in a fresh instance. Whatever the guest does, this returns within [`Limits::call_time`].
    ///
    /// The guest computes on threads of the sandbox, in turns with the guests of other components. Its requests are
    /// sent from the runtime of the caller. If the future is dropped, the call ends.
    ///
    /// [`Limits::call_time`]: crate::Limits::call_time
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn run<O: CallOperation>(
        &self,
        component: &Component,
        mut call: Call,
        operation: O,
    ) -> Result<O::Answer, CallError> {
        let acquire =
            |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().map_err(|_full| CallError::Overloaded);
        let permits = [acquire(&component.calls)?, acquire(self.calls())?];
        call.permissions.memory = component.memory.for_call();
        let deadline = Instant::now() + self.limits().call_time;
        let call = StartedCall { call, deadline, caller: Handle::current(), _permits: permits };
        let (sandbox, component) = (self.clone(), component.clone());
        let task = self.runtime().spawn(async move { sandbox.run_started(&component, call, operation).await });
        let task = task.map_err(|error| CallError::Fault(format!("cannot start the threads of calls: {error}")))?;
        // Fails after a panic outside of the guest's call, or when the process ends.
        task.await.unwrap_or_else(|error| Err(CallError::Fault(format!("the host failed: {error}"))))
    }

    async fn run_started<O: CallOperation>(
        &self,
        component: &Component,
        started: StartedCall,
        operation: O,
    ) -> Result<O::Answer, CallError> {
        let StartedCall { call, deadline, caller, _permits } = started;
        let limits = self.limits();
        let permissions = call.permissions.clone();
        let (guest, requests) =
            Guest::for_call(limits, &component.manifest.id, self.egress().clone(), call.permissions, deadline, caller);
        let computed = ComputingTime::default();
        let mut store = self.new_store(guest, limits.guest_time, &computed);
        let answer = operation.invoke(GuestCall {
            exports: &component.exports,
            store: &mut store,
            connection: GuestConnection { fields: call.fields, account: call.account },
            manifest: &component.manifest,
        });
        // A panic ends only this call. The timeout also covers host functions, which the epoch does not interrupt.
        let (ending, waits_for_provider, waited) = {
            let answer = permissions.recorder.time_call(AssertUnwindSafe(answer).catch_unwind());
            let mut answer = self.slots().take_turns(component.number, computed, answer);
            let ending = tokio::select! {
                biased;
                guess = requests.wait_for_guess() => CallEnding::Guessed(guess),
                result = timeout_at(deadline, &mut answer) => {
                    result.map_or_else(|_elapsed| CallEnding::OutOfTime, CallEnding::Returned)
                }
            };
            // The component may have returned while its guess was searched.
            let ending = permissions.end().map_or(ending, |guess| CallEnding::Guessed(guess.message));
            // Read before the call is dropped, because that also drops its pending requests.
            (ending, requests.is_any_pending(), answer.wait_time())
        };
        permissions.recorder.record_memory(store.data().meter.used_memory(), used_fuel(&store, limits));
        match ending {
            CallEnding::Guessed(guess) => Err(CallError::Guess(guess)),
            _ if permissions.memory.is_exhausted() => Err(CallError::Overloaded),
            // The provider used up the call's time, even if the guest still reports that.
            _ if waits_for_provider && Instant::now() >= deadline => Err(CallError::ProviderTimeout),
            CallEnding::Returned(Ok(Ok(answer))) => answer,
            CallEnding::Returned(Ok(Err(trap))) if trap.is::<PoolConcurrencyLimitError>() => Err(CallError::Overloaded),
            CallEnding::Returned(Ok(Err(trap))) => Err(CallError::Fault(format_trap(&trap))),
            CallEnding::Returned(Err(_panic)) => {
                Err(CallError::Fault("a host function panicked on a value from the component".to_owned()))
            }
            CallEnding::OutOfTime if waited >= limits.call_time / FAIR_WAIT => Err(CallError::Overloaded),
            CallEnding::OutOfTime => {
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
    OutOfTime,
}
