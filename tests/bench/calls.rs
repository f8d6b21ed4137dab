//! Compares calls of the component with calls of the same crate compiled natively.

use std::{
    fs,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use crate::{
    native::Native,
    report::{Report, Target},
    samples::Samples,
    sandboxed::Sandboxed,
    slack_thread::SlackThread,
};

/// Rounds; the median counts. The sides alternate, so that other load on the machine affects both.
const ROUNDS: usize = 9;
/// Sequential calls in one round.
const CALLS: usize = 400;
/// Calls that warm up caches and sockets before measuring.
const WARM_UP: usize = 200;
/// Concurrent calls when measuring throughput.
const IN_FLIGHT: usize = 16;
/// Duration of a throughput round.
const ROUND: Duration = Duration::from_millis(1_500);

/// Both sides and the stand-in they call.
#[derive(Debug)]
pub(crate) struct Sides<'a> {
    runtime: Runtime,
    sandboxed: Sandboxed,
    slack: &'a SlackThread,
}

impl<'a> Sides<'a> {
    pub(crate) fn start(slack: &'a SlackThread) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let sandboxed = runtime.block_on(Sandboxed::start(slack));
        Self { runtime, sandboxed, slack }
    }

    /// A fresh instance and one call without a request, with everything that a call gets: permissions, scrubber and
    /// limits.
    pub(crate) fn fresh_call(&self, report: &mut Report) {
        let rounds: Vec<Samples> = (0..ROUNDS)
            .map(|_| self.one_by_one(|sandboxed| async move { sandboxed.without_request().await }))
            .collect();
        let (median, p99) = middle(&rounds);
        report.time("sandbox.fresh_call_us", median, p99, Target::AtMost(40.0));
        report.note("sandbox.fresh_call: `health` of Slack's component without its required field, with Sandbox::run");
    }

    /// Health through the component minus health of the native crate, one call at a time.
    pub(crate) fn tax(&self, report: &mut Report) {
        let native = Native::start(self.slack);
        for _ in 0..WARM_UP {
            native.health();
        }
        let rounds: Vec<(Samples, Samples)> = (0..ROUNDS)
            .map(|_| {
                let component = self.one_by_one(|sandboxed| async move { sandboxed.health().await });
                let mut natively = Samples::default();
                for _ in 0..CALLS {
                    let begun = Instant::now();
                    native.health();
                    natively.add(begun.elapsed());
                }
                (component, natively)
            })
            .collect();
        let difference = |of: fn(&Samples) -> f64| -> f64 {
            rounds.iter().map(|(component, native)| of(component) - of(native)).collect::<Samples>().median()
        };
        report.time("sandbox.tax_us", difference(Samples::median), difference(Samples::p99), Target::AtMost(250.0));
        let (components, natives): (Vec<Samples>, Vec<Samples>) = rounds.into_iter().unzip();
        report.note(format!(
            "sandbox.tax: a health call, two requests, 1 in flight: {:.0} µs through the component with policy, \
             credential and scrubbing, {:.0} µs natively with none of them; p99 is the difference of both p99",
            middle(&components).0,
            middle(&natives).0,
        ));
    }

