//! What one HTTP connection is doing, and when that has taken too long.
//!
//! hyper's own timer starts with the first bytes, so that a client that sends none is never disconnected, and it does
//! not distinguish an idle HTTP connection from slow headers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Version;
use tokio::{sync::Notify, time::Instant};

use super::ServingLimits;

/// What one HTTP connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    header_time: Duration,
    keep_alive: Duration,
    write_time: Duration,
    state: Mutex<State>,
    /// Notified when a deadline is new or earlier than before.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The HTTP version of the last request.
    version: Option<Version>,
    running: usize,
    /// Running requests with a response that the client is reading.
    responding: usize,
    /// When a client last read a part of a response.
    read_at: Instant,
    wait: Wait,
    /// When the wait must be over. It counts while no request is running.
    deadline: Instant,
    /// Since when the client has accepted no byte.
    blocked_since: Option<Instant>,
    is_evicted: bool,
}

/// What an HTTP connection without a running request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// All headers of a request.
    Headers,
    /// The first byte of another request.
    Idle,
    /// Its end, which was requested.
    End,
}

/// Why an HTTP connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// It has been idle; a request may arrive at this very moment.
    Idle,
    /// It is too slow, or it must make room for another one.
    Useless,
}

/// Counts a running request until it is dropped.
#[derive(Debug)]
pub(super) struct RunningRequest {
    activity: Arc<Activity>,
    is_responding: bool,
}

impl Activity {
    /// Starts with an HTTP connection that was just accepted.
    pub(super) fn new(limits: &ServingLimits) -> Arc<Self> {
        let state = State {
            version: None,
            running: 0,
            responding: 0,
            read_at: Instant::now(),
            wait: Wait::Headers,
            deadline: Instant::now() + limits.header_time,
            blocked_since: None,
            is_evicted: false,
        };
        Arc::new(Self {
            header_time: limits.header_time,
            keep_alive: limits.keep_alive,
            write_time: limits.write_time,
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// Records that bytes arrived.
    pub(super) fn note_read(&self) {
        let mut state = self.lock();
        // HTTP/2 frames that belong to no request, such as the reply to a ping, start no headers.
        if state.running == 0 && state.wait == Wait::Idle && state.is_http1() {
            state.wait = Wait::Headers;
            state.deadline = state.deadline.min(Instant::now() + self.header_time);
            self.changed.notify_one();
        }
    }

    /// Records whether the client accepts no more bytes at the moment.
    pub(super) fn note_blocked(&self, is_blocked: bool) {
        let mut state = self.lock();
        if is_blocked && state.blocked_since.is_none() {
            state.blocked_since = Some(Instant::now());
            self.changed.notify_one();
        } else if !is_blocked {
            state.blocked_since = None;
        }
    }

    /// Counts a request whose headers have arrived.
    pub(super) fn begin_request(self: &Arc<Self>, version: Version) -> RunningRequest {
        let mut state = self.lock();
        state.version = Some(version);
        state.running += 1;
        RunningRequest { activity: Arc::clone(self), is_responding: false }
    }

    /// Returns whether the HTTP connection waits for a request that HTTP/1 would have to parse.
    pub(super) fn awaits_http1_request(&self) -> bool {
        let state = self.lock();
        state.running == 0 && (state.version.is_none() || state.is_http1())
    }

    /// Returns whether no request is running.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().running == 0
    }

    /// Ends the HTTP connection, to make room for another one.
    pub(super) fn evict(&self) {
        self.lock().is_evicted = true;
        self.changed.notify_one();
    }

    /// Limits the time in which an HTTP connection that was asked to end may do so.
    pub(super) fn expect_end(&self) {
        let mut state = self.lock();
        state.wait = Wait::End;
        state.deadline = Instant::now() + self.header_time;
        self.changed.notify_one();
    }

    /// Waits until the HTTP connection must end.
    pub(super) async fn overdue(&self) -> Overdue {
        loop {
            match self.next_deadline() {
                Some((deadline, overdue)) if deadline <= Instant::now() => return overdue,
                Some((deadline, _)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(deadline) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn next_deadline(&self) -> Option<(Instant, Overdue)> {
        let state = self.lock();
        if state.is_evicted {
            return Some((Instant::now(), Overdue::Useless));
        }
        let overdue = if state.wait == Wait::Idle { Overdue::Idle } else { Overdue::Useless };
        let waiting = (state.running == 0).then_some((state.deadline, overdue));
        // An HTTP/2 client can stop reading a response while its socket accepts bytes.
        let is_reading = state.responding > 0 && state.responding == state.running;
        let unread_since = state.blocked_since.or_else(|| is_reading.then_some(state.read_at));
        let unread = unread_since.map(|since| (since + self.write_time, Overdue::Useless));
        waiting.into_iter().chain(unread).min_by_key(|(deadline, _)| *deadline)
    }

    fn end_request(&self, was_responding: bool) {
        let mut state = self.lock();
        state.running -= 1;
        state.responding -= usize::from(was_responding);
        if state.running == 0 {
            let time = if state.wait == Wait::End {
                self.header_time
            } else {
                state.wait = Wait::Idle;
                self.keep_alive
            };
            state.deadline = Instant::now() + time;
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_http1(&self) -> bool {
        self.version.is_some_and(|version| version < Version::HTTP_2)
    }
}

impl RunningRequest {
    /// Records that the response has begun.
    pub(super) fn begin_response(&mut self) {
        self.is_responding = true;
        let mut state = self.activity.lock();
        state.responding += 1;
        state.read_at = Instant::now();
        self.activity.changed.notify_one();
    }

    /// Records that the client is ready for the next part of the response.
    pub(super) fn note_client_reads(&self) {
        self.activity.lock().read_at = Instant::now();
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.activity.end_request(self.is_responding);
    }
}
