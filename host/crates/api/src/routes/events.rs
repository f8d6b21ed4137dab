//! `/api/admin/events`: what changes, as it changes, told to everybody who listens.
//!
//! One task of this process looks once a second at what the lists say, while anybody listens, and tells everybody the
//! differences: it makes none which host changed something, nor how many listen. Nothing is kept for who reads slowly:
//! they are told to load the lists anew.

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
    extract::{MatchedPath, Request, State as Given},
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

use self::event_stream::Listener;
use crate::{State, error::ApiError, stream::response};

/// Who listens at once. Each costs a connection, of which the service takes twice as many.
const LISTENERS: usize = 2_000;

/// Looks whose news are kept for who reads slowly.
const KEPT: usize = 64;

/// Everybody who listens, and what they are told.
#[derive(Clone, Debug)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    told: broadcast::Sender<Told>,
    places: Arc<Semaphore>,
    /// Something may have been changed by this process.
    may_have_changed: Notify,
    is_over: AtomicBool,
    /// The task that looks, while anybody listens.
    watching: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    /// Who listens, each once however many streams they have.
    callers: Mutex<HashMap<Vec<u8>, Weak<Listening>>>,
}

/// What everybody who listens is told.
#[derive(Clone, Debug)]
enum Told {
    /// Events as they are sent.
    News(Bytes),
    /// To see whether this stream is to end.
    LookUp,
}

/// Somebody who listens, by the credential that they called with.
#[derive(Debug)]
struct Listening {
    credential: HeaderMap,
    is_over: AtomicBool,
}

impl Default for Events {
    fn default() -> Self {
        Self::of(LISTENERS, KEPT)
    }
}

impl Events {
    fn of(listeners: usize, kept: usize) -> Self {
        Self(Arc::new(Inner {
            told: broadcast::Sender::new(kept),
            places: Arc::new(Semaphore::new(listeners)),
            may_have_changed: Notify::new(),
            is_over: AtomicBool::new(false),
            watching: tokio::sync::Mutex::new(None),
            callers: Mutex::default(),
        }))
    }

    /// Ends every stream, now and from now on.
    pub fn close(&self) {
        self.0.is_over.store(true, Ordering::Release);
        self.tell(Told::LookUp);
        self.0.may_have_changed.notify_one();
    }

    fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Acquire)
    }

    fn tell(&self, told: Told) {
        // Nobody may be listening at this moment.
        let _listeners = self.0.told.send(told);
    }

    /// Takes somebody in. What changes after this is told to them: where nobody listened before, the first look is
    /// over when it returns.
    async fn admit(&self, state: &State, headers: &HeaderMap) -> Result<Listener, Error> {
        let full = || Error::Overloaded { what: "enough listen to the events already".to_owned(), retry_after: 10 };
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_full| full())?;
        let mut watching = self.0.watching.lock().await;
        if self.is_over() {
            return Err(full());
        }
        let listener = Listener::new(self.clone(), self.caller(headers), place);
        if watching.as_ref().is_none_or(JoinHandle::is_finished) {
            let seen = watcher::Seen::look(state).await?;
            *watching = Some(tokio::spawn(watcher::watch(state.clone(), seen)));
        }
        Ok(listener)
    }

    /// Whether nobody listens any more; then the task that looks is over.
    async fn is_idle(&self) -> bool {
        let mut watching = self.0.watching.lock().await;
        let is_idle = self.is_over() || self.0.told.receiver_count() == 0;
        if is_idle {
            *watching = None;
        }
        is_idle
    }

    fn caller(&self, headers: &HeaderMap) -> Arc<Listening> {
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
        callers.retain(|_, listening| listening.strong_count() > 0);
        if let Some(listening) = callers.get(&key).and_then(Weak::upgrade) {
            return listening;
        }
        let listening = Arc::new(Listening { credential, is_over: AtomicBool::new(false) });
        callers.insert(key, Arc::downgrade(&listening));
        listening
    }

    fn callers(&self) -> Vec<Arc<Listening>> {
        let callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.values().filter_map(Weak::upgrade).collect()
    }
}

/// `GET /api/admin/events`
pub(crate) async fn listen(Given(state): Given<State>, headers: HeaderMap) -> Result<Response, ApiError> {
    let listener = state.events.admit(&state, &headers).await?;
    let mut response = response("text/event-stream", Body::from_stream(stream::unfold(listener, Listener::next)));
    // A proxy that gathers an answer before it passes it on would pass on nothing.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Has the lists looked at soon after what may have changed one: every change, and every question to a provider.
pub(crate) async fn notice(Given(state): Given<State>, request: Request, next: Next) -> Response {
    let asks_a_provider = |path: &MatchedPath| path.as_str().contains("{provider}");
    let may_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request.extensions().get::<MatchedPath>().is_some_and(asks_a_provider);
    let response = next.run(request).await;
    if may_change {
        state.events.0.may_have_changed.notify_one();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listener(events: &Events) -> Listener {
        let place = Arc::clone(&events.0.places).acquire_owned().await.expect("a place");
        Listener::new(events.clone(), events.caller(&HeaderMap::new()), place)
    }

    async fn next(listener: Listener) -> Option<(String, Listener)> {
        let (Ok(bytes), listener) = listener.next().await?;
        Some((String::from_utf8(bytes.to_vec()).expect("text"), listener))
    }

    fn news(number: usize) -> Told {
        Told::News(Bytes::from(format!("data: {number}\n\n")))
    }

    #[tokio::test]
    async fn who_reads_slowly_is_told_to_load_anew_and_then_only_what_is_new() {
        let events = Events::of(1, 4);
        let (opening, listener) = next(listener(&events).await).await.expect("it opens");
        assert!(opening.starts_with("retry: "), "{opening}");
        (0..10).for_each(|number| events.tell(news(number)));
        let (told, listener) = next(listener).await.expect("it goes on");
        assert_eq!(told, "event: reload\ndata: {}\n\n");
        events.tell(news(11));
        let (told, _) = next(listener).await.expect("it goes on");
        assert_eq!(told, "data: 11\n\n");
    }

    #[tokio::test]
    async fn a_caller_whose_credential_ends_is_told_so_and_nobody_else() {
        let events = Events::of(2, 4);
        let (_, ended) = next(listener(&events).await).await.expect("it opens");
        let other = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("other"))]);
        let other = Listener::new(
            events.clone(),
            events.caller(&other),
            Arc::clone(&events.0.places).acquire_owned().await.expect("a place"),
        );
        let (_, other) = next(other).await.expect("it opens");
        events.caller(&HeaderMap::new()).is_over.store(true, Ordering::Release);
        events.tell(Told::LookUp);
        let (told, ended) = next(ended).await.expect("a last word");
        assert_eq!(told, "event: session\ndata: {\"ended\":true}\n\n");
        assert!(next(ended).await.is_none());
        events.tell(news(1));
        let (told, other) = next(other).await.expect("it goes on");
        assert_eq!(told, "data: 1\n\n");
        events.close();
        assert!(next(other).await.is_none(), "a stop ends everybody's");
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_stream_ends() {
        let events = Events::of(1, 4);
        let listener = listener(&events).await;
        assert_eq!((events.0.places.available_permits(), events.callers().len()), (0, 1));
        drop(listener);
        assert_eq!((events.0.places.available_permits(), events.callers().len()), (1, 0));
    }
}
