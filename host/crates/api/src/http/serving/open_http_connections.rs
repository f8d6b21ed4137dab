//! The open HTTP connections: how many each address has, and which one is closed for a new one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jackfield_core::metrics::HTTP_CONNECTIONS;
use tokio::time::{Duration, Instant};

use super::{activity::Activity, limits::ServingLimits};
use crate::http::{callers::network_of, client_address::TrustedProxies};

/// How often closed HTTP connections are logged at most.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The open HTTP connections. Clones share them.
#[derive(Clone)]
pub(super) struct OpenHttpConnections(Arc<OpenHttpConnectionsInner>);

struct OpenHttpConnectionsInner {
    connections: usize,
    connections_per_address: usize,
    trusted: TrustedProxies,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// By order of arrival.
    by_id: BTreeMap<u64, AdmittedConnection>,
    /// Those that have not sent a request yet.
    silent: BTreeSet<u64>,
    per_network: HashMap<IpAddr, usize>,
    next_id: u64,
    logged_at: Option<Instant>,
    /// Closed or rejected since the last log line.
    closed: usize,
    rejected: usize,
}

struct AdmittedConnection {
    /// `None` for a trusted proxy.
    network: Option<IpAddr>,
    activity: Arc<Activity>,
}

/// What an HTTP connection may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Everything,
    /// Health checks and metrics.
    Reserve,
}

/// One open HTTP connection. It is open until the last clone is dropped.
#[derive(Clone)]
pub(super) struct OpenHttpConnection(Arc<OpenHttpConnectionInner>);

struct OpenHttpConnectionInner {
    id: u64,
    all: OpenHttpConnections,
}

impl OpenHttpConnections {
    pub(super) fn new(limits: &ServingLimits, trusted: TrustedProxies) -> Self {
        Self(Arc::new(OpenHttpConnectionsInner {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            trusted,
            open: Mutex::default(),
        }))
    }

    /// Adds an HTTP connection, and closes another one if there are too many; `None` if it must be closed itself.
    pub(super) fn admit(&self, peer: IpAddr, activity: &Arc<Activity>) -> Option<(OpenHttpConnection, Admission)> {
        let network = (!self.0.trusted.contains(peer)).then(|| network_of(peer.to_canonical()));
        let mut open = self.lock();
        if let Some(network) = network
            && open.per_network.get(&network).is_some_and(|count| *count >= self.0.connections_per_address)
            && !open.close_one(Some(network))
        {
            open.rejected += 1;
            self.log_if_due(&mut open);
            return None;
        }
        let is_full = open.by_id.len() >= self.0.connections && !open.close_one(None);
        self.log_if_due(&mut open);
        let id = open.next_id;
        open.next_id += 1;
        open.by_id.insert(id, AdmittedConnection { network, activity: Arc::clone(activity) });
        open.silent.insert(id);
        if let Some(network) = network {
            *open.per_network.entry(network).or_default() += 1;
        }
        drop(open);
        metrics::gauge!(HTTP_CONNECTIONS.name).increment(1);
        let entry = OpenHttpConnection(Arc::new(OpenHttpConnectionInner { id, all: self.clone() }));
        Some((entry, if is_full { Admission::Reserve } else { Admission::Everything }))
    }

    /// Closes one HTTP connection that is not used, if there is one.
    pub(super) fn make_room(&self) {
        let mut open = self.lock();
        open.close_one(None);
        self.log_if_due(&mut open);
    }

    /// Logs that an HTTP connection could not be accepted.
    pub(super) fn log_not_accepted(&self, error: &io::Error) {
        let mut open = self.lock();
        open.rejected += 1;
        if open.is_log_due() {
            tracing::warn!(%error, "HTTP connection not accepted");
        }
        self.log_if_due(&mut open);
    }

    fn log_if_due(&self, open: &mut Open) {
        if open.closed + open.rejected == 0 || !open.is_log_due() {
            return;
        }
        tracing::warn!(
            closed = open.closed,
            rejected = open.rejected,
            open = open.by_id.len(),
            limit = self.0.connections,
            limit_per_address = self.0.connections_per_address,
            "too many HTTP connections: unused ones were closed, those without a request first",
        );
        (open.closed, open.rejected, open.logged_at) = (0, 0, Some(Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes the oldest HTTP connection that never sent a request, or else the oldest one without a running request.
    /// Returns `false` if there is none.
    fn close_one(&mut self, network: Option<IpAddr>) -> bool {
        let is_of = |id: &u64| network.is_none() || self.by_id.get(id).is_some_and(|open| open.network == network);
        let silent = self.silent.iter().copied().find(is_of);
        let found = silent.or_else(|| {
            let idle = self.by_id.iter().filter(|(id, open)| is_of(id) && open.activity.is_idle());
            idle.map(|(id, _)| *id).next()
        });
        let Some(closed) = found.and_then(|id| self.remove(id)) else { return false };
        closed.activity.evict();
        self.closed += 1;
        true
    }

    fn remove(&mut self, id: u64) -> Option<AdmittedConnection> {
        let removed = self.by_id.remove(&id)?;
        self.silent.remove(&id);
        if let Some(network) = removed.network
            && let Some(count) = self.per_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                self.per_network.remove(&network);
            }
        }
        Some(removed)
    }

    fn is_log_due(&self) -> bool {
        self.logged_at.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL)
    }
}

