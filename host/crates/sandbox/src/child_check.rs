//! Checks a component in a child process: compiles it and gets its manifest, with limits on memory and CPU time.
//!
//! The child is this program with a hidden command. It has no keys, no settings and no connections, and it writes the
//! compiled code before the first instruction of the guest runs; see `docs/decisions/0009-child-checks.md`.

mod child;

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use jackfield_core::manifest::Manifest;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

pub use self::child::check_as_child;
use crate::{error::LoadError, text::sanitize_lines};

/// The hidden command of the program that runs a check.
pub const CHECK_COMMAND: &str = "check-component";

/// The argument of [`CHECK_COMMAND`] for code that counts instructions.
const COUNT_FUEL: &str = "--count-fuel";

/// The argument of [`CHECK_COMMAND`] for a check at the priority of its parent.
const FOREGROUND: &str = "--foreground";

/// The time after which a check is ended, because the machine is too busy for it.
///
/// Not a limit for the component: the child limits its own CPU time to a minute, however long that takes.
const BUSY_TIME: Duration = Duration::from_secs(30 * 60);

/// Maximum number of bytes of compiled code: several times what the largest allowed component compiles to.
const MAX_CODE: u64 = 512 << 20;

/// Maximum number of bytes of a manifest or an error. `describe` returns at most 4 MiB.
const MAX_RESULT: u64 = 32 << 20;

/// How a child checks components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Whether the compiled code counts instructions, as the engine of the parent does.
    pub count_fuel: bool,
    /// Whether a person waits for the check, so that it has the priority of its parent.
    pub foreground: bool,
}

/// What a child writes after the compiled code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CheckResult {
    Described(Box<Manifest>),
    Rejected(String),
}

/// The compiled code of a component that a child checked.
#[derive(Debug)]
pub(crate) struct CheckedComponent {
    pub(crate) code: Vec<u8>,
    /// What `describe` returned, or why there is no manifest.
    pub(crate) manifest: Result<Manifest, LoadError>,
}

/// Checks a component in a child process that runs `program`.
///
/// # Errors
/// The component cannot be compiled, the child ended before it was done, or the machine is too busy.
pub(crate) async fn check_in_child(
    program: PathBuf,
    options: CheckOptions,
    bytes: Arc<Vec<u8>>,
) -> Result<CheckedComponent, LoadError> {
    let to_error = |error: &dyn std::fmt::Display| LoadError::temporary(format!("it could not be checked: {error}"));
    let mut child = spawn(&program, options).map_err(|error| to_error(&error))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(to_error(&"the child process has no pipes"));
    };
    let child = KilledOnDrop(Arc::new(Mutex::new(child)));
    // Writing fails if the child ends early. Its output and exit status say why.
    let writing = tokio::task::spawn_blocking(move || drop({ stdin }.write_all(&bytes)));
    let reading = tokio::task::spawn_blocking(move || {
        let mut output = Vec::new();
        stdout.take(MAX_CODE + MAX_RESULT).read_to_end(&mut output).map(|_| output)
    });
    let output = match tokio::time::timeout(BUSY_TIME, reading).await {
        Ok(output) => output.map_err(|error| to_error(&error))?.map_err(|error| to_error(&error))?,
        Err(_elapsed) => {
            drop(child);
            return Err(LoadError::temporary(format!(
                "the machine was too busy to check it within {} min",
                BUSY_TIME.as_secs() / 60
            )));
        }
    };
    // The child no longer reads, so this ends at once.
    drop(writing.await);
    match parse_output(&output) {
        Some((code, CheckResult::Described(manifest))) => {
            Ok(CheckedComponent { code: code.to_vec(), manifest: Ok(*manifest) })
        }
        Some((code, CheckResult::Rejected(why))) => {
            let error = LoadError::new(sanitize_lines(&why, 4_000));
            if code.is_empty() {
                Err(error)
            } else {
                Ok(CheckedComponent { code: code.to_vec(), manifest: Err(error) })
            }
        }
        None => Err(explain_exit(child.wait_for_exit().await)),
    }
}

fn spawn(program: &Path, options: CheckOptions) -> std::io::Result<Child> {
    Command::new(program)
        .arg(CHECK_COMMAND)
        .args(options.count_fuel.then_some(COUNT_FUEL))
        .args(options.foreground.then_some(FOREGROUND))
        // The environment may contain the master key.
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Splits the output of a child into code and result; `None` if it is incomplete.
fn parse_output(output: &[u8]) -> Option<(&[u8], CheckResult)> {
    let (length, output) = output.split_first_chunk::<8>()?;
    let (code, result) = output.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    Some((code, serde_json::from_slice(result).ok()?))
}

/// Says why a child ended before it was done.
fn explain_exit(status: Option<ExitStatus>) -> LoadError {
    let is = |signal: i32, which: Signal| signal == which.as_raw();
    match status.and_then(|status| status.signal()) {
        Some(signal) if is(signal, Signal::XCPU) => {
            LoadError::new(format!("its check used more than {} s of processor time", child::CPU_SECONDS))
        }
        // Nothing in the check sends this signal.
        Some(signal) if is(signal, Signal::KILL) => {
            LoadError::temporary("its check was killed, probably because the machine ran out of memory")
        }
        Some(signal) => LoadError::new(format!(
            "its check used more memory or stack than the {} MiB that it may (signal {signal})",
            child::DATA >> 20
        )),
        None => LoadError::new(match status.and_then(|status| status.code()) {
            Some(code) => format!("its check ended before it was done, with exit status {code}"),
            None => "its check closed its output before it was done".to_owned(),
        }),
    }
}

/// A child process that is killed when dropped.
struct KilledOnDrop(Arc<Mutex<Child>>);

impl KilledOnDrop {
    /// Waits up to ten seconds for the exit of a child that has closed its output; `None` if it still runs.
    async fn wait_for_exit(&self) -> Option<ExitStatus> {
        for _ in 0..1_000 {
            if let Ok(Some(status)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).try_wait() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let child = Arc::clone(&self.0);
        // In a thread, because a killed process takes a moment to exit.
        let reaper = thread::Builder::new().name("reaper".to_owned()).spawn(move || {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            // Killing a process that has already exited fails, which is fine.
            let _killed = child.kill();
            let _reaped = child.wait();
        });
        if let Err(error) = reaper {
            tracing::warn!(%error, "cannot start a thread to reap the child process of a component check");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_machine_did_is_tried_again() {
        let of = |raw: i32| explain_exit(Some(ExitStatus::from_raw(raw)));
        let killed = of(Signal::KILL.as_raw());
        assert!(killed.is_temporary() && killed.to_string().contains("ran out of memory"), "{killed}");
        for (raw, why) in [
            (Signal::XCPU.as_raw(), "more than 60 s of processor time"),
            (Signal::ABORT.as_raw(), "more memory or stack"),
            (101 << 8, "exit status 101"),
        ] {
            let rejected = of(raw);
            assert!(!rejected.is_temporary() && rejected.to_string().contains(why), "{rejected}");
        }
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_not_the_fault_of_the_component() {
        let bytes = Arc::new(b"\0asm".to_vec());
        let checked = check_in_child(PathBuf::from("/nowhere/jackfield"), CheckOptions::default(), bytes).await;
        assert!(checked.is_err_and(|error| error.is_temporary()));
    }
}
