//! The socket of an HTTP connection: records reads and blocked writes, and completes the parser's answers.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{activity::Activity, parser_answers};

/// The socket of one HTTP connection.
///
/// It offers no vectored writes, so that hyper writes the parser's answer in one piece.
pub(super) struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
    replaced: Option<Replaced>,
}

/// Bytes that are sent instead of those that hyper wrote.
struct Replaced {
    bytes: Vec<u8>,
    sent: usize,
    /// The number of bytes that they replace.
    instead_of: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self { stream, activity, replaced: None }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.note_blocked(result.is_pending());
        result
    }

    fn poll_replaced(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(replaced) = &mut self.replaced else { return Poll::Ready(Ok(0)) };
        while replaced.sent < replaced.bytes.len() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &replaced.bytes[replaced.sent..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            replaced.sent += sent;
        }
        let written = replaced.instead_of;
        self.replaced = None;
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.note_read();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaced.is_none() && self.activity.awaits_http1_request() {
            self.replaced = parser_answers::complete(bytes).map(|complete| Replaced {
                bytes: complete,
                sent: 0,
                instead_of: bytes.len(),
            });
        }
        let result = if self.replaced.is_some() {
            self.poll_replaced(context)
        } else {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        };
        self.note(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.note(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
