//! The steps of a command: a line for each when it starts and when it ends, and all of them in one line.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps that were taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Takes a step and tells how long it took.
    pub(crate) fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let result = step();
        let time = start.elapsed();
        self.taken.push((name.to_owned(), time));
        let outcome = if result.is_ok() { "done" } else { "failed" };
        println!("== {name}: {outcome} in {}", seconds(time));
        result.with_context(|| name.to_owned())
    }

    /// Every step with its time, and the sum.
    pub(crate) fn summary(&self) -> String {
        let mut parts: Vec<String> =
            self.taken.iter().map(|(name, time)| format!("{name} {}", seconds(*time))).collect();
        parts.push(format!("in all {}", seconds(self.taken.iter().map(|(_, time)| *time).sum())));
        parts.join(", ")
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}
