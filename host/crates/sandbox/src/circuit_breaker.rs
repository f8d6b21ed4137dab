//! Pauses a component after repeated faults. After a pause it gets another chance; each further fault doubles the pause.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Number of faults within [`WINDOW`] that pause a component, if more than half of its calls in that time are faults.
const FAULTS: usize = 5;

/// How long a call counts.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// The maximum number of calls that count. It is enough to see a majority, and costs little memory.
const REMEMBERED_CALLS: usize = 64;

/// The first pause. Each fault after a pause doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// The pause after the first guess at a secret. Each guess doubles it, even after successful calls, because otherwise a
/// component could make a guess a minute.
const FIRST_GUESS_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// The longest pause after a guess at a secret.
const LONGEST_GUESS_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// The longest pause after another fault.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// The latest calls of one component, and its pause. Each version of a plugin has its own.
#[derive(Debug, Default)]
pub struct CircuitBreaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    /// When each call ended, and whether in a fault.
    calls: VecDeque<(Timestamp, bool)>,
    pause: Option<Pause>,
    /// The pause after the last guess at a secret.
    guess_pause: Option<SignedDuration>,
}

/// A pause of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The end of the pause.
    pub until: Timestamp,
    length: SignedDuration,
}

impl CircuitBreaker {
    /// Returns the current pause; `None` if calls may run.
    #[must_use]
    pub fn pause_at(&self, now: Timestamp) -> Option<Pause> {
        self.state().pause.filter(|pause| now < pause.until)
    }

    /// Records a call with an answer or with an error of the contract.
    pub fn record_success(&self, now: Timestamp) {
        self.record(now, false);
    }

    /// Records a call that trapped, used up its time or memory, or violated the contract.
    pub fn record_fault(&self, now: Timestamp) {
        self.record(now, true);
    }

    /// Records a call in which the component guessed a secret of the connection. It pauses the component at once.
    pub fn record_guess(&self, now: Timestamp) {
        let mut state = self.state();
        let length =
            state.guess_pause.map_or(FIRST_GUESS_PAUSE, |pause| pause.saturating_mul(2).min(LONGEST_GUESS_PAUSE));
        state.guess_pause = Some(length);
        state.start_pause(now, length);
    }

    fn record(&self, now: Timestamp, is_fault: bool) {
        let mut state = self.state();
        match state.pause {
            // This call began before the pause, so it says nothing about the time after it.
            Some(pause) if now < pause.until => return,
            Some(pause) if is_fault => {
                let length = pause.length.saturating_mul(2).min(LONGEST_PAUSE);
                state.start_pause(now, length);
                return;
            }
            Some(_) => {
                state.pause = None;
                state.calls.clear();
            }
            None => {}
        }
        let since = now.saturating_sub(WINDOW).unwrap_or(Timestamp::MIN);
        state.calls.retain(|(at, _)| *at > since);
        state.calls.push_back((now, is_fault));
        if state.calls.len() > REMEMBERED_CALLS {
            state.calls.pop_front();
        }
        let faults = state.calls.iter().filter(|(_, is_fault)| *is_fault).count();
        if faults >= FAULTS && faults * 2 > state.calls.len() {
            state.start_pause(now, FIRST_PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerState {
    fn start_pause(&mut self, now: Timestamp, length: SignedDuration) {
        self.calls.clear();
        self.pause = Some(Pause { until: now.saturating_add(length).unwrap_or(Timestamp::MAX), length });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn record_faults(breaker: &CircuitBreaker, seconds: std::ops::Range<i64>) {
        for second in seconds {
            breaker.record_fault(at(second));
        }
    }

    #[test]
    fn five_faults_in_a_minute_pause_and_a_success_ends_it() {
        let breaker = CircuitBreaker::default();
        record_faults(&breaker, 0..4);
        assert_eq!(breaker.pause_at(at(4)), None);
        record_faults(&breaker, 4..5);
        assert_eq!(breaker.pause_at(at(4)).map(|pause| pause.until), Some(at(34)));
        assert_eq!(breaker.pause_at(at(34)), None, "calls may run again");
        breaker.record_success(at(34));
        record_faults(&breaker, 35..39);
        assert_eq!(breaker.pause_at(at(39)), None, "earlier faults no longer count");
    }

    #[test]
    fn a_fault_after_a_pause_doubles_it_up_to_an_hour() {
        let breaker = CircuitBreaker::default();
        record_faults(&breaker, 0..5);
        let mut pauses = Vec::new();
        let mut now = 4;
        for _ in 0..9 {
            let until = breaker.pause_at(at(now)).expect("a pause").until.as_second();
            pauses.push(until - now);
            now = until;
            breaker.record_fault(at(now));
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn a_guess_pauses_at_once_and_successes_do_not_shorten_the_next_pause() {
        let breaker = CircuitBreaker::default();
        let mut hours = Vec::new();
        let mut now = 0;
        for _ in 0..7 {
            breaker.record_success(at(now));
            breaker.record_guess(at(now));
            let until = breaker.pause_at(at(now)).expect("a pause").until.as_second();
            hours.push((until - now) / 3_600);
            breaker.record_success(at(until - 1));
            assert!(breaker.pause_at(at(until - 1)).is_some(), "a call that began before the guess");
            now = until;
        }
        assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
    }

    #[test]
    fn rare_or_old_faults_do_not_pause() {
        let breaker = CircuitBreaker::default();
        for second in 0..10 {
            breaker.record_fault(at(second * 20));
        }
        for second in 300..330 {
            if second % 3 == 0 { breaker.record_fault(at(second)) } else { breaker.record_success(at(second)) }
        }
        assert_eq!(breaker.pause_at(at(330)), None);
    }
}
