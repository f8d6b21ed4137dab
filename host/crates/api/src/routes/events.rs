//! `/api/admin/events`: changes as they happen, as server-sent events.
//!
//! While anybody listens, one task of this process reads the lists every second and broadcasts changes to every
//! listener, whichever host made them. A listener that falls too far behind receives `reload` and fetches the lists
//! again.

mod event_stream;
mod watcher;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, COOKIE},
};
use jackfield_core::Error;
use tokio::{
    sync::{Notify, Semaphore, broadcast},
    task::JoinHandle,
};

use self::event_stream::EventStream;
use crate::{
    ApiState,
    http::{errors::ApiError, streaming::to_response},
    operation::Operation,
};

/// Maximum number of event streams at once. Each uses an HTTP connection, and the service accepts twice as many of
/// those.
const MAX_LISTENERS: usize = 2_000;

/// The number of messages that are kept for slow listeners.
const BUFFERED_MESSAGES: usize = 64;

/// Broadcasts changes to the event streams of this process. Clones share their state.
#[derive(Clone, Debug)]
pub struct Events(Arc<EventsInner>);

#[derive(Debug)]
struct EventsInner {
    messages: broadcast::Sender<Message>,
    permits: Arc<Semaphore>,
    /// Notified after this process may have changed something.
    may_have_changed: Notify,
    is_closed: AtomicBool,
    /// The task that reads the lists, while anybody listens.
    watcher: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    /// The callers that listen, each once for all of its streams.
    callers: Mutex<HashMap<Vec<u8>, Weak<ListeningCaller>>>,
}

/// A message to all event streams.
#[derive(Clone, Debug)]
enum Message {
    /// Server-sent events to send to the client.
    Events(Bytes),
    /// Checks whether the stream must end.
    CheckEnd,
}

/// A caller that listens, by its credential.
#[derive(Debug)]
struct ListeningCaller {
    credential: HeaderMap,
    has_ended: AtomicBool,
}

impl Default for Events {
    fn default() -> Self {
        Self::with_limits(MAX_LISTENERS, BUFFERED_MESSAGES)
    }
}

impl Events {
    fn with_limits(listeners: usize, buffered: usize) -> Self {
        Self(Arc::new(EventsInner {
            messages: broadcast::Sender::new(buffered),
            permits: Arc::new(Semaphore::new(listeners)),
            may_have_changed: Notify::new(),
            is_closed: AtomicBool::new(false),
            watcher: tokio::sync::Mutex::new(None),
            callers: Mutex::default(),
        }))
    }

    /// Ends every stream, and rejects new ones.
    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.broadcast(Message::CheckEnd);
        self.0.may_have_changed.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::Acquire)
    }

    fn broadcast(&self, message: Message) {
        // Sending fails if nobody listens.
        let _receivers = self.0.messages.send(message);
    }

    /// Opens a stream that receives every change from now on.
    ///
    /// If nobody listened before, the lists are read before it returns, so that no change is missed.
    async fn open_stream(&self, state: &ApiState, headers: &HeaderMap) -> Result<EventStream, Error> {
        let full = || Error::Overloaded { what: "too many event streams are open".to_owned(), retry_after: 10 };
        let permit = Arc::clone(&self.0.permits).try_acquire_owned().map_err(|_full| full())?;
        let mut watcher = self.0.watcher.lock().await;
        if self.is_closed() {
            return Err(full());
        }
        let stream = EventStream::new(self.clone(), self.caller(headers), permit);
        if watcher.as_ref().is_none_or(JoinHandle::is_finished) {
            let snapshot = watcher::Snapshot::read(state).await?;
            *watcher = Some(tokio::spawn(watcher::watch(state.clone(), snapshot)));
        }
        Ok(stream)
    }

    /// Returns whether nobody listens. If so, the watcher must end.
    async fn is_idle(&self) -> bool {
        let mut watcher = self.0.watcher.lock().await;
        let is_idle = self.is_closed() || self.0.messages.receiver_count() == 0;
        if is_idle {
            *watcher = None;
        }
        is_idle
    }

    fn caller(&self, headers: &HeaderMap) -> Arc<ListeningCaller> {
        let mut credential = HeaderMap::new();
        let mut key = Vec::new();
        for name in [AUTHORIZATION, COOKIE] {
            for value in headers.get_all(&name) {
                credential.append(&name, value.clone());
                key.extend_from_slice(value.as_bytes());
            }
            key.push(0);
        }
        let mut callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.retain(|_, caller| caller.strong_count() > 0);
        if let Some(caller) = callers.get(&key).and_then(Weak::upgrade) {
            return caller;
        }
        let caller = Arc::new(ListeningCaller { credential, has_ended: AtomicBool::new(false) });
        callers.insert(key, Arc::downgrade(&caller));
        caller
    }

    fn callers(&self) -> Vec<Arc<ListeningCaller>> {
        let callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.values().filter_map(Weak::upgrade).collect()
    }
}

