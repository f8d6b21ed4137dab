//! The operations: for each one the export that it calls, and the check of the answer.

use std::fmt;

use jackfield_core::manifest::Manifest;
use wasmtime::Store;

use crate::{
    answers::{check_alert_target, check_connect, check_disconnect, check_error, check_facts, check_users},
    contract::{Exports, Returned},
    error::CallError,
    guest::Guest,
    types::{
        CheckHealth, Connect, ConnectOutcome, Disconnect, DisconnectOutcome, GetAlertTarget, GuestConnection,
        HealthFacts, ListUsers, ProviderUsers, SetAlertTarget,
    },
};

/// An exported function of the contract with its arguments; [`Sandbox::run`](crate::Sandbox::run) calls it.
pub trait CallOperation: fmt::Debug + Clone + Send + Sync + 'static {
    /// What the function returns.
    type Answer: fmt::Debug + Send + 'static;

    /// The name of the operation in metrics, logs and the CLI's reports.
    const NAME: &'static str;

    /// Returns an argument that the caller of the API chose, with its name in the API. It must not contain a secret,
    /// because the component sends it.
    fn chosen_by_caller(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// Calls the function and checks what it returns. The outer error is a trap.
    #[doc(hidden)]
    fn invoke(self, call: GuestCall<'_>) -> impl Future<Output = CheckedAnswer<Self::Answer>> + Send;
}

/// A fresh call of a component. Only this crate can create or use one.
pub struct GuestCall<'a> {
    pub(crate) exports: &'a Exports,
    pub(crate) store: &'a mut Store<Guest>,
    pub(crate) connection: GuestConnection,
    pub(crate) manifest: &'a Manifest,
}

impl fmt::Debug for GuestCall<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GuestCall").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// An answer that was checked. The outer error is a trap.
pub(crate) type CheckedAnswer<T> = wasmtime::Result<Result<T, CallError>>;

impl CallOperation for Connect {
    type Answer = ConnectOutcome;

    const NAME: &'static str = "connect";

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<ConnectOutcome> {
        let returned = call.exports.connect(call.store, call.connection).await;
        check(returned, call.manifest, |outcome| check_connect(outcome, call.manifest))
    }
}

impl CallOperation for Disconnect {
    type Answer = DisconnectOutcome;

    const NAME: &'static str = "disconnect";

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<DisconnectOutcome> {
        let returned = call.exports.disconnect(call.store, call.connection).await;
        check(returned, call.manifest, |outcome| Ok(check_disconnect(outcome)))
    }
}

impl CallOperation for CheckHealth {
    type Answer = HealthFacts;

    const NAME: &'static str = "health";

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<HealthFacts> {
        let returned = call.exports.check_health(call.store, call.connection).await;
        check(returned, call.manifest, check_facts)
    }
}

impl CallOperation for ListUsers {
    type Answer = ProviderUsers;

    const NAME: &'static str = "list_users";

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<ProviderUsers> {
        let returned = call.exports.list_users(call.store, call.connection, self.cursor, self.limit).await;
        check(returned, call.manifest, check_users)
    }
}

impl CallOperation for GetAlertTarget {
    type Answer = Option<String>;

    const NAME: &'static str = "alert_target";

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<Option<String>> {
        match call.exports.get_alert_target(call.store, call.connection).await {
            Some(returned) => check(returned, call.manifest, check_alert_target),
            None => Ok(Err(no_alerts())),
        }
    }
}

impl CallOperation for SetAlertTarget {
    type Answer = Option<String>;

    const NAME: &'static str = "set_alert_target";

    fn chosen_by_caller(&self) -> Option<(&'static str, &str)> {
        Some(("webhook_url", self.0.as_deref()?))
    }

    async fn invoke(self, call: GuestCall<'_>) -> CheckedAnswer<Option<String>> {
        match call.exports.set_alert_target(call.store, call.connection, self.0).await {
            Some(returned) => check(returned, call.manifest, check_alert_target),
            None => Ok(Err(no_alerts())),
        }
    }
}

fn check<T, A>(
    returned: Returned<T>,
    manifest: &Manifest,
    check_answer: impl FnOnce(T) -> Result<A, CallError>,
) -> CheckedAnswer<A> {
    Ok(match returned? {
        Ok(answer) => check_answer(answer),
        Err(error) => Err(check_error(error, manifest)),
    })
}

fn no_alerts() -> CallError {
    CallError::Fault("it does not export `alerts`".to_owned())
}
