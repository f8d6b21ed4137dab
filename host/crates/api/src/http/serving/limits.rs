//! The limits of HTTP connections, each with the reason for its value.

use std::time::Duration;

/// The limits of HTTP connections.
#[derive(Clone, Debug)]
pub struct ServingLimits {
    /// Maximum number of HTTP connections at once. A few more get health checks and metrics.
    pub connections: usize,
    /// Maximum number of HTTP connections at once from one address, or one IPv6 /64. Trusted proxies have no such
    /// limit.
    pub connections_per_address: usize,
    /// The time in which all headers of a request must arrive. It starts when the HTTP connection is accepted, even if
    /// nothing is sent, and for later requests with their first byte.
    pub header_time: Duration,
    /// How long an HTTP connection without a request stays open after its last response. Load balancers reuse theirs
    /// for 60 s, and a request that crosses our close is lost.
    pub keep_alive: Duration,
    /// How often an HTTP/2 client gets a ping.
    pub ping_interval: Duration,
    /// The time in which an HTTP/2 client must reply to a ping.
    pub ping_time: Duration,
    /// How long a client may accept no byte of a response.
    pub write_time: Duration,
    /// The times of a stop.
    pub stop: StopTimes,
}

/// The times of a stop.
#[derive(Clone, Copy, Debug)]
pub struct StopTimes {
    /// How long new requests are served while `/readyz` answers 503.
    pub delay: Duration,
    /// How long running requests may take after that.
    pub grace: Duration,
}

impl Default for ServingLimits {
    fn default() -> Self {
        Self {
            // Below the usual limit of file descriptors, with room for the database and egress.
            connections: 4_096,
            connections_per_address: 1_024,
            header_time: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            ping_interval: Duration::from_secs(20),
            ping_time: Duration::from_secs(20),
            write_time: Duration::from_secs(60),
            stop: StopTimes { delay: Duration::from_secs(5), grace: Duration::from_secs(60) },
        }
    }
}
