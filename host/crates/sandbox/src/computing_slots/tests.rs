//! Tests of the turns in which calls compute, without threads and clocks.

use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    rc::Rc,
    task::Waker,
};

use super::*;

/// A call that computes in `turns` turns and writes its name at each.
fn spin(log: &Rc<RefCell<Vec<&'static str>>>, name: &'static str, turns: usize) -> impl Future<Output = ()> {
    let (log, mut left) = (Rc::clone(log), turns);
    poll_fn(move |context| {
        log.borrow_mut().push(name);
        left -= 1;
        if left == 0 {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

fn poll<F: Future + Unpin>(call: &mut F) -> Poll<F::Output> {
    Pin::new(call).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn components_take_turns_however_many_calls_one_has() {
    let slots = ComputingSlots::new(1);
    let (flood, other) = (slots.new_component(), slots.new_component());
    let log = Rc::default();
    let held = slots.acquire(flood).expect("a free slot");
    let mut calls: Vec<_> =
        (0..100).map(|_| slots.take_turns(flood, ComputingTime::default(), spin(&log, "flood", 1_000))).collect();
    let mut other = slots.take_turns(other, ComputingTime::default(), spin(&log, "other", 10));
    for call in &mut calls {
        assert!(poll(call).is_pending(), "all slots are taken");
    }
    assert!(poll(&mut other).is_pending());
    assert!(log.borrow().is_empty());
    drop(held);
    // The other call is ready to compute again after each of its turns.
    let mut polls = 0;
    while poll(&mut other).is_pending() {
        assert!(polls < 10_000, "the other component does not get its turns");
        let _ = poll(&mut calls[polls % 100]);
        polls += 1;
    }
    let log = log.borrow();
    let longest = log.split(|name| *name == "other").map(<[_]>::len).max().unwrap_or_default();
    // One that had the slot when the other call was ready again, one that got it then, and one in turn.
    assert!(longest <= 3, "{longest} turns of the flood between two of the other component");
}

#[test]
fn a_call_that_is_dropped_while_it_waits_or_computes_releases_its_slot() {
    let slots = ComputingSlots::new(1);
    let component = slots.new_component();
    let held = slots.acquire(component).expect("a free slot");
    let mut dropped = slots.take_turns(component, ComputingTime::default(), pending::<()>());
    let mut given = slots.take_turns(component, ComputingTime::default(), pending::<()>());
    assert!(poll(&mut dropped).is_pending() && poll(&mut given).is_pending());
    drop(dropped);
    drop(held);
    // The slot was given to the second call, which ends before it uses it.
    assert_eq!(slots.queues().free, 0);
    drop(given);
    assert_eq!(slots.queues().free, 1);
    assert_eq!(slots.queues().waiting.len(), 0);
}

#[test]
fn a_slot_is_free_while_its_call_waits() {
    let slots = ComputingSlots::new(1);
    let component = slots.new_component();
    let mut call = slots.take_turns(component, ComputingTime::default(), pending::<()>());
    assert!(poll(&mut call).is_pending());
    assert_eq!(slots.queues().free, 1);
    assert_eq!(call.wait_time(), Duration::ZERO);
}

#[test]
fn only_the_time_of_the_own_turns_counts_as_computed() {
    let computed = ComputingTime::default();
    let work = |limit: Duration| {
        let started = thread_time();
        while thread_time() - started < limit {
            std::hint::spin_loop();
        }
    };
    computed.measure(|| work(Duration::from_millis(2)));
    let own = computed.total();
    assert!(own >= Duration::from_millis(2), "{own:?}");
    work(Duration::from_millis(2));
    assert_eq!(computed.total(), own);
}
