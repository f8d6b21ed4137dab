//! Handles a plugin's guess at a secret: it is audited, and pauses the plugin.
//!
//! The audit log is also where the pauses are restored from when a component is loaded again, such as after a restart.

use jackfield_core::{
    Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_egress::CallPermissions;
use jackfield_sandbox::Component;
use jackfield_store::{NewAudit, Store};
use jiff::Timestamp;
use tokio::{runtime::Handle, task::JoinHandle};
use tracing::Instrument;

use super::{Connections, provider_errors::CredentialOrigin};

/// What the operation is followed by in the audit log if the guess was made with a new credential.
const WITH_NEW_CREDENTIAL: &str = " with a new credential";

/// Handles the guess of a call that is dropped before its end, because its caller has gone.
pub(super) struct GuessGuard<'a> {
    connections: &'a Connections,
    component: &'a Component,
    operation: &'static str,
    origin: CredentialOrigin,
    /// `None` after the end.
    permissions: Option<CallPermissions>,
}

impl<'a> GuessGuard<'a> {
    /// Watches a call that is about to run.
    pub(super) fn new(
        connections: &'a Connections,
        component: &'a Component,
        operation: &'static str,
        origin: CredentialOrigin,
        permissions: CallPermissions,
    ) -> Self {
        Self { connections, component, operation, origin, permissions: Some(permissions) }
    }

    /// Ends the call, and returns the guess that the component made by then. The caller handles it.
    pub(super) fn end(mut self) -> Option<String> {
        Some(self.permissions.take()?.end()?.message)
    }
}

impl Drop for GuessGuard<'_> {
    fn drop(&mut self) {
        let guess = self.permissions.take().and_then(|permissions| permissions.end());
        // Without a runtime the process is ending.
        if let (Some(guess), Ok(_)) = (guess, Handle::try_current()) {
            let _audits = self.connections.handle_guess(self.component, self.operation, self.origin, guess.message);
        }
    }
}

impl Connections {
    /// Pauses the plugin, and adds the guess to the audit log in a task, which continues if the caller has gone.
    pub(super) fn handle_guess(
        &self,
        component: &Component,
        operation: &'static str,
        origin: CredentialOrigin,
        guess: String,
    ) -> JoinHandle<()> {
        match origin {
            CredentialOrigin::Stored => component.breaker.record_guess(self.clock.now()),
            // Somebody may have typed an ordinary word, and must be able to type another secret.
            CredentialOrigin::Submitted => component.breaker.record_fault(self.clock.now()),
        }
        let (store, provider) = (self.store.clone(), component.manifest.id.clone());
        let detail = to_detail(operation, origin, &guess, &component.digest);
        let audit = async move {
            tracing::warn!(provider, operation, guess, "plugin guessed a secret");
            let Ok(id) = ProviderId::parse(&provider) else { return };
            let actor = Actor::named(format!("plugin:{provider}"));
            let audit = NewAudit::refused(&actor, Action::ProviderSecretGuess).with_provider(&id).with_detail(detail);
            if let Err(error) = store.audit(audit).await {
                tracing::error!(provider, %error, "cannot audit that a plugin guessed a secret");
            }
        };
        tokio::spawn(audit.in_current_span())
    }
}

/// Starts the pauses of earlier guesses of components that were just loaded or approved.
///
/// Each component has the time of its approval. Guesses before that time do not count, because an Executive has decided
/// about them.
///
/// # Errors
/// The audit log cannot be read.
pub(crate) async fn restore_pauses<'a>(
    store: &Store,
    components: impl Iterator<Item = (&'a Component, Timestamp)>,
) -> Result<(), Error> {
    let is_new = |(component, approved_at): &(&Component, Timestamp)| {
        component.breaker.guesses_count_since() != Some(*approved_at)
    };
    let new: Vec<(&Component, Timestamp)> = components.filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let guesses = store.audit_details(Action::ProviderSecretGuess).await?;
    for (component, approved_at) in new {
        let own = guesses.iter().filter(|(_, detail)| has_paused(detail, &component.digest));
        component.breaker.restore_guesses(approved_at, own.map(|(at, _)| *at));
    }
    Ok(())
}

/// Returns the detail of the audit row for a guess.
fn to_detail(operation: &str, origin: CredentialOrigin, guess: &str, digest: &str) -> String {
    let with = match origin {
        CredentialOrigin::Stored => "",
        CredentialOrigin::Submitted => WITH_NEW_CREDENTIAL,
    };
    format!("{operation}{with}: {guess}; sha256 {digest}")
}

/// Returns whether the guess with this detail has paused the component with this digest.
fn has_paused(detail: &str, digest: &str) -> bool {
    let operation = detail.split(':').next().unwrap_or_default();
    detail.ends_with(&format!("; sha256 {digest}")) && !operation.ends_with(WITH_NEW_CREDENTIAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_with_a_new_credential_does_not_pause_and_neither_does_one_of_another_component() {
        let guess = "the URL of the request contains a secret of the connection";
        let detail = |origin| to_detail("connect", origin, guess, "ab12");
        assert!(has_paused(&detail(CredentialOrigin::Stored), "ab12"));
        assert!(!has_paused(&detail(CredentialOrigin::Stored), "cd34"));
        assert!(!has_paused(&detail(CredentialOrigin::Submitted), "ab12"));
    }
}