/// `GET /api/admin/events`
pub(crate) async fn listen(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let stream = state.events.open_stream(&state, &headers).await?;
    let body = Body::from_stream(stream::unfold(stream, EventStream::next));
    let mut response = to_response("text/event-stream", body);
    // Without this, nginx would buffer the response and forward nothing.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

pub(crate) fn describe_listen() -> Operation {
    Operation::new("listen", "Events", "Streams changes as they happen")
        .description(
            "Server-sent events, for as long as the caller listens; a comment at least every 15 s.\n\n\
             - `connection`: a connection of `GET /api/admin/connections` that is new or changed, or \
             `{\"provider\":…,\"removed\":true}`\n\
             - `provider`: a plugin of `GET /api/admin/providers` that is new or changed, or \
             `{\"id\":…,\"removed\":true}`\n\
             - `mappings`: `{}`; people or mappings changed\n\
             - `match`: a match that has started, made progress or ended, as `GET …/match/{plan_id}` shows it, without \
             its plan\n\
             - `reload`: `{}`; the caller read too slowly and missed events: fetch the lists again\n\
             - `session`: `{\"ended\":true}`; the credential is no longer valid, and the stream ends\n\n\
             Changes arrive within about a second, whichever host made them. A caller that opens the stream before it \
             fetches the lists misses nothing.",
        )
        .text("The stream of events.", "text/event-stream", "event: mappings\ndata: {}\n\n")
}

/// Middleware that makes the watcher read the lists soon after a request that may have changed one: every change, and
/// every request that calls a provider.
pub(crate) async fn notice_changes(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let calls_provider = |path: &MatchedPath| path.as_str().contains("{provider}");
    let may_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request.extensions().get::<MatchedPath>().is_some_and(calls_provider);
    let response = next.run(request).await;
    if may_change {
        state.events.0.may_have_changed.notify_one();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(events: &Events, headers: &HeaderMap) -> EventStream {
        let permit = Arc::clone(&events.0.permits).acquire_owned().await.expect("a permit");
        EventStream::new(events.clone(), events.caller(headers), permit)
    }

    async fn next(stream: EventStream) -> Option<(String, EventStream)> {
        let (Ok(bytes), stream) = stream.next().await?;
        Some((String::from_utf8(bytes.to_vec()).expect("text"), stream))
    }

    fn event(number: usize) -> Message {
        Message::Events(Bytes::from(format!("data: {number}\n\n")))
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_to_reload_and_then_gets_only_new_events() {
        let events = Events::with_limits(1, 4);
        let (opening, stream) = next(open(&events, &HeaderMap::new()).await).await.expect("an opening");
        assert!(opening.starts_with("retry: "), "{opening}");
        (0..10).for_each(|number| events.broadcast(event(number)));
        let (text, stream) = next(stream).await.expect("an event");
        assert_eq!(text, "event: reload\ndata: {}\n\n");
        events.broadcast(event(11));
        let (text, _) = next(stream).await.expect("an event");
        assert_eq!(text, "data: 11\n\n");
    }

    #[tokio::test]
    async fn only_the_streams_of_an_ended_credential_end() {
        let events = Events::with_limits(2, 4);
        let (_, ended) = next(open(&events, &HeaderMap::new()).await).await.expect("an opening");
        let other = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("other"))]);
        let (_, other) = next(open(&events, &other).await).await.expect("an opening");
        events.caller(&HeaderMap::new()).has_ended.store(true, Ordering::Release);
        events.broadcast(Message::CheckEnd);
        let (text, ended) = next(ended).await.expect("a last event");
        assert_eq!(text, "event: session\ndata: {\"ended\":true}\n\n");
        assert!(next(ended).await.is_none());
        events.broadcast(event(1));
        let (text, other) = next(other).await.expect("an event");
        assert_eq!(text, "data: 1\n\n");
        events.close();
        assert!(next(other).await.is_none(), "closing ends every stream");
    }

    #[tokio::test]
    async fn a_permit_is_released_when_its_stream_ends() {
        let events = Events::with_limits(1, 4);
        let stream = open(&events, &HeaderMap::new()).await;
        assert_eq!((events.0.permits.available_permits(), events.callers().len()), (0, 1));
        drop(stream);
        assert_eq!((events.0.permits.available_permits(), events.callers().len()), (1, 0));
    }
}