    /// Pages of 200 members per second, with 16 calls in flight.
    pub(crate) fn users(&self, report: &mut Report) {
        let expected = Native::start(self.slack).users();
        assert_eq!(
            self.runtime.block_on(self.sandboxed.users()),
            expected,
            "both sides return the same number of users"
        );
        let rounds: Vec<(Rate, Rate)> = (0..=ROUNDS).map(|_| (self.component_rate(), self.native_rate())).collect();
        // The first round warms up.
        let middle = |of: fn(&(Rate, Rate)) -> f64| rounds.iter().skip(1).map(of).collect::<Samples>().median();
        let component = middle(|(component, _)| component.calls_a_second);
        let native = middle(|(_, native)| native.calls_a_second);
        let ratio = middle(|(component, native)| component.calls_a_second / native.calls_a_second);
        report.number("users.component_rps", component, Target::None);
        report.number("users.native_rps", native, Target::None);
        report.number("users.ratio", ratio, Target::AtLeast(0.5));
        report.note(format!(
            "users: from the call to {expected} users in memory, {IN_FLIGHT} in flight; the stand-in shares the \
             cores; rounds take turns, the ratio is the middle one of the rounds' own"
        ));
        report.note(format!(
            "users, in processor time of one page, stand-in included: {:.0} µs through the component, {:.0} µs natively, \
             a ratio of {:.2}; unlike the rates it does not change with what else the machine does",
            middle(|(component, _)| component.cpu_us),
            middle(|(_, native)| native.cpu_us),
            middle(|(component, native)| native.cpu_us / component.cpu_us),
        ));
    }

    /// Times calls of the component from a task, as the service makes them.
    fn one_by_one<F: Future<Output = ()> + Send + 'static>(
        &self,
        call: impl Fn(Sandboxed) -> F + Send + 'static,
    ) -> Samples {
        let sandboxed = self.sandboxed.clone();
        let task = self.runtime.spawn(async move {
            let mut samples = Samples::default();
            for number in 0..WARM_UP + CALLS {
                let begun = Instant::now();
                call(sandboxed.clone()).await;
                if number >= WARM_UP {
                    samples.add(begun.elapsed());
                }
            }
            samples
        });
        self.runtime.block_on(task).expect("the calls end")
    }

    fn component_rate(&self) -> Rate {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let sandboxed = self.sandboxed.clone();
                self.runtime.spawn(async move {
                    let mut calls = 0_u32;
                    while begun.elapsed() < ROUND {
                        sandboxed.users().await;
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        let calls: u32 = tasks.into_iter().map(|task| self.runtime.block_on(task).expect("the calls end")).sum();
        Rate::of(calls, begun, cpu)
    }

    fn native_rate(&self) -> Rate {
        let ready = Arc::new(Barrier::new(IN_FLIGHT + 1));
        thread::scope(|scope| {
            let threads: Vec<_> = (0..IN_FLIGHT)
                .map(|_| {
                    let ready = Arc::clone(&ready);
                    scope.spawn(move || {
                        let native = Native::start(self.slack);
                        native.users();
                        ready.wait();
                        let begun = Instant::now();
                        let mut calls = 0_u32;
                        while begun.elapsed() < ROUND {
                            native.users();
                            calls += 1;
                        }
                        calls
                    })
                })
                .collect();
            ready.wait();
            let (begun, cpu) = (Instant::now(), cpu_time());
            let calls: u32 = threads.into_iter().map(|thread| thread.join().expect("the calls end")).sum();
            Rate::of(calls, begun, cpu)
        })
    }
}

/// The result of one throughput round.
#[derive(Clone, Copy, Debug)]
struct Rate {
    calls_a_second: f64,
    /// Processor time per call, including the stand-in's.
    cpu_us: f64,
}

impl Rate {
    fn of(calls: u32, begun: Instant, cpu: Duration) -> Self {
        let calls = f64::from(calls);
        Self {
            calls_a_second: calls / begun.elapsed().as_secs_f64(),
            cpu_us: (cpu_time() - cpu).as_secs_f64() * 1e6 / calls,
        }
    }
}

/// Returns the processor time of this program, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is readable");
    let (_, after_name) = stat.rsplit_once(')').expect("the process name is in parentheses");
    // Fields 14 and 15 of proc_pid_stat(5); the remaining text starts at field 3.
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Duration::from_millis(10) * ticks
}

/// Returns the median of the rounds' medians, and the 99th percentile of all calls.
fn middle(rounds: &[Samples]) -> (f64, f64) {
    let mut all = Samples::default();
    rounds.iter().for_each(|round| all.extend(round));
    (rounds.iter().map(Samples::median).collect::<Samples>().median(), all.p99())
}
