//! What a guest writes: lines of its log, and of its standard output and error. Each goes to the log of the service, and
//! to the recorder of the call.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use jackfield_egress::{CallRecorder, LineSource};
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::text::sanitize;

/// Maximum number of lines that one call may write. Further lines are dropped.
const LOG_LINES: u32 = 64;

/// Maximum length of a line in characters.
const LOG_LINE: usize = 1 << 10;

/// Maximum number of bytes of a line that are kept until its end is written: enough for the characters that are logged.
const LINE_BYTES: usize = LOG_LINE * 4 + 1;

/// How many bytes a guest may write to its output at once.
const WRITE_BYTES: usize = 64 << 10;

/// The lines of one call. Clones write to the same log.
#[derive(Clone)]
pub(crate) struct GuestLog(Arc<LogState>);

struct LogState {
    provider: String,
    recorder: CallRecorder,
    lines: AtomicU32,
}

impl GuestLog {
    pub(crate) fn new(provider: &str, recorder: CallRecorder) -> Self {
        Self(Arc::new(LogState { provider: provider.to_owned(), recorder, lines: AtomicU32::new(0) }))
    }

    /// Creates a stream whose lines are written to this log.
    pub(crate) fn output(&self, source: LineSource) -> GuestOutput {
        GuestOutput(Arc::new(Mutex::new(Line { log: self.clone(), source, bytes: Vec::new() })))
    }

    /// Writes one line.
    pub(crate) fn write(&self, source: LineSource, message: &str) {
        let written = self.0.lines.fetch_add(1, Ordering::Relaxed);
        if written >= LOG_LINES {
            self.0.lines.store(LOG_LINES, Ordering::Relaxed);
            return;
        }
        let (line, provider) = (sanitize(message, LOG_LINE), self.0.provider.as_str());
        match source {
            LineSource::Debug => tracing::debug!(target: "jackfield::guest", provider, "{line}"),
            LineSource::Info | LineSource::Stdout => tracing::info!(target: "jackfield::guest", provider, "{line}"),
            LineSource::Warn | LineSource::Stderr => tracing::warn!(target: "jackfield::guest", provider, "{line}"),
            LineSource::Error => tracing::error!(target: "jackfield::guest", provider, "{line}"),
        }
        self.0.recorder.record_line(source, line);
        if written + 1 == LOG_LINES {
            tracing::warn!(target: "jackfield::guest", provider, "further lines of this call are dropped");
        }
    }
}

/// The standard output or error of a guest. All streams of it write to the same line.
#[derive(Clone)]
pub(crate) struct GuestOutput(Arc<Mutex<Line>>);

/// A line without its end. It is written when it ends or the call does.
struct Line {
    log: GuestLog,
    source: LineSource,
    bytes: Vec<u8>,
}

impl Line {
    fn append(&mut self, bytes: &[u8]) {
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end();
            }
            let free = LINE_BYTES - self.bytes.len();
            self.bytes.extend_from_slice(&part[..part.len().min(free)]);
        }
    }

    fn end(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\r');
        if !text.is_empty() {
            self.log.write(self.source, text);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

impl GuestOutput {
    fn append(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(bytes);
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(recorder: &CallRecorder) -> Vec<String> {
        recorder.lines().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn output_is_recorded_by_lines_also_the_one_without_an_end() {
        let recorder = CallRecorder::with_trace();
        let log = GuestLog::new("acme", recorder.clone());
        let output = log.output(LineSource::Stderr);
        for part in [&b"thread panicked"[..], b" at 7\nno val", b"ue\r\n\n", b"last\x1b[31m \xff"] {
            output.append(part);
        }
        assert_eq!(texts(&recorder), ["thread panicked at 7", "no value"]);
        drop(output);
        assert_eq!(recorder.lines()[2].text, "last\u{fffd}[31m \u{fffd}");
        assert!(recorder.lines().iter().all(|line| line.source == LineSource::Stderr));
    }

    #[test]
    fn a_call_writes_a_bounded_number_of_bounded_lines() {
        let recorder = CallRecorder::with_trace();
        let log = GuestLog::new("acme", recorder.clone());
        let output = log.output(LineSource::Stdout);
        output.append(&vec![b'x'; 1 << 20]);
        for number in 0..1_000 {
            output.append(format!("\nline {number}").as_bytes());
            log.write(LineSource::Info, "a line of the log");
        }
        let lines = texts(&recorder);
        assert_eq!(lines.len(), LOG_LINES as usize);
        assert!(lines.iter().all(|line| line.chars().count() <= LOG_LINE + 1));
    }
}
