//! Limits the memory that all calls use together: linear memories, bodies, and the copies in which secrets are searched.
//!
//! A reservation that does not fit waits for others to be released. It does not wait for long, because calls that wait
//! for each other could otherwise block all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::SendError;

/// Bytes of one permit. Reservations are rounded up, so that a body that grows does not take a lock for every chunk.
const UNIT: usize = 16 << 10;

/// A number of bytes that many calls share. Clones are the same allowance.
#[derive(Clone, Debug)]
pub struct MemoryAllowance {
    /// The permits of this allowance and of those that contain it, the smallest first.
    levels: Arc<[Arc<Semaphore>]>,
    wait: Duration,
}

/// The share of one call in an allowance. Clones are the same share; the default one is unlimited.
#[derive(Clone, Debug, Default)]
pub struct CallMemory(Option<Arc<CallShare>>);

#[derive(Debug)]
struct CallShare {
    allowance: MemoryAllowance,
    is_exhausted: AtomicBool,
}

/// Bytes that are reserved until this is dropped.
#[derive(Debug, Default)]
pub struct MemoryReservation {
    memory: CallMemory,
    units: u32,
    permits: Vec<OwnedSemaphorePermit>,
}

/// The allowance had too little left for longer than a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calls of the service use all of their memory")]
pub struct MemoryExhausted;

impl MemoryAllowance {
    /// Creates an allowance of `bytes`. A reservation waits for at most `wait`.
    #[must_use]
    pub fn new(bytes: usize, wait: Duration) -> Self {
        Self { levels: Arc::new([new_level(bytes)]), wait }
    }

    /// Creates an allowance of `bytes` whose reservations count in this one too.
    #[must_use]
    pub fn part(&self, bytes: usize) -> Self {
        let levels = std::iter::once(new_level(bytes)).chain(self.levels.iter().cloned());
        Self { levels: levels.collect(), wait: self.wait }
    }

    /// Creates the share of a call.
    #[must_use]
    pub fn for_call(&self) -> CallMemory {
        CallMemory(Some(Arc::new(CallShare { allowance: self.clone(), is_exhausted: AtomicBool::new(false) })))
    }

    /// Returns the bytes that are not reserved.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.levels.iter().map(|level| level.available_permits() * UNIT).min().unwrap_or_default()
    }
}

impl From<MemoryExhausted> for SendError {
    fn from(exhausted: MemoryExhausted) -> Self {
        Self::Unreachable(exhausted.to_string())
    }
}

fn new_level(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)))
}

impl CallMemory {
    /// Reserves bytes, and waits if they do not fit now.
    ///
    /// # Errors
    /// They did not fit in time.
    pub async fn reserve(&self, bytes: usize) -> Result<MemoryReservation, MemoryExhausted> {
        let mut reservation = MemoryReservation::of(self);
        reservation.grow_to(bytes).await?;
        Ok(reservation)
    }

    /// Returns whether a reservation of the call has failed.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.0.as_ref().is_some_and(|share| share.is_exhausted.load(Ordering::Relaxed))
    }
}

impl MemoryReservation {
    /// Creates an empty reservation in the share of a call.
    #[must_use]
    pub fn of(memory: &CallMemory) -> Self {
        Self { memory: memory.clone(), ..Self::default() }
    }

    /// Reserves more, until there are `bytes` in total. It never releases any.
    ///
    /// # Errors
    /// They did not fit in time. What was reserved before is kept.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<(), MemoryExhausted> {
        let Some(share) = &self.memory.0 else { return Ok(()) };
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let more = units.saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        let acquire_all = async {
            let mut permits = Vec::with_capacity(share.allowance.levels.len());
            for level in share.allowance.levels.iter() {
                permits.push(Arc::clone(level).acquire_many_owned(more).await.map_err(|_closed| MemoryExhausted)?);
            }
            Ok(permits)
        };
        let acquired = tokio::time::timeout(share.allowance.wait, acquire_all).await;
        let permits = acquired.unwrap_or(Err(MemoryExhausted)).inspect_err(|_exhausted| {
            share.is_exhausted.store(true, Ordering::Relaxed);
        })?;
        if self.permits.is_empty() {
            self.permits = permits;
        } else {
            self.permits.iter_mut().zip(permits).for_each(|(held, new)| held.merge(new));
        }
        self.units = units;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const WAIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_reservation_waits_until_another_is_released() {
        let allowance = MemoryAllowance::new(10 * UNIT, WAIT);
        let (first, second) = (allowance.for_call(), allowance.for_call());
        let held = first.reserve(8 * UNIT).await.expect("fits");
        let mut waiting = std::pin::pin!(second.reserve(3 * UNIT));
        assert!(waiting.as_mut().now_or_never().is_none(), "it does not fit yet");
        drop(held);
        let got = waiting.await.expect("fits now");
        assert_eq!(allowance.free_bytes(), 7 * UNIT);
        drop(got);
        assert_eq!(allowance.free_bytes(), 10 * UNIT);
    }

    #[tokio::test]
    async fn a_call_whose_reservation_does_not_fit_in_time_is_exhausted() {
        let allowance = MemoryAllowance::new(10 * UNIT, Duration::ZERO);
        let (small, large) = (allowance.for_call(), allowance.for_call());
        let mut held = small.reserve(1).await.expect("fits");
        assert_eq!(large.reserve(10 * UNIT).await.map(drop), Err(MemoryExhausted));
        assert!(large.is_exhausted() && !small.is_exhausted());
        held.grow_to(10 * UNIT).await.expect("what the failed reservation had acquired is free again");
        assert_eq!(held.grow_to(11 * UNIT).await, Err(MemoryExhausted));
        assert_eq!(allowance.free_bytes(), 0, "what was reserved before is kept");
        drop(held);
        assert_eq!(allowance.free_bytes(), 10 * UNIT);
    }

    #[tokio::test]
    async fn a_part_that_is_used_up_leaves_the_rest_to_the_others() {
        let all = MemoryAllowance::new(10 * UNIT, Duration::ZERO);
        let (one, other) = (all.part(6 * UNIT), all.part(6 * UNIT));
        let _held = one.for_call().reserve(6 * UNIT).await.expect("fits");
        assert_eq!(one.for_call().reserve(1).await.map(drop), Err(MemoryExhausted));
        let _rest = other.for_call().reserve(4 * UNIT).await.expect("the others have the rest");
        assert_eq!(other.for_call().reserve(1).await.map(drop), Err(MemoryExhausted), "all together");
    }
}
