//! What a service takes from its machine instead of its settings. Tests replace parts of it.

use std::time::Duration;

use jackfield_api::ServingLimits;
use jackfield_core::Clock;
use jackfield_egress::EgressLimits;
use jackfield_sandbox::{Cache, Checker};

use crate::open_files;

/// How often due OAuth grants are refreshed and expired sessions are removed.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How often rows and files that are no longer needed are removed.
///
/// It is not urgent, so the first time is not at the start.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(600);

/// What a service takes from its machine.
#[derive(Clone, Debug)]
pub struct HostEnvironment {
    pub(super) clock: Clock,
    pub(super) egress_limits: EgressLimits,
    /// The program that checks components.
    pub(super) checker: Checker,
    /// The cache of compiled components; `None` for one in the data folder.
    pub(super) compiled: Option<Cache>,
    /// The limits of HTTP connections that no setting replaces.
    pub(super) serving: ServingLimits,
    /// How often due OAuth grants are refreshed and expired sessions are removed.
    pub(super) upkeep_interval: Duration,
    /// How often rows and files that are no longer needed are removed.
    pub(super) cleanup_interval: Duration,
}

impl Default for HostEnvironment {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            egress_limits: EgressLimits::default(),
            checker: Checker::this_program(),
            compiled: None,
            serving: ServingLimits { connections: open_files::http_connections(), ..ServingLimits::default() },
            upkeep_interval: UPKEEP_INTERVAL,
            cleanup_interval: CLEANUP_INTERVAL,
        }
    }
}

#[cfg(feature = "testing")]
impl HostEnvironment {
    /// Replaces the clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Replaces the limits of outgoing requests.
    #[must_use]
    pub fn with_egress_limits(self, egress_limits: EgressLimits) -> Self {
        Self { egress_limits, ..self }
    }

    /// Replaces the program that checks components.
    #[must_use]
    pub fn with_checker(self, checker: Checker) -> Self {
        Self { checker, ..self }
    }

    /// Replaces the cache of compiled components.
    #[must_use]
    pub fn with_compiled(self, compiled: Option<Cache>) -> Self {
        Self { compiled, ..self }
    }

    /// Replaces how often the work in the background is done.
    #[must_use]
    pub fn with_intervals(self, interval: Duration) -> Self {
        Self { upkeep_interval: interval, cleanup_interval: interval, ..self }
    }

    /// Changes the limits of HTTP connections.
    #[must_use]
    pub fn with_serving(mut self, change: impl FnOnce(&mut ServingLimits)) -> Self {
        change(&mut self.serving);
        self
    }
}