impl OpenHttpConnection {
    /// Records that the HTTP connection has sent a request.
    pub(super) fn note_request(&self) {
        self.0.all.lock().silent.remove(&self.0.id);
    }
}

impl Drop for OpenHttpConnectionInner {
    fn drop(&mut self) {
        metrics::gauge!(HTTP_CONNECTIONS.name).decrement(1);
        self.all.lock().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;

    fn open_connections(
        connections: usize,
        connections_per_address: usize,
        trusted: &str,
    ) -> (OpenHttpConnections, ServingLimits) {
        let limits = ServingLimits { connections, connections_per_address, ..ServingLimits::default() };
        (OpenHttpConnections::new(&limits, trusted.parse().expect("networks")), limits)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    async fn is_closed(activity: &Activity) -> bool {
        tokio::time::timeout(Duration::ZERO, activity.overdue()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_connection_without_a_request_is_closed_first() {
        let (all, limits) = open_connections(3, 3, "");
        let open: Vec<_> = (0..3)
            .map(|_| {
                let activity = Activity::new(&limits);
                let (entry, admission) = all.admit(address("192.0.2.1"), &activity).expect("is admitted");
                assert_eq!(admission, Admission::Everything);
                (activity, entry)
            })
            .collect();
        let _running = open[0].0.begin_request(Version::HTTP_11);
        open[0].1.note_request();
        let activity = Activity::new(&limits);
        let (_entry, admission) = all.admit(address("192.0.2.2"), &activity).expect("is admitted");
        assert_eq!(admission, Admission::Everything);
        assert!(!is_closed(&open[0].0).await && is_closed(&open[1].0).await && !is_closed(&open[2].0).await);
    }

    #[tokio::test]
    async fn an_address_above_its_limit_closes_its_own_connections_only() {
        let (all, limits) = open_connections(100, 2, "10.0.0.0/8");
        let admit = |from: &str| {
            let activity = Activity::new(&limits);
            all.admit(address(from), &activity).map(|(entry, _)| (activity, entry))
        };
        let other = admit("198.51.100.7").expect("is admitted");
        let silent = admit("192.0.2.1").expect("is admitted");
        let idle = admit("::ffff:192.0.2.1").expect("is admitted");
        drop(idle.0.begin_request(Version::HTTP_11));
        idle.1.note_request();
        let busy = [(); 2].map(|()| {
            let (activity, entry) = admit("192.0.2.1").expect("is admitted");
            entry.note_request();
            let running = activity.begin_request(Version::HTTP_11);
            (activity, entry, running)
        });
        assert!(is_closed(&silent.0).await && is_closed(&idle.0).await && !is_closed(&other.0).await);
        assert!(admit("192.0.2.1").is_none(), "two requests are running");
        drop(busy);
        let proxied: Vec<_> = (0..5).map(|_| admit("10.1.2.3").expect("a trusted proxy is admitted")).collect();
        assert!(!is_closed(&proxied[0].0).await);
        let same_network = [admit("2001:db8::1").expect("is admitted"), admit("2001:db8::2").expect("is admitted")];
        let _third = admit("2001:db8::3").expect("is admitted");
        assert!(is_closed(&same_network[0].0).await, "one IPv6 /64 counts as one address");
    }

    #[tokio::test]
    async fn a_full_service_keeps_a_reserve_for_health_checks() {
        let (all, limits) = open_connections(1, 1, "");
        let activity = Activity::new(&limits);
        let (entry, _) = all.admit(address("192.0.2.1"), &activity).expect("is admitted");
        let running = activity.begin_request(Version::HTTP_11);
        entry.note_request();
        let (reserve, admission) = all.admit(address("192.0.2.2"), &Activity::new(&limits)).expect("is admitted");
        assert_eq!(admission, Admission::Reserve);
        drop((reserve, running, entry));
        assert!(all.lock().by_id.is_empty() && all.lock().per_network.is_empty());
    }
}
