//! Checks a component in a child process: compiles it and gets its manifest, with limits on memory and CPU time.
//!
//! The child is this program with a hidden command. It has no keys, no settings and no connections, and it writes the
//! compiled code before the first instruction of the guest runs; see `docs/decisions/0009-child-checks.md`.

mod child;

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use jackfield_core::manifest::Manifest;
use serde::{Deserialize, Serialize};

pub use self::child::check_as_child;
use crate::{error::LoadError, text::sanitize};

/// The hidden command of the program that runs a check.
pub const CHECK_COMMAND: &str = "check-component";

/// The time limit of a check. A component built from JavaScript or Python takes 7 s on two idle cores. The child runs at
/// low priority, so a busy machine takes several times as long.
pub const CHECK_TIME: Duration = Duration::from_secs(90);

/// Maximum number of bytes of compiled code: several times what the largest allowed component compiles to.
const MAX_CODE: u64 = 512 << 20;

/// Maximum number of bytes of a manifest or an error. `describe` returns at most 4 MiB.
const MAX_RESULT: u64 = 32 << 20;

/// What a child writes after the compiled code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CheckResult {
    Described(Box<Manifest>),
    Rejected(String),
}

/// The compiled code and the manifest of a component that a child checked.
#[derive(Debug)]
pub(crate) struct CheckedComponent {
    pub(crate) code: Vec<u8>,
    pub(crate) manifest: Manifest,
}

/// Checks a component in a child process that runs `program`.
///
/// # Errors
/// The child rejected the component, or ended before it was done.
pub(crate) async fn check_in_child(program: PathBuf, bytes: Arc<Vec<u8>>) -> Result<CheckedComponent, LoadError> {
    let to_error = |error: &dyn std::fmt::Display| LoadError(format!("it could not be checked: {error}"));
    let mut child = spawn(&program).map_err(|error| to_error(&error))?;
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
    let output = match tokio::time::timeout(CHECK_TIME, reading).await {
        Ok(output) => output.map_err(|error| to_error(&error))?.map_err(|error| to_error(&error))?,
        Err(_elapsed) => {
            drop(child);
            return Err(LoadError(format!("the check took longer than {} s", CHECK_TIME.as_secs())));
        }
    };
    // The child no longer reads, so this ends at once.
    drop(writing.await);
    match parse_output(&output) {
        Some((code, CheckResult::Described(manifest))) => {
            Ok(CheckedComponent { code: code.to_vec(), manifest: *manifest })
        }
        Some((_, CheckResult::Rejected(why))) => Err(LoadError(sanitize(&why, 4_000))),
        None => Err(LoadError(match child.wait_for_exit().await.and_then(|status| status.signal()) {
            Some(signal) => format!("the check exceeded its memory or time limit (signal {signal})"),
            None => "the check exceeded its memory limit".to_owned(),
        })),
    }
}

fn spawn(program: &Path) -> std::io::Result<Child> {
    Command::new(program)
        .arg(CHECK_COMMAND)
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

/// A child process that is killed when dropped.
struct KilledOnDrop(Arc<Mutex<Child>>);

impl KilledOnDrop {
    /// Waits up to a second for the exit of a child that has closed its output; `None` if it still runs.
    async fn wait_for_exit(&self) -> Option<ExitStatus> {
        for _ in 0..100 {
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
