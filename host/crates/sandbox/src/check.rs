//! Checks a component in a child process: compiles and describes it under hard limits, and brings home what came of it.
//!
//! The child is this very program, called by its hidden command. It holds no key, no setting and no connection, and
//! writes down the compiled code before the guest's first instruction runs: `docs/decisions/0009-child-checks.md`.

mod child;

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use jackfield_core::manifest::Manifest;
use serde::{Deserialize, Serialize};

pub use self::child::check_as_child;
use super::{LoadError, convert};

/// The hidden command by which the program checks a component.
pub const COMMAND: &str = "check-component";

/// How long a check may take in all. A component made from JavaScript or Python takes 7 s of two idle cores; the child is
/// polite, so that a busy machine takes it several times that.
pub const TIME: Duration = Duration::from_secs(90);

/// Bytes of compiled code that are taken: several times that of the largest component that may be sent in.
const CODE: u64 = 512 << 20;

/// Bytes that a description takes, and a refusal. `describe` hands over 4 MiB at most.
const WORDS: u64 = 32 << 20;

/// Where a component is checked.
#[derive(Clone, Debug)]
pub enum Checker {
    /// In a child process of this program.
    Child(PathBuf),
    /// In this process, with no bound on what compiling takes: for commands that a person waits for, and tests.
    InProcess,
}

impl Checker {
    /// The program that runs, also when its file was replaced since.
    #[must_use]
    pub fn this_program() -> Self {
        Self::Child(PathBuf::from("/proc/self/exe"))
    }
}

/// What a child says, behind the compiled code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Described(Box<Manifest>),
    Refused(String),
}

/// What a child brought home.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) code: Vec<u8>,
    pub(super) manifest: Manifest,
}

/// Has a child check these bytes.
///
/// # Errors
/// The child refused them, or came to its end before it was done.
pub(super) async fn in_child(program: PathBuf, bytes: Arc<Vec<u8>>) -> Result<Checked, LoadError> {
    let lost = |error: &dyn std::fmt::Display| LoadError(format!("it could not be checked: {error}"));
    let mut child = spawn(&program).map_err(|error| lost(&error))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(lost(&"its child has no pipes"));
    };
    let child = Reaped(Arc::new(Mutex::new(child)));
    // A child that ends early closes its end; what it said tells why.
    let feeding = tokio::task::spawn_blocking(move || drop({ stdin }.write_all(&bytes)));
    let reading = tokio::task::spawn_blocking(move || {
        let mut said = Vec::new();
        stdout.take(CODE + WORDS).read_to_end(&mut said).map(|_| said)
    });
    let said = match tokio::time::timeout(TIME, reading).await {
        Ok(read) => read.map_err(|error| lost(&error))?.map_err(|error| lost(&error))?,
        Err(_elapsed) => {
            drop(child);
            return Err(LoadError(format!("checking it took longer than {} s", TIME.as_secs())));
        }
    };
    // Nothing reads any more, so that this ends at once.
    drop(feeding.await);
    match parse(&said) {
        Some((code, Verdict::Described(manifest))) => Ok(Checked { code: code.to_vec(), manifest: *manifest }),
        Some((_, Verdict::Refused(why))) => Err(LoadError(convert::clean(&why, 4_000))),
        None => Err(LoadError(match child.ended().await.and_then(|status| status.signal()) {
            Some(signal) => format!("checking it took more memory or time than it may (signal {signal})"),
            None => "checking it took more memory than it may".to_owned(),
        })),
    }
}

fn spawn(program: &PathBuf) -> std::io::Result<Child> {
    Command::new(program)
        .arg(COMMAND)
        // The settings may hold the master key.
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// The code, and the verdict behind it.
fn parse(said: &[u8]) -> Option<(&[u8], Verdict)> {
    let (length, rest) = said.split_first_chunk::<8>()?;
    let (code, words) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    Some((code, serde_json::from_slice(words).ok()?))
}

/// A child that does not outlive whoever waits for it.
struct Reaped(Arc<Mutex<Child>>);

impl Reaped {
    /// How it ended, which is near once it has closed its output; none where it goes on all the same.
    async fn ended(&self) -> Option<ExitStatus> {
        for _ in 0..100 {
            if let Ok(Some(status)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).try_wait() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        let child = Arc::clone(&self.0);
        // Waiting for a process that was killed takes a moment, and nobody waits for this thread.
        let reaping = thread::Builder::new().name("reaping".to_owned()).spawn(move || {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            // One that has ended already is left alone.
            let _ended = child.kill();
            let _reaped = child.wait();
        });
        if let Err(error) = reaping {
            tracing::warn!(%error, "a child that checked a component is left to the system");
        }
    }
}
