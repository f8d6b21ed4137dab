//! The steps of a command: prints a line when each starts and ends, and a summary of all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps that have run, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a step and prints its outcome and duration.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let result = step();
        let duration = start.elapsed();
        self.finished.push((name.to_owned(), duration));
        let outcome = if result.is_ok() { "done" } else { "failed" };
        println!("== {name}: {outcome} in {}", format_duration(duration));
        result.with_context(|| format!("step `{name}` failed"))
    }

    /// Lists every step with its duration, and the total.
    pub(crate) fn summary(&self) -> String {
        let mut parts: Vec<String> =
            self.finished.iter().map(|(name, duration)| format!("{name} {}", format_duration(*duration))).collect();
        let total = self.finished.iter().map(|(_, duration)| *duration).sum();
        parts.push(format!("total {}", format_duration(total)));
        parts.join(", ")
    }
}

/// Formats a duration as `0.3 s`, `31 s` or `2 min 5 s`.
pub(crate) fn format_duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 10.. => format!("{seconds} s"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(format_duration(Duration::from_millis(340)), "0.3 s");
        assert_eq!(format_duration(Duration::from_millis(31_900)), "31 s");
        assert_eq!(format_duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
