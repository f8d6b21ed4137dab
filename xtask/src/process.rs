//! Runs child processes, prints how to repeat one that failed, and forwards signals to the running one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
    thread,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Whether a signal asked this program to stop.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The id of the running child process, or 0.
static CURRENT: AtomicI32 = AtomicI32::new(0);

/// Whether that child has its own process group, which does not receive Ctrl-C from the terminal.
static OWN_GROUP: AtomicBool = AtomicBool::new(false);

/// Forwards signals to the running child instead of ending this program, so that it can clean up afterwards.
pub(crate) fn forward_signals() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for number in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            // The terminal already sent Ctrl-C to the whole group. Many programs abort when they receive it twice.
            if number == SIGINT && !OWN_GROUP.load(Ordering::SeqCst) {
                continue;
            }
            signal_child(if number == SIGINT { Signal::INT } else { Signal::TERM });
        }
    });
    Ok(())
}

/// Runs a command to its end; its output goes to the terminal.
///
/// # Errors
/// The command fails. The error contains the line that repeats it in a shell.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let mut child = start(command)?;
    let status = child.wait();
    check_status(command, status.context("cannot wait for a child process")?)
}

/// Runs a command to its end while `read` consumes the output that `pipe` takes from the child.
pub(crate) fn run_with_output<R: Read>(
    command: &mut Command,
    pipe: fn(&mut Child) -> Option<R>,
    read: impl FnOnce(R) -> Result<()>,
) -> Result<()> {
    let mut child = start(command)?;
    let outcome = pipe(&mut child).context("the output of the child process is not piped").and_then(read);
    let status = child.wait();
    check_status(command, status.context("cannot wait for a child process")?)?;
    outcome
}

/// Copies output to `to` and passes each line to `on_line`.
pub(crate) fn copy_lines(output: impl Read, mut to: impl Write, mut on_line: impl FnMut(&str)) -> Result<()> {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        on_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// Runs a command until it ends or a signal asks this program to stop, which is forwarded to the command.
pub(crate) fn run_until_interrupted(command: &mut Command) -> Result<()> {
    OWN_GROUP.store(true, Ordering::SeqCst);
    let result = run(command.process_group(0));
    OWN_GROUP.store(false, Ordering::SeqCst);
    if is_interrupted() { Ok(()) } else { result }
}

/// Returns whether a command can be started and succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Reads what a command prints, without the trailing newline.
pub(crate) fn read_stdout(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", to_shell(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", to_shell(command), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// Formats a command for a shell, with the variables that it sets.
pub(crate) fn to_shell(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let name = name.to_string_lossy();
        // These only control how the progress is displayed here.
        if let Some(value) = value.filter(|_| !name.starts_with("CARGO_TERM_")) {
            words.push(format!("{name}={}", quote_for_shell(&value.to_string_lossy())));
        }
    }
    let program = command.get_program().to_string_lossy();
    // `CARGO` contains an absolute path, but people type `cargo`.
    let program = if program.ends_with("/cargo") { "cargo".into() } else { program };
    words.push(quote_for_shell(&program));
    words.extend(command.get_args().map(|argument| quote_for_shell(&argument.to_string_lossy())));
    words.join(" ")
}

/// Quotes a word for a shell where that is necessary.
pub(crate) fn quote_for_shell(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,+@%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escape = |character: char| match character {
            '\'' | '\\' => format!("\\{character}"),
            character if character.is_ascii_control() => format!("\\x{:02x}", u32::from(character)),
            character => character.to_string(),
        };
        return format!("$'{}'", word.chars().map(escape).collect::<String>());
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whether a signal asked this program to stop.
fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Sends a signal to the running child, which may have ended already.
fn signal_child(signal: Signal) {
    if let Some(child) = Pid::from_raw(CURRENT.load(Ordering::SeqCst)) {
        let _ = kill_process(child, signal);
    }
}

fn start(command: &mut Command) -> Result<Child> {
    if is_interrupted() {
        bail!("interrupted");
    }
    let child = command.spawn().with_context(|| format!("cannot start `{}`", to_shell(command)))?;
    CURRENT.store(i32::try_from(child.id())?, Ordering::SeqCst);
    // The signal may have arrived before the id was stored.
    if is_interrupted() {
        signal_child(Signal::TERM);
    }
    Ok(child)
}

fn check_status(command: &Command, status: ExitStatus) -> Result<()> {
    CURRENT.store(0, Ordering::SeqCst);
    if is_interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        let folder = command.get_current_dir().map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
        bail!("the command failed with {status}; to repeat it, run{folder}:\n\n  {}\n", to_shell(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.env("FLAGS", "-Ca\u{1f}-Cb").env_remove("GONE").env("CARGO_TERM_COLOR", "always");
        command.args(["test", "-E", "not test(=it's)"]);
        assert_eq!(to_shell(&command), r"FLAGS=$'-Ca\x1f-Cb' cargo test -E 'not test(=it'\''s)'");
    }

    #[test]
    fn the_error_of_a_failed_child_contains_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("sh -c 'exit 3'"), "{error}");
    }
}
