//! The exports of a component, whichever published version of the contract it uses.
//!
//! There is one adapter for each version. An adapter converts between the generated types of its version and the types
//! of this crate, so a newer version can express more than an older one. The adapters repeat each other on purpose,
//! because a published version never changes: its adapter does not have to change when another one does.

mod alerts;
mod call_types;
mod manifest;
mod placement;
mod v0_1;
mod v0_2;

use jackfield_core::manifest::Manifest;
use wasmtime::{
    Engine, Store,
    component::{Component as Code, InstancePre},
};

use crate::{
    bindings::{ComponentPre, v0_2::ComponentPre as ComponentPre02, with_alerts::AlertsPre},
    error::{LoadError, ProviderError},
    guest::Guest,
    text::sanitize,
    types::{ConnectOutcome, DisconnectOutcome, Fact, GuestConnection, GuestPage},
};

/// The name of the export that every component has, without its version.
pub(crate) const EXPORT: &str = "jackfield:provider/provider@";

/// The supported versions of the contract, the oldest first.
pub const CONTRACT_VERSIONS: [&str; 2] = [v0_1::VERSION, v0_2::VERSION];

/// What a component returns, before it is checked. The outer error is a trap.
pub(crate) type Returned<T> = wasmtime::Result<Result<T, ProviderError>>;

/// The exports of a component, resolved once for all its calls. Each call creates a fresh instance.
#[derive(Clone)]
pub(crate) struct Exports {
    provider: ProviderExport,
    alerts: Option<AlertsPre<Guest>>,
}

/// The exported interface `provider`, by version.
#[derive(Clone)]
enum ProviderExport {
    V0_1(ComponentPre<Guest>),
    V0_2(ComponentPre02<Guest>),
}

impl Exports {
    /// Finds the exports of a component. If it exports several versions, the newest supported one is used.
    ///
    /// # Errors
    /// The component exports no supported version, or its export does not match that version.
    pub(crate) fn find(engine: &Engine, code: &Code, pre: InstancePre<Guest>) -> Result<Self, LoadError> {
        let component = code.component_type();
        let versions: Vec<&str> = component.exports(engine).filter_map(|(name, _)| name.strip_prefix(EXPORT)).collect();
        let alerts = AlertsPre::new(pre.clone()).ok();
        let provider = if versions.contains(&v0_2::VERSION) {
            ComponentPre02::new(pre).map(ProviderExport::V0_2)
        } else if versions.contains(&v0_1::VERSION) {
            ComponentPre::new(pre).map(ProviderExport::V0_1)
        } else {
            return Err(unsupported_versions(&versions));
        };
        let provider = provider.map_err(|error| {
            LoadError::new(format!(
                "its export `jackfield:provider/provider` does not match the WIT of its version: {}",
                sanitize(&format!("{error:#}"), 500)
            ))
        })?;
        Ok(Self { provider, alerts })
    }

    /// Returns whether the component exports the interface `alerts`.
    pub(crate) fn has_alerts(&self) -> bool {
        self.alerts.is_some()
    }

    /// Calls `describe`.
    pub(crate) async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Manifest> {
        match &self.provider {
            ProviderExport::V0_1(pre) => v0_1::describe(pre, store).await,
            ProviderExport::V0_2(pre) => v0_2::describe(pre, store).await,
        }
    }

    /// Calls `connect`.
    pub(crate) async fn connect(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
    ) -> Returned<ConnectOutcome> {
        match &self.provider {
            ProviderExport::V0_1(pre) => v0_1::connect(pre, store, connection).await,
            ProviderExport::V0_2(pre) => v0_2::connect(pre, store, connection).await,
        }
    }

    /// Calls `disconnect`.
    pub(crate) async fn disconnect(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
    ) -> Returned<DisconnectOutcome> {
        match &self.provider {
            ProviderExport::V0_1(pre) => v0_1::disconnect(pre, store, connection).await,
            ProviderExport::V0_2(pre) => v0_2::disconnect(pre, store, connection).await,
        }
    }

    /// Calls `health`.
    pub(crate) async fn check_health(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
    ) -> Returned<Vec<Fact>> {
        match &self.provider {
            ProviderExport::V0_1(pre) => v0_1::check_health(pre, store, connection).await,
            ProviderExport::V0_2(pre) => v0_2::check_health(pre, store, connection).await,
        }
    }

    /// Calls `list-users`.
    pub(crate) async fn list_users(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
        cursor: Option<String>,
        limit: u32,
    ) -> Returned<GuestPage> {
        match &self.provider {
            ProviderExport::V0_1(pre) => v0_1::list_users(pre, store, connection, cursor, limit).await,
            ProviderExport::V0_2(pre) => v0_2::list_users(pre, store, connection, cursor, limit).await,
        }
    }

    /// Calls `get-target` of `alerts`; `None` if the component does not export it.
    pub(crate) async fn get_alert_target(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
    ) -> Option<Returned<Option<String>>> {
        Some(alerts::get_target(self.alerts.as_ref()?, store, connection).await)
    }

    /// Calls `set-target` of `alerts`; `None` if the component does not export it.
    pub(crate) async fn set_alert_target(
        &self,
        store: &mut Store<Guest>,
        connection: GuestConnection,
        webhook_url: Option<String>,
    ) -> Option<Returned<Option<String>>> {
        Some(alerts::set_target(self.alerts.as_ref()?, store, connection, webhook_url).await)
    }
}

fn unsupported_versions(versions: &[&str]) -> LoadError {
    let supported = CONTRACT_VERSIONS.join(" and ");
    LoadError::new(match versions {
        [] => format!("it does not export `jackfield:provider/provider`, of which {supported} are supported"),
        versions => format!(
            "it was built for version {} of the contract; this Jackfield supports {supported}",
            sanitize(&versions.join(" and "), 100)
        ),
    })
}
