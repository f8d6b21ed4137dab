//! Gives the processor to guests: only as many compute at once as there are slots, and components take turns.
//!
//! A turn lasts until the guest waits for something or until the next tick of the epoch, so at most about 5 ms. If
//! slots are short, each component with waiting calls gets the next one in turn, however many calls it has.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{sync::oneshot, time::Instant};

/// Identifies a component; see [`ComputingSlots::new_component`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ComponentNumber(u64);

/// The slots of a sandbox. Clones are the same slots.
#[derive(Clone, Debug)]
pub(crate) struct ComputingSlots(Arc<SlotState>);

#[derive(Debug)]
struct SlotState {
    components: AtomicU64,
    queues: Mutex<SlotQueues>,
}

#[derive(Debug)]
struct SlotQueues {
    free: usize,
    /// The calls that wait, by component. The component that gets the next slot is first.
    waiting: VecDeque<(ComponentNumber, VecDeque<oneshot::Sender<Slot>>)>,
}

/// A slot, until dropped. Then it passes to the next call that waits.
#[derive(Debug)]
struct Slot(Option<ComputingSlots>);

/// The processor time that one call has used. Clones are the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ComputingTime(Arc<AtomicU64>);

/// A call that computes only while it has a slot.
#[derive(Debug)]
pub(crate) struct InTurns<F> {
    call: Pin<Box<F>>,
    slots: ComputingSlots,
    component: ComponentNumber,
    computed: ComputingTime,
    waiting: Option<(Instant, oneshot::Receiver<Slot>)>,
    waited: Duration,
}

impl ComputingSlots {
    pub(crate) fn new(slots: usize) -> Self {
        let queues = SlotQueues { free: slots.max(1), waiting: VecDeque::new() };
        Self(Arc::new(SlotState { components: AtomicU64::new(0), queues: Mutex::new(queues) }))
    }

    /// Returns the number of a new component.
    pub(crate) fn new_component(&self) -> ComponentNumber {
        ComponentNumber(self.0.components.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs a call of a component in turns, and adds the processor time that it uses to `computed`.
    pub(crate) fn take_turns<F: Future>(
        &self,
        component: ComponentNumber,
        computed: ComputingTime,
        call: F,
    ) -> InTurns<F> {
        let (slots, call) = (self.clone(), Box::pin(call));
        InTurns { call, slots, component, computed, waiting: None, waited: Duration::ZERO }
    }

    /// Returns a free slot, or what receives one in turn.
    fn acquire(&self, component: ComponentNumber) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut queues = self.queues();
        if queues.free > 0 {
            queues.free -= 1;
            return Ok(Slot(Some(self.clone())));
        }
        let (sender, receiver) = oneshot::channel();
        match queues.waiting.iter_mut().find(|(known, _)| *known == component) {
            Some((_, calls)) => calls.push_back(sender),
            None => queues.waiting.push_back((component, VecDeque::from([sender]))),
        }
        Err(receiver)
    }

    fn queues(&self) -> MutexGuard<'_, SlotQueues> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotQueues {
    /// Removes the call that gets the next slot, and moves its component behind the others.
    fn next_waiting(&mut self) -> Option<oneshot::Sender<Slot>> {
        let (component, mut calls) = self.waiting.pop_front()?;
        let next = calls.pop_front();
        if !calls.is_empty() {
            self.waiting.push_back((component, calls));
        }
        next
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(slots) = self.0.take() else { return };
        loop {
            let next = {
                let mut queues = slots.queues();
                let next = queues.next_waiting();
                if next.is_none() {
                    queues.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Slot(Some(slots.clone()))) {
                Ok(()) => return,
                // This call has ended while it waited.
                Err(mut unused) => unused.0 = None,
            }
        }
    }
}

impl<F> InTurns<F> {
    /// Returns how long the call has waited for a slot.
    pub(crate) fn wait_time(&self) -> Duration {
        self.waited + self.waiting.as_ref().map_or(Duration::ZERO, |(since, _)| since.elapsed())
    }
}

impl<F: Future> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.waiting.is_none() {
            match this.slots.acquire(this.component) {
                Ok(slot) => return this.compute(slot, context),
                Err(receiver) => this.waiting = Some((Instant::now(), receiver)),
            }
        }
        let Some((since, receiver)) = &mut this.waiting else { return Poll::Pending };
        let Poll::Ready(received) = Pin::new(receiver).poll(context) else { return Poll::Pending };
        this.waited += since.elapsed();
        this.waiting = None;
        match received {
            Ok(slot) => this.compute(slot, context),
            Err(_never_dropped_before) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl<F: Future> InTurns<F> {
    fn compute(&mut self, slot: Slot, context: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.computed.measure(|| self.call.as_mut().poll(context));
        drop(slot);
        polled
    }
}

impl ComputingTime {
    /// Returns the processor time of all turns that have ended.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Runs a call without slots, and adds the processor time that it uses.
    pub(crate) async fn measure_call<F: Future>(&self, call: F) -> F::Output {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(|context| self.measure(|| call.as_mut().poll(context))).await
    }

    /// Counts the time of this thread, so that a thread that has to wait for a processor does not count.
    fn measure<T>(&self, compute: impl FnOnce() -> T) -> T {
        let started = thread_time();
        let result = compute();
        let nanoseconds = thread_time().saturating_sub(started).as_nanos();
        self.0.fetch_add(u64::try_from(nanoseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
        result
    }
}

/// Returns the processor time that this thread has used.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
