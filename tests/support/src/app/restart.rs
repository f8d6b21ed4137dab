//! Changes to a stopped test service before it starts again.

use jackfield_sandbox::Trust;

use super::TestApp;

impl TestApp {
    /// Trusts other plugins, as a newer version of the program does.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.config.plugins_trust = trust;
        self
    }
}
