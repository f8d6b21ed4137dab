//! Looks at what the lists say, again and again, and tells in what they differ from the last look.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use axum::body::Bytes;
use jackfield_core::Error;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::Told;
use crate::{
    State,
    caller::still_calls,
    connections::ConnectionView,
    providers::{self, ProviderView},
};

/// How often the lists are looked at, whichever host changes them.
const EVERY: Duration = Duration::from_secs(1);

/// How soon after a look there is another, where this process changed something: many changes are one look.
const GAP: Duration = Duration::from_millis(100);

/// How often it is asked whether those who listen still may.
const JUDGED_EVERY: Duration = Duration::from_secs(2);

/// What a look saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Each as it is listed, by its provider.
    connections: BTreeMap<String, Vec<u8>>,
    providers: BTreeMap<String, Vec<u8>>,
    /// The number of the newest audit row: every change of people and mappings has one.
    audit: i64,
    /// Whether people or mappings were changed since the look before.
    people_changed: bool,
}

/// Goes on looking until nobody listens.
pub(crate) async fn watch(state: State, mut seen: Seen) {
    let events = state.events.clone();
    let (mut judged, mut fails) = (Instant::now(), false);
    loop {
        let looked = Instant::now();
        // A whole turn, or less where this process changed something.
        let _early = tokio::time::timeout(EVERY, events.0.may_have_changed.notified()).await;
        tokio::time::sleep_until(looked + GAP).await;
        if events.is_idle().await {
            return;
        }
        match Seen::look_again(&state, seen.audit).await {
            Ok(now) => {
                let news = now.since(&seen);
                if !news.is_empty() {
                    events.tell(Told::News(Bytes::from(news)));
                }
                (seen, fails) = (now, false);
            }
            Err(error) if !fails => {
                tracing::error!(%error, "nobody is told of changes until the database answers");
                fails = true;
            }
            Err(_) => {}
        }
        if judged.elapsed() >= JUDGED_EVERY {
            judge(&state).await;
            judged = Instant::now();
        }
    }
}

/// Ends the streams of those whose credential is good no more.
async fn judge(state: &State) {
    let mut any_ended = false;
    for caller in state.events.callers() {
        // Where nobody can tell at this moment, the next turn asks again.
        if let Ok(false) = still_calls(state, &caller.credential).await {
            caller.is_over.store(true, Ordering::Release);
            any_ended = true;
        }
    }
    if any_ended {
        state.events.tell(Told::LookUp);
    }
}

impl Seen {
    /// Looks for the first time.
    pub(crate) async fn look(state: &State) -> Result<Self, Error> {
        let audit = state.store.audit_end().await?;
        Self::look_again(state, audit).await
    }

    /// Looks after a look that saw the audit end with this row.
    async fn look_again(state: &State, before: i64) -> Result<Self, Error> {
        let audit = state.store.audit_end().await?;
        let people_changed = audit != before && state.store.people_changed(before, audit).await?;
        let connections = state.connections.list().await?.into_iter().map(ConnectionView::from);
        let connections = connections.map(|view| Ok((view.provider().to_owned(), written(&view)?)));
        let now = state.clock.now();
        let entries = state.catalog.entries();
        let providers = entries.iter().map(|entry| {
            let view: ProviderView = providers::view(entry, now);
            Ok((entry.id.clone(), written(&view)?))
        });
        Ok(Self {
            connections: connections.collect::<Result<_, Error>>()?,
            providers: providers.collect::<Result<_, Error>>()?,
            audit,
            people_changed,
        })
    }

    /// The events that tell in what this look differs from the one before.
    fn since(&self, before: &Self) -> Vec<u8> {
        let mut news = Vec::new();
        differences(&mut news, "connection", "provider", &before.connections, &self.connections);
        differences(&mut news, "provider", "id", &before.providers, &self.providers);
        if self.people_changed {
            event(&mut news, "mappings", b"{}");
        }
        news
    }
}

fn differences(
    news: &mut Vec<u8>,
    kind: &str,
    name: &str,
    before: &BTreeMap<String, Vec<u8>>,
    now: &BTreeMap<String, Vec<u8>>,
) {
    for (_, view) in now.iter().filter(|(id, view)| before.get(*id) != Some(view)) {
        event(news, kind, view);
    }
    for id in before.keys().filter(|id| !now.contains_key(*id)) {
        event(news, kind, json!({ name: id, "removed": true }).to_string().as_bytes());
    }
}

/// Writes an event; JSON in one line is a line of its own.
fn event(news: &mut Vec<u8>, kind: &str, data: &[u8]) {
    news.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
    news.extend_from_slice(data);
    news.extend_from_slice(b"\n\n");
}

fn written(view: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(view).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(connections: &[(&str, &str)], audit: i64) -> Seen {
        let connections = connections.iter().map(|(id, view)| ((*id).to_owned(), view.as_bytes().to_vec())).collect();
        Seen { connections, providers: BTreeMap::new(), audit, people_changed: audit > 0 }
    }

    #[test]
    fn what_is_new_other_or_gone_is_told_and_what_is_the_same_is_not() {
        let before = seen(&[("a", "1"), ("b", "1"), ("c\n", "1")], 0);
        let news = seen(&[("a", "1"), ("b", "2"), ("d", "1")], 7).since(&before);
        assert_eq!(
            String::from_utf8(news).expect("text"),
            "event: connection\ndata: 2\n\nevent: connection\ndata: 1\n\n\
             event: connection\ndata: {\"provider\":\"c\\n\",\"removed\":true}\n\nevent: mappings\ndata: {}\n\n"
        );
        assert!(seen(&[("a", "1")], 0).since(&seen(&[("a", "1")], 0)).is_empty());
    }
}
