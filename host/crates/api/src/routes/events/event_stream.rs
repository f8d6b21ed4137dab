//! One event stream: broadcast events, keep-alive comments, and the end of the stream.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::body::Bytes;
use jackfield_core::metrics::EVENT_LISTENERS;
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{self, error::RecvError},
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{Events, ListeningCaller, Message};

/// The interval of keep-alive comments. Proxies close HTTP connections that are idle for a minute or so.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The first bytes. `retry` is how long a browser waits before it reconnects, in milliseconds.
const OPENING: &[u8] = b"retry: 3000\n: listening\n\n";

/// A comment, which clients ignore.
const KEEP_ALIVE: &[u8] = b": alive\n\n";

/// Sent after events were lost.
const RELOAD: &[u8] = b"event: reload\ndata: {}\n\n";

/// Sent when the caller's credential is no longer valid.
const ENDED: &[u8] = b"event: session\ndata: {\"ended\":true}\n\n";

/// One stream, for as long as a client reads it.
#[derive(Debug)]
pub(super) struct EventStream {
    events: Events,
    caller: Arc<ListeningCaller>,
    messages: broadcast::Receiver<Message>,
    keep_alive: Interval,
    stage: Stage,
    _permit: ListenerPermit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    Ended,
}

/// A permit for one stream, counted in the metrics.
#[derive(Debug)]
struct ListenerPermit(#[expect(dead_code, reason = "released when it is dropped")] OwnedSemaphorePermit);

impl ListenerPermit {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!(EVENT_LISTENERS.name).increment(1);
        Self(permit)
    }
}

impl Drop for ListenerPermit {
    fn drop(&mut self) {
        metrics::gauge!(EVENT_LISTENERS.name).decrement(1);
    }
}

impl EventStream {
    pub(super) fn new(events: Events, caller: Arc<ListeningCaller>, permit: OwnedSemaphorePermit) -> Self {
        let mut keep_alive = interval_at(Instant::now() + KEEP_ALIVE_INTERVAL, KEEP_ALIVE_INTERVAL);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let messages = events.0.messages.subscribe();
        Self { events, caller, messages, keep_alive, stage: Stage::Opening, _permit: ListenerPermit::new(permit) }
    }

    /// Returns the next bytes and the stream after them; `None` at the end.
    pub(super) async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let bytes = self.next_bytes().await?;
        Some((Ok(bytes), self))
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        if self.stage == Stage::Opening {
            self.stage = Stage::Open;
            return Some(Bytes::from_static(OPENING));
        }
        loop {
            if self.stage == Stage::Ended || self.events.is_closed() {
                return None;
            }
            if self.caller.has_ended.load(Ordering::Acquire) {
                self.stage = Stage::Ended;
                return Some(Bytes::from_static(ENDED));
            }
            let message = tokio::select! {
                message = self.messages.recv() => message,
                _ = self.keep_alive.tick() => return Some(Bytes::from_static(KEEP_ALIVE)),
            };
            match message {
                Ok(Message::Events(bytes)) => return Some(bytes),
                Ok(Message::CheckEnd) => {}
                Err(RecvError::Lagged(_)) => {
                    // Skip the buffered events: they are older than the lists that the client fetches now.
                    self.messages = self.messages.resubscribe();
                    return Some(Bytes::from_static(RELOAD));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
