//! What the calls of each component did and used, added up since the start: for the metrics and for one page.
//!
//! It is this process's own, kept in memory alone; a row for each operation of each component that was called.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jackfield_core::Error;
use jackfield_egress::activity::Tally;
use jiff::Timestamp;

use super::Connections;

/// The rows of every component.
#[derive(Clone, Debug, Default)]
pub(super) struct Activities(Arc<Mutex<BTreeMap<String, BTreeMap<&'static str, Totals>>>>);

/// What the calls of one operation came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub calls: u64,
    /// How many failed, by the API's code.
    pub errors: BTreeMap<&'static str, u64>,
    /// Time in all, of which `guest` was computing and `upstream` waiting for requests.
    pub time: Duration,
    pub guest: Duration,
    pub upstream: Duration,
    /// The most that one call held.
    pub memory_bytes: usize,
    pub requests: u64,
    pub denied: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub last_at: Option<Timestamp>,
}

impl Activities {
    /// Adds one call, and tells the metrics of it.
    pub(super) fn add(
        &self,
        provider: &str,
        operation: &'static str,
        code: Option<&'static str>,
        time: Duration,
        tally: &Tally,
        at: Timestamp,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(provider) {
            all.insert(provider.to_owned(), BTreeMap::new());
        }
        let Some(rows) = all.get_mut(provider) else { return };
        let row = rows.entry(operation).or_default();
        row.calls += 1;
        if let Some(code) = code {
            *row.errors.entry(code).or_default() += 1;
        }
        row.time += time;
        row.guest += tally.guest;
        row.upstream += tally.upstream;
        row.memory_bytes = row.memory_bytes.max(tally.memory_bytes);
        row.requests += u64::from(tally.requests);
        row.denied += u64::from(tally.denied);
        row.sent_bytes += tally.sent_bytes;
        row.received_bytes += tally.received_bytes;
        row.last_at = Some(at);
        let most = row.memory_bytes;
        drop(all);
        count(tally, provider, operation, most);
    }
}

impl Connections {
    /// What this process's calls of a component came to, by operation; nothing where there was none.
    ///
    /// # Errors
    /// No component has this id.
    pub fn activity(&self, provider: &str) -> Result<BTreeMap<&'static str, Totals>, Error> {
        if !self.catalog.entries().iter().any(|entry| entry.id == provider) {
            return Err(Error::UnknownProvider(provider.to_owned()));
        }
        let all = self.activities.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.get(provider).cloned().unwrap_or_default())
    }
}

fn count(tally: &Tally, provider: &str, operation: &'static str, most_memory: usize) {
    let labels = [("provider", provider.to_owned()), ("operation", operation.to_owned())];
    metrics::histogram!("jackfield_call_guest_seconds", &labels).record(tally.guest.as_secs_f64());
    metrics::histogram!("jackfield_call_upstream_seconds", &labels).record(tally.upstream.as_secs_f64());
    for (name, number) in [
        ("jackfield_call_requests_total", u64::from(tally.requests)),
        ("jackfield_call_denied_total", u64::from(tally.denied)),
        ("jackfield_call_sent_bytes_total", tally.sent_bytes),
        ("jackfield_call_received_bytes_total", tally.received_bytes),
    ] {
        metrics::counter!(name, &labels).increment(number);
    }
    let most = u32::try_from(most_memory).map_or(f64::MAX, f64::from);
    metrics::gauge!("jackfield_call_memory_bytes", &labels).set(most);
}
