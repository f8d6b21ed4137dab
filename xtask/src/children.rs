//! Runs other programs, says how to run one again when it fails, and passes signals on to it.

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

/// Whether somebody asked this program to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The child that is waited for, or 0.
static CURRENT: AtomicI32 = AtomicI32::new(0);

/// Whether that child is in a process group of its own, where the terminal's Ctrl-C does not reach it.
static APART: AtomicBool = AtomicBool::new(false);

/// Keeps a signal from ending this program before it has cleaned up: it ends the child, whose end is waited for.
pub(crate) fn watch_signals() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for number in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            // A terminal gives Ctrl-C to the whole group. A second one would make many programs end at once.
            if number == SIGINT && !APART.load(Ordering::SeqCst) {
                continue;
            }
            pass_on(if number == SIGINT { Signal::INT } else { Signal::TERM });
        }
    });
    Ok(())
}

/// Runs a command to its end, its output passed through.
///
/// # Errors
/// Where it fails, with the line to run it again by hand.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let mut child = start(command)?;
    let status = child.wait();
    finish(command, status.context("wait for a child")?)
}

/// Runs a command to its end and shows each line of its output to `see` as well; `output` takes that output from it.
pub(crate) fn run_and_read<R: Read>(
    command: &mut Command,
    output: fn(&mut Child) -> Option<R>,
    mut copy_to: impl Write,
    mut see: impl FnMut(&str),
) -> Result<()> {
    let mut child = start(command)?;
    let mut reader = BufReader::new(output(&mut child).context("the child's output is not piped")?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        copy_to.write_all(&line)?;
        copy_to.flush()?;
        see(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait().context("wait for a child")?;
    finish(command, status)
}

/// Runs a command until it ends or this program is asked to end, which it is told by the same signal, once.
pub(crate) fn serve(command: &mut Command) -> Result<()> {
    APART.store(true, Ordering::SeqCst);
    let result = run(command.process_group(0));
    APART.store(false, Ordering::SeqCst);
    if interrupted() { Ok(()) } else { result }
}

/// Whether somebody asked this program to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Whether a command is there and succeeds; shows nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// What a command prints, without the line's end.
pub(crate) fn printed_by(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// A command as a shell takes it, with the folder and the variables that it was given.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        }
    }
    let program = command.get_program().to_string_lossy();
    // Cargo gives its own path, which nobody types.
    let program = if program.ends_with("/cargo") { "cargo".into() } else { program };
    words.push(quoted(&program));
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

/// One word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escape = |letter: char| match letter {
            '\'' | '\\' => format!("\\{letter}"),
            letter if letter.is_ascii_control() => format!("\\x{:02x}", u32::from(letter)),
            letter => letter.to_string(),
        };
        return format!("$'{}'", word.chars().map(escape).collect::<String>());
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Sends a signal to the child that is waited for, which may have ended meanwhile.
fn pass_on(signal: Signal) {
    if let Some(child) = Pid::from_raw(CURRENT.load(Ordering::SeqCst)) {
        let _ = kill_process(child, signal);
    }
}

fn start(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("interrupted");
    }
    let child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    CURRENT.store(i32::try_from(child.id())?, Ordering::SeqCst);
    // The signal came while the child was not known yet.
    if interrupted() {
        pass_on(Signal::TERM);
    }
    Ok(child)
}

fn finish(command: &Command, status: ExitStatus) -> Result<()> {
    CURRENT.store(0, Ordering::SeqCst);
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        let folder = command.get_current_dir().map(|folder| format!(" (in {})", folder.display())).unwrap_or_default();
        bail!("this failed with {status}; to run it again by hand{folder}:\n\n  {}\n", shown(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.env("FLAGS", "-Ca\u{1f}-Cb").env_remove("GONE").args(["test", "-E", "not test(=it's)"]);
        assert_eq!(shown(&command), r"FLAGS=$'-Ca\x1f-Cb' cargo test -E 'not test(=it'\''s)'");
    }

    #[test]
    fn a_failing_child_names_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("sh -c 'exit 3'"), "{error}");
    }
}
