//! The settings of the listener: host names, trusted proxies, HTTP connections, and the times of a stop.

use std::{ops::RangeInclusive, time::Duration};

use jackfield_api::{HostNames, ServingLimits, TrustedProxies};

use super::settings::Settings;

/// How the service listens.
#[derive(Clone, Debug)]
pub struct ServingConfig {
    /// `JACKFIELD_HOSTS`: further host names that requests may be sent to.
    pub host_names: HostNames,
    /// `JACKFIELD_TRUSTED_PROXIES`: the networks whose `Forwarded` and `X-Forwarded-For` are used.
    pub trusted_proxies: TrustedProxies,
    /// `JACKFIELD_KEEP_ALIVE`: how long an idle HTTP connection stays open.
    pub keep_alive: Duration,
    /// `JACKFIELD_CONNECTIONS_PER_ADDRESS`.
    pub connections_per_address: usize,
    /// `JACKFIELD_STOP_DELAY`: how long new requests are served after the signal to stop.
    pub stop_delay: Duration,
}

pub(super) fn read(settings: &mut Settings) -> ServingConfig {
    let limits = ServingLimits::default();
    let host_names = settings.optional("HOSTS").unwrap_or_default();
    let trusted_proxies = settings.optional("TRUSTED_PROXIES").unwrap_or_default();
    ServingConfig {
        host_names: settings.check("HOSTS", host_names.parse()).unwrap_or_default(),
        trusted_proxies: settings.check("TRUSTED_PROXIES", trusted_proxies.parse()).unwrap_or_default(),
        keep_alive: read_seconds(settings, "KEEP_ALIVE", 1..=3_600, limits.keep_alive),
        connections_per_address: read_number(
            settings,
            "CONNECTIONS_PER_ADDRESS",
            1..=100_000,
            limits.connections_per_address,
        ),
        stop_delay: read_seconds(settings, "STOP_DELAY", 0..=600, limits.stop.delay),
    }
}

fn read_seconds(settings: &mut Settings, name: &str, range: RangeInclusive<usize>, default: Duration) -> Duration {
    let default = usize::try_from(default.as_secs()).unwrap_or(usize::MAX);
    Duration::from_secs(read_number(settings, name, range, default) as u64)
}

fn read_number(settings: &mut Settings, name: &str, range: RangeInclusive<usize>, default: usize) -> usize {
    let Some(text) = settings.text_or_number(name) else { return default };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let problem = || format!("must be a whole number from {} to {}", range.start(), range.end());
    settings.check(name, number.ok_or_else(problem)).unwrap_or(default)
}
