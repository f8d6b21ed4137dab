//! Pauses a component after repeated faults. After a pause it gets another chance; each further fault doubles the pause.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

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
pub struct CircuitBreaker {
    state: Mutex<BreakerState>,
    /// The pause after the last guess at a secret, for the calls that run then.
    last_guess: watch::Sender<Option<Pause>>,
}

#[derive(Debug, Default)]
struct BreakerState {
    /// When each call ended, and whether in a fault.
    calls: VecDeque<(Timestamp, bool)>,
    pause: Option<Pause>,
    /// The length of the pause after the last guess at a secret.
    guess_pause: Option<SignedDuration>,
    /// Since when guesses count, once the earlier ones were restored.
    guesses_count_since: Option<Timestamp>,
}

/// Waits for the next guess of a component at a secret.
#[derive(Debug)]
pub struct GuessWatch(watch::Receiver<Option<Pause>>);

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

    /// Records a call in which the component guessed a secret of the connection.
    ///
    /// It pauses the component at once, and notifies the calls that [watch](Self::watch_guesses).
    pub fn record_guess(&self, now: Timestamp) {
        let pause = self.state().add_guess(now);
        self.last_guess.send_replace(Some(pause));
    }

    /// Returns since when guesses count; `None` before [`restore_guesses`](Self::restore_guesses).
    #[must_use]
    pub fn guesses_count_since(&self) -> Option<Timestamp> {
        self.state().guesses_count_since
    }

    /// Counts only the guesses after `since`, and starts their pauses. `guesses` are in order.
    ///
    /// A pause that began before ends, whatever its reason.
    pub fn restore_guesses(&self, since: Timestamp, guesses: impl IntoIterator<Item = Timestamp>) {
        let mut state = self.state();
        *state = BreakerState { guesses_count_since: Some(since), ..BreakerState::default() };
        for at in guesses.into_iter().filter(|at| *at > since) {
            state.add_guess(at);
        }
    }

    /// Watches for guesses that are made from now on.
    #[must_use]
    pub fn watch_guesses(&self) -> GuessWatch {
        GuessWatch(self.last_guess.subscribe())
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerState {
    fn add_guess(&mut self, now: Timestamp) -> Pause {
        let length =
            self.guess_pause.map_or(FIRST_GUESS_PAUSE, |pause| pause.saturating_mul(2).min(LONGEST_GUESS_PAUSE));
        self.guess_pause = Some(length);
        self.start_pause(now, length)
    }

    fn start_pause(&mut self, now: Timestamp, length: SignedDuration) -> Pause {
        self.calls.clear();
        let pause = Pause { until: now.saturating_add(length).unwrap_or(Timestamp::MAX), length };
        self.pause = Some(pause);
        pause
    }
}

impl GuessWatch {
    /// Returns the pause that the next guess starts.
    pub async fn wait(mut self) -> Pause {
        while self.0.changed().await.is_ok() {
            if let Some(pause) = *self.0.borrow_and_update() {
                return pause;
            }
        }
        // The component is gone, so it makes no more guesses.
        std::future::pending().await
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
    fn earlier_guesses_pause_a_component_that_is_loaded_again() {
        let breaker = CircuitBreaker::default();
        assert_eq!(breaker.guesses_count_since(), None);
        breaker.restore_guesses(at(-10), [at(-10), at(0), at(4_000)]);
        assert_eq!(breaker.guesses_count_since(), Some(at(-10)));
        let end = 4_000 + 2 * 3_600;
        assert_eq!(breaker.pause_at(at(end - 1)).map(|pause| pause.until), Some(at(end)));
        assert_eq!(breaker.pause_at(at(end)), None);
        breaker.record_guess(at(end));
        assert_eq!(breaker.pause_at(at(end)).map(|pause| pause.until), Some(at(end + 4 * 3_600)));
        breaker.restore_guesses(at(end), [at(0), at(4_000), at(end)]);
        assert_eq!(breaker.pause_at(at(end)), None, "the version was approved again");
    }

    #[tokio::test]
    async fn only_calls_that_run_when_a_guess_is_made_hear_of_it() {
        let breaker = CircuitBreaker::default();
        breaker.record_guess(at(0));
        let running = breaker.watch_guesses();
        breaker.record_fault(at(3_600));
        breaker.record_guess(at(7_200));
        assert_eq!(running.wait().await.until, at(7_200 + 2 * 3_600));
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
