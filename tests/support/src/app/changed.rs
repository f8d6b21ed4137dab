//! What a test changes of a service that is stopped, before it starts again.

use jackfield_sandbox::Trust;

use super::TestApp;

impl TestApp {
    /// Trusts other components, as a newer program does.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.config.plugins_trust = trust;
        self
    }
}
