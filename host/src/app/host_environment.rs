//! What a service takes from its machine instead of its settings. Tests replace parts of it.

use jackfield_api::ServingLimits;
use jackfield_core::Clock;
use jackfield_egress::EgressLimits;
use jackfield_sandbox::{Cache, Checker};

use crate::open_files;

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
}

impl Default for HostEnvironment {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            egress_limits: EgressLimits::default(),
            checker: Checker::this_program(),
            compiled: None,
            serving: ServingLimits { connections: open_files::http_connections(), ..ServingLimits::default() },
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

    /// Changes the limits of HTTP connections.
    #[must_use]
    pub fn with_serving(mut self, change: impl FnOnce(&mut ServingLimits)) -> Self {
        change(&mut self.serving);
        self
    }
}
