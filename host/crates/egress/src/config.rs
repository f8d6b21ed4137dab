//! The settings of `Egress`: reroutes for development, limits, the clock.

use std::{collections::BTreeMap, time::Duration};

use jackfield_core::Clock;
use url::Url;

/// The settings of an [`Egress`](crate::Egress).
#[derive(Debug)]
pub struct EgressConfig {
    /// Where requests to a host are sent instead, for development only.
    ///
    /// The key `*` covers every host that is not listed. A target is a plain HTTP URL on loopback.
    pub reroutes: BTreeMap<String, Url>,
    pub limits: EgressLimits,
    /// The time at which requests are signed.
    pub clock: Clock,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self { reroutes: BTreeMap::new(), limits: EgressLimits::default(), clock: Clock::system() }
    }
}

/// How long a request may take and how large its response may be.
#[derive(Clone, Debug)]
pub struct EgressLimits {
    /// Name lookup, TCP and TLS together. For a healthy host this takes less than a second from anywhere.
    pub connect: Duration,
    /// From sending the request to the response header. Slow reports of large accounts take some seconds.
    pub first_byte: Duration,
    /// Between two chunks of the body.
    pub idle: Duration,
    /// The whole request, including its redirects.
    pub total: Duration,
    /// Maximum number of bytes of a decompressed response body.
    ///
    /// `wit/host.wit` documents the default.
    pub body: usize,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
            body: 16 * 1024 * 1024,
        }
    }
}
