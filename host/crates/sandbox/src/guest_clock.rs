//! The clocks of a guest, which tick in coarse and irregular steps.
//!
//! A component that measures how long the host works for it could learn what the host compares. So both of its clocks
//! show the same ticks of 10 ms, at times that are shifted at random, and its timers end at these ticks.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wasmtime::component::Resource;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock,
    clocks::WasiClocksView,
    p2::{DynPollable, bindings::clocks::monotonic_clock},
};

use crate::guest::Guest;

/// The time between two ticks, in nanoseconds. A call takes some milliseconds, so most of them see one or two ticks.
const TICK: u64 = 10_000_000;

/// What the monotonic clock shows at first, in nanoseconds: a second. Runtimes such as Go's stop at a clock that shows 0.
const FIRST_TIME: u64 = 1_000_000_000;

/// The wall-clock time that `describe` sees: 2026-01-01T00:00:00Z.
const DESCRIBE_TIME: Duration = Duration::from_secs(1_767_225_600);

/// The clock of one call. Clones show the same time.
#[derive(Clone)]
pub(crate) struct GuestClock(Arc<ClockState>);

struct ClockState {
    /// Returns the nanoseconds since the clock was created.
    elapsed: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The wall-clock time at which the clock was created, since 1970.
    created_at: Duration,
    /// Determines how much later than its time each tick is shown.
    jitter: RandomState,
}

impl GuestClock {
    /// Creates a clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the guest's wall clock is that of the machine")]
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        let elapsed = move || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let created_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(elapsed, created_at)
    }

    /// Creates a clock that always shows [`DESCRIBE_TIME`]. Its timers run nevertheless.
    pub(crate) fn stopped() -> Self {
        Self::new(|| 0, DESCRIBE_TIME)
    }

    fn new(elapsed: impl Fn() -> u64 + Send + Sync + 'static, created_at: Duration) -> Self {
        let tick = Duration::from_nanos(TICK);
        let partial_tick = created_at.as_nanos() % tick.as_nanos();
        let created_at = created_at - Duration::from_nanos(u64::try_from(partial_tick).unwrap_or_default());
        Self(Arc::new(ClockState { elapsed: Box::new(elapsed), created_at, jitter: RandomState::new() }))
    }

    /// Returns the time that the guest sees, in nanoseconds since the clock was created.
    fn shown_time(&self) -> u64 {
        let now = (self.0.elapsed)();
        let last = now / TICK;
        // A tick is shown less than one tick late, so it is the last one or the one before.
        let shown = if self.tick_time(last) <= now { last } else { last.saturating_sub(1) };
        shown * TICK
    }

    /// Returns when a tick is shown, in nanoseconds since the clock was created.
    fn tick_time(&self, tick: u64) -> u64 {
        tick.saturating_mul(TICK).saturating_add(self.0.jitter.hash_one(tick) % TICK)
    }

    /// Returns what the monotonic clock of the guest shows, in nanoseconds. It is never 0.
    fn monotonic_time(&self) -> u64 {
        self.shown_time().saturating_add(FIRST_TIME)
    }

    /// Returns how long a timer waits that the guest sets for a duration: until a tick is shown after it.
    fn timer_wait(&self, nanoseconds: u64) -> u64 {
        if nanoseconds == 0 {
            return 0;
        }
        let now = (self.0.elapsed)();
        let end = now.saturating_add(nanoseconds);
        self.tick_time(end.div_ceil(TICK)).max(end) - now
    }
}

impl HostMonotonicClock for GuestClock {
    fn resolution(&self) -> u64 {
        TICK
    }

    fn now(&self) -> u64 {
        self.monotonic_time()
    }
}

impl HostWallClock for GuestClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(TICK)
    }

    fn now(&self) -> Duration {
        self.0.created_at + Duration::from_nanos(self.shown_time())
    }
}

// The implementation of wasmtime, except for the ends of timers.
impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.monotonic_time())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(TICK)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let left = when.saturating_sub(self.clock.monotonic_time());
        self.subscribe_duration(left)
    }

    fn subscribe_duration(&mut self, nanoseconds: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let time = self.clock.timer_wait(nanoseconds);
        monotonic_clock::Host::subscribe_duration(&mut self.clocks(), time)
    }
}

impl fmt::Debug for GuestClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GuestClock({} ns)", self.shown_time())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::atomic::{AtomicU64, Ordering},
    };

    use super::*;

    /// A clock over one that the test sets.
    fn clock() -> (GuestClock, Arc<AtomicU64>) {
        let elapsed = Arc::new(AtomicU64::new(0));
        let inner = Arc::clone(&elapsed);
        let created_at = Duration::from_nanos(1_700_000_000_123_456_789);
        (GuestClock::new(move || inner.load(Ordering::Relaxed), created_at), elapsed)
    }

    #[test]
    fn a_clock_ticks_in_coarse_steps_and_never_goes_back() {
        let (clock, elapsed) = clock();
        let mut shown = vec![0];
        for now in (0..1_000 * TICK).step_by(100_000) {
            elapsed.store(now, Ordering::Relaxed);
            let time = HostMonotonicClock::now(&clock) - FIRST_TIME;
            assert!(time <= now && now - time < 2 * TICK, "{time} at {now}");
            if shown.last() != Some(&time) {
                shown.push(time);
            }
            assert_eq!(HostWallClock::now(&clock), Duration::from_nanos(1_700_000_000_120_000_000 + time));
        }
        assert!(shown.is_sorted_by(|one, next| one + TICK <= *next && next % TICK == 0));
    }

    #[test]
    fn no_clock_shows_zero() {
        for clock in [GuestClock::stopped(), clock().0] {
            assert!(HostMonotonicClock::now(&clock) >= FIRST_TIME);
            assert!(HostWallClock::now(&clock) >= Duration::from_secs(1_700_000_000));
        }
        let again = GuestClock::stopped();
        assert_eq!(HostWallClock::now(&again).as_secs(), 1_767_225_600, "always the same time for `describe`");
        assert_eq!(HostMonotonicClock::now(&again), 1_000_000_000);
    }

    #[test]
    fn ticks_are_irregular_and_differ_between_calls() {
        let delays =
            |clock: &GuestClock| (0..100).map(|tick| clock.tick_time(tick) - tick * TICK).collect::<BTreeSet<_>>();
        let ((one, _), (other, _)) = (clock(), clock());
        assert!(delays(&one).len() > 90 && delays(&one) != delays(&other));
        assert!(delays(&one).iter().all(|delay| *delay < TICK));
    }

    #[test]
    fn a_timer_ends_when_a_tick_is_shown_and_not_too_early() {
        let (clock, elapsed) = clock();
        for now in (0..100 * TICK).step_by(777_777) {
            elapsed.store(now, Ordering::Relaxed);
            assert_eq!(clock.timer_wait(0), 0, "one that is over does not wait");
            for wanted in [1, 1_000, TICK - 1, TICK, TICK + 1, 50 * TICK] {
                let shown = HostMonotonicClock::now(&clock);
                let end = now + clock.timer_wait(wanted);
                assert!(end >= now + wanted && end < now + wanted + 2 * TICK, "{wanted} at {now}");
                elapsed.store(end, Ordering::Relaxed);
                assert!(HostMonotonicClock::now(&clock) >= shown + wanted, "the guest sees that the time has passed");
                elapsed.store(now, Ordering::Relaxed);
            }
        }
        assert_eq!(clock.timer_wait(u64::MAX), u64::MAX - (elapsed.load(Ordering::Relaxed)));
    }
}
