//! Reads the lists repeatedly and broadcasts what changed.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use axum::body::Bytes;
use jackfield_core::Error;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::Message;
use crate::{
    ApiState,
    http::callers::is_still_executive,
    routes::{connections::ConnectionView, matching::MatchRunView, providers::ProviderView},
};

/// The interval of reads, which find changes of every host.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two reads, so that many changes of this process cause one read.
const MIN_READ_INTERVAL: Duration = Duration::from_millis(100);

/// The interval at which the listeners' credentials are checked.
const CREDENTIAL_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The lists at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Each connection as JSON, by provider.
    connections: BTreeMap<String, Vec<u8>>,
    /// Each plugin as JSON, by id.
    plugins: BTreeMap<String, Vec<u8>>,
    /// Each match that runs or has just ended as JSON, by id.
    matches: BTreeMap<String, Vec<u8>>,
    /// The number of the newest audit entry. Every change of people and mappings has an entry.
    audit_end: i64,
    /// Whether people or mappings changed since the previous snapshot.
    people_changed: bool,
}

/// Broadcasts changes until nobody listens.
pub(super) async fn watch(state: ApiState, mut snapshot: Snapshot) {
    let events = state.events.clone();
    let (mut checked, mut is_failing) = (Instant::now(), false);
    loop {
        let started = Instant::now();
        // Wait for the interval, or less if this process changed something.
        let _notified = tokio::time::timeout(READ_INTERVAL, events.0.may_have_changed.notified()).await;
        tokio::time::sleep_until(started + MIN_READ_INTERVAL).await;
        if events.is_idle().await {
            return;
        }
        match Snapshot::read_after(&state, snapshot.audit_end).await {
            Ok(now) => {
                let changes = now.changes_since(&snapshot);
                if !changes.is_empty() {
                    events.broadcast(Message::Events(Bytes::from(changes)));
                }
                (snapshot, is_failing) = (now, false);
            }
            Err(error) if !is_failing => {
                tracing::error!(%error, "events stopped until the database answers");
                is_failing = true;
            }
            Err(_) => {}
        }
        if checked.elapsed() >= CREDENTIAL_CHECK_INTERVAL {
            end_invalid_callers(&state).await;
            checked = Instant::now();
        }
    }
}

/// Ends the streams of callers with a credential that is no longer valid.
async fn end_invalid_callers(state: &ApiState) {
    let mut any_ended = false;
    for caller in state.events.callers() {
        // If the check fails, it is repeated after the next interval.
        if let Ok(false) = is_still_executive(state, &caller.credential).await {
            caller.has_ended.store(true, Ordering::Release);
            any_ended = true;
        }
    }
    if any_ended {
        state.events.broadcast(Message::CheckEnd);
    }
}

impl Snapshot {
    /// Reads the first snapshot.
    pub(super) async fn read(state: &ApiState) -> Result<Self, Error> {
        let audit_end = state.store.audit_end().await?;
        Self::read_after(state, audit_end).await
    }

    /// Reads the snapshot after one with this audit entry as its newest.
    async fn read_after(state: &ApiState, previous_audit_end: i64) -> Result<Self, Error> {
        let audit_end = state.store.audit_end().await?;
        let people_changed =
            audit_end != previous_audit_end && state.store.people_changed(previous_audit_end, audit_end).await?;
        let connections = state.connections.list().await?.into_iter().map(ConnectionView::from);
        let connections = connections.map(|view| Ok((view.provider().to_owned(), to_json(&view)?)));
        let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
        let entries = state.catalog.entries();
        let plugins = entries.iter().map(|entry| ProviderView::new(entry, now, &stored));
        let plugins = plugins.map(|view| Ok((view.id().to_owned(), to_json(&view)?)));
        let matches = state.people.recent_matches().await?;
        let matches = matches.iter().map(|run| Ok((run.id.clone(), to_json(&MatchRunView::new(run))?)));
        Ok(Self {
            matches: matches.collect::<Result<_, Error>>()?,
            connections: connections.collect::<Result<_, Error>>()?,
            plugins: plugins.collect::<Result<_, Error>>()?,
            audit_end,
            people_changed,
        })
    }

    /// Returns the events for the changes since the previous snapshot.
    fn changes_since(&self, previous: &Self) -> Vec<u8> {
        let mut events = Vec::new();
        append_changes(&mut events, "connection", "provider", &previous.connections, &self.connections);
        append_changes(&mut events, "provider", "id", &previous.plugins, &self.plugins);
        for (id, view) in &self.matches {
            if previous.matches.get(id) != Some(view) {
                append_event(&mut events, "match", view);
            }
        }
        if self.people_changed {
            append_event(&mut events, "mappings", b"{}");
        }
        events
    }
}

fn append_changes(
    events: &mut Vec<u8>,
    event: &str,
    id_name: &str,
    previous: &BTreeMap<String, Vec<u8>>,
    now: &BTreeMap<String, Vec<u8>>,
) {
    for (_, view) in now.iter().filter(|(id, view)| previous.get(*id) != Some(view)) {
        append_event(events, event, view);
    }
    for id in previous.keys().filter(|id| !now.contains_key(*id)) {
        append_event(events, event, json!({ id_name: id, "removed": true }).to_string().as_bytes());
    }
}

/// Appends an event. The data must be one line, as serialized JSON is.
fn append_event(events: &mut Vec<u8>, event: &str, data: &[u8]) {
    events.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    events.extend_from_slice(data);
    events.extend_from_slice(b"\n\n");
}

fn to_json(view: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(view).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(connections: &[(&str, &str)], audit_end: i64) -> Snapshot {
        let connections = connections.iter().map(|(id, view)| ((*id).to_owned(), view.as_bytes().to_vec())).collect();
        let (plugins, matches) = (BTreeMap::new(), BTreeMap::new());
        Snapshot { connections, plugins, matches, audit_end, people_changed: audit_end > 0 }
    }

    #[test]
    fn what_is_new_changed_or_removed_is_sent_and_what_is_the_same_is_not() {
        let previous = snapshot(&[("a", "1"), ("b", "1"), ("c\n", "1")], 0);
        let changes = snapshot(&[("a", "1"), ("b", "2"), ("d", "1")], 7).changes_since(&previous);
        assert_eq!(
            String::from_utf8(changes).expect("text"),
            "event: connection\ndata: 2\n\nevent: connection\ndata: 1\n\n\
             event: connection\ndata: {\"provider\":\"c\\n\",\"removed\":true}\n\nevent: mappings\ndata: {}\n\n"
        );
        assert!(snapshot(&[("a", "1")], 0).changes_since(&snapshot(&[("a", "1")], 0)).is_empty());
    }
}
