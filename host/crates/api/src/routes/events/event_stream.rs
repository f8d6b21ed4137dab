//! One stream of events: what is told to everybody, a sign of life, and its end.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::body::Bytes;
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{self, error::RecvError},
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{Events, Listening, Told};

/// How often a stream without news says that it lives; proxies end what is quiet for a minute or so.
const BEAT: Duration = Duration::from_secs(15);

/// The first bytes: what is changed after them is told. A browser that loses the stream waits so long.
const OPENING: &[u8] = b"retry: 3000\n: listening\n\n";

/// A line that means nothing.
const SIGN_OF_LIFE: &[u8] = b": alive\n\n";

/// What this stream missed is not kept.
const RELOAD: &[u8] = b"event: reload\ndata: {}\n\n";

/// The caller's credential is good no more.
const ENDED: &[u8] = b"event: session\ndata: {\"ended\":true}\n\n";

/// One stream, as long as somebody reads it.
#[derive(Debug)]
pub(crate) struct Listener {
    events: Events,
    caller: Arc<Listening>,
    told: broadcast::Receiver<Told>,
    beat: Interval,
    stage: Stage,
    _counted: Counted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opens,
    Goes,
    Over,
}

/// A place among those who listen, as the metrics count them.
#[derive(Debug)]
struct Counted(#[expect(dead_code, reason = "held, and never looked at")] OwnedSemaphorePermit);

impl Counted {
    fn new(place: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("jackfield_event_listeners").increment(1);
        Self(place)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("jackfield_event_listeners").decrement(1);
    }
}

impl Listener {
    pub(crate) fn new(events: Events, caller: Arc<Listening>, place: OwnedSemaphorePermit) -> Self {
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let told = events.0.told.subscribe();
        Self { events, caller, told, beat, stage: Stage::Opens, _counted: Counted::new(place) }
    }

    /// The next bytes, and the listener for those after; none at the end.
    pub(crate) async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let bytes = self.bytes().await?;
        Some((Ok(bytes), self))
    }

    async fn bytes(&mut self) -> Option<Bytes> {
        if self.stage == Stage::Opens {
            self.stage = Stage::Goes;
            return Some(Bytes::from_static(OPENING));
        }
        loop {
            if self.stage == Stage::Over || self.events.is_over() {
                return None;
            }
            if self.caller.is_over.load(Ordering::Acquire) {
                self.stage = Stage::Over;
                return Some(Bytes::from_static(ENDED));
            }
            let told = tokio::select! {
                told = self.told.recv() => told,
                _ = self.beat.tick() => return Some(Bytes::from_static(SIGN_OF_LIFE)),
            };
            match told {
                Ok(Told::News(bytes)) => return Some(bytes),
                Ok(Told::LookUp) => {}
                Err(RecvError::Lagged(_)) => {
                    // What is left of the old is older than what is loaded anew.
                    self.told = self.told.resubscribe();
                    return Some(Bytes::from_static(RELOAD));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
