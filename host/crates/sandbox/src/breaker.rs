//! Pauses a component that faults again and again, and lets it be tried again after growing waits.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Faults within [`WINDOW`] that pause a component, when they are more than half of its calls in that time.
const FAULTS: usize = 5;

/// How far back calls count.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Calls that are remembered: enough to tell a half, and few enough to cost nothing.
const REMEMBERED: usize = 64;

/// The first wait. Each trial that faults doubles it.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// The longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How a call ended, as far as it tells of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an answer, or with an error of the contract.
    Well,
    /// In a trap, out of time or memory, or against the contract.
    InFault,
}

/// How the calls of one component went lately. A new version begins with a clean one.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When each call ended, and how.
    calls: VecDeque<(Timestamp, Ended)>,
    pause: Option<Pause>,
}

/// Until when a component is left alone, and for how long that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub until: Timestamp,
    wait: SignedDuration,
}

impl Breaker {
    /// The pause that runs now; none where calls are let through.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Option<Pause> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.pause.filter(|pause| now < pause.until)
    }

    /// Takes down how a call ended.
    pub fn note(&self, now: Timestamp, ended: Ended) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.pause {
            // It began before the pause did, and tells nothing of what comes after it.
            Some(pause) if now < pause.until => return,
            Some(pause) if ended == Ended::InFault => {
                state.begin(now, pause.wait.saturating_mul(2).min(LONGEST_WAIT));
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
        state.calls.push_back((now, ended));
        if state.calls.len() > REMEMBERED {
            state.calls.pop_front();
        }
        let faults = state.calls.iter().filter(|(_, ended)| *ended == Ended::InFault).count();
        if faults >= FAULTS && faults * 2 > state.calls.len() {
            state.begin(now, FIRST_WAIT);
        }
    }
}

impl State {
    fn begin(&mut self, now: Timestamp, wait: SignedDuration) {
        self.calls.clear();
        self.pause = Some(Pause { until: now.saturating_add(wait).unwrap_or(Timestamp::MAX), wait });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn faults(breaker: &Breaker, times: std::ops::Range<i64>) {
        for second in times {
            breaker.note(at(second), Ended::InFault);
        }
    }

    #[test]
    fn five_faults_in_a_minute_pause_and_a_success_ends_it() {
        let breaker = Breaker::default();
        faults(&breaker, 0..4);
        assert_eq!(breaker.paused(at(4)), None);
        faults(&breaker, 4..5);
        assert_eq!(breaker.paused(at(4)).map(|pause| pause.until), Some(at(34)));
        assert_eq!(breaker.paused(at(34)), None, "it is tried again");
        breaker.note(at(34), Ended::Well);
        faults(&breaker, 35..39);
        assert_eq!(breaker.paused(at(39)), None, "it begins anew");
    }

    #[test]
    fn a_trial_that_faults_doubles_the_wait_up_to_an_hour() {
        let breaker = Breaker::default();
        faults(&breaker, 0..5);
        let mut waits = Vec::new();
        let mut now = 4;
        for _ in 0..9 {
            let until = breaker.paused(at(now)).expect("paused").until.as_second();
            waits.push(until - now);
            now = until;
            breaker.note(at(now), Ended::InFault);
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn faults_that_are_rare_or_long_ago_pause_nothing() {
        let breaker = Breaker::default();
        for second in 0..10 {
            breaker.note(at(second * 20), Ended::InFault);
        }
        for second in 300..330 {
            breaker.note(at(second), if second % 3 == 0 { Ended::InFault } else { Ended::Well });
        }
        assert_eq!(breaker.paused(at(330)), None);
    }
}
