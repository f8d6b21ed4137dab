//! The traits that a plugin implements, and the macro that exports them from a component.

use std::marker::PhantomData;

use crate::bindings::{alerts, component};
use crate::fit;
use crate::types::{
    AlertTarget, ConnectOutcome, Connection, Disconnected, Error, Manifest, Page, PageRequest, Report, UpstreamFate,
};

/// The functions that every plugin exports.
///
/// Each call runs in a fresh instance, so state does not survive a call.
pub trait Provider {
    /// Returns the manifest. It must not depend on requests, the clock or randomness.
    fn describe() -> Manifest;

    /// Checks the credential before it is stored, and returns the organisation or account that it belongs to.
    ///
    /// # Errors
    ///
    /// `unauthorized` and `forbidden` reject the credential, `invalid` rejects a field.
    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error>;

    /// Revokes the credential at the provider if possible. By default it stays valid there.
    ///
    /// # Errors
    ///
    /// The reason why it was not revoked. A credential that is already invalid is not an error.
    fn disconnect(connection: &Connection) -> Result<Disconnected, Error> {
        let _ = connection;
        Ok(UpstreamFate::Kept.into())
    }

    /// Checks with the provider whether the connection works, and returns facts about it.
    ///
    /// # Errors
    ///
    /// The reason why the connection does not work.
    fn health(connection: &Connection) -> Result<Vec<Report>, Error>;

    /// Lists one page of the provider's users, including inactive ones but not bots. By default `unsupported`.
    ///
    /// # Errors
    ///
    /// The reason why there is no page.
    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        let _ = (connection, page);
        Err(Error::unsupported("the provider has no users to list"))
    }
}

/// The additional functions of a plugin for a provider that sends change alerts.
pub trait Alerts: Provider {
    /// Gets the address that receives alerts.
    ///
    /// # Errors
    ///
    /// The reason why the provider did not return it.
    fn get_target(connection: &Connection) -> Result<AlertTarget, Error>;

    /// Sets the address that receives alerts, and returns the one that the provider then has.
    ///
    /// # Errors
    ///
    /// The reason why it was not set.
    fn set_target(connection: &Connection, target: &AlertTarget) -> Result<AlertTarget, Error>;
}

/// Exports a [`Provider`] from the component: `export!(Slack)`, or with [`Alerts`], `export!(Scrapin, alerts)`.
///
/// On the native target it expands to nothing, because native linkers reject the names of a component's exports.
#[macro_export]
macro_rules! export {
    ($provider:ty) => {
        $crate::export!(@ $provider, component);
    };
    ($provider:ty, alerts) => {
        $crate::export!(@ $provider, component);
        $crate::export!(@ $provider, alerts);
    };
    (@ $provider:ty, $world:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type ComponentExports = $crate::ComponentExports<$provider>;
            $crate::bindings::$world::export!(ComponentExports with_types_in $crate::bindings::$world);
        };
    };
}

/// Calls `connect` and cuts its result to the limits of the contract.
pub(crate) fn connect<P: Provider>(connection: &Connection) -> Result<ConnectOutcome, Error> {
    P::connect(connection).map(fit::fit_connect).map_err(fit::fit_error)
}

/// Calls `disconnect` and cuts its error to the limits of the contract.
pub(crate) fn disconnect<P: Provider>(connection: &Connection) -> Result<Disconnected, Error> {
    P::disconnect(connection).map_err(fit::fit_error)
}

/// Calls `health` and cuts its result to the limits of the contract.
pub(crate) fn health<P: Provider>(connection: &Connection) -> Result<Vec<Report>, Error> {
    P::health(connection).map(fit::fit_reports).map_err(fit::fit_error)
}

/// Calls `list_users` and cuts its result to the limits of the contract.
pub(crate) fn list_users<P: Provider>(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
    P::list_users(connection, page).map(fit::fit_page).map_err(fit::fit_error)
}

/// Implements the generated traits for a [`Provider`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ComponentExports<P>(PhantomData<P>);

impl<P: Provider> component::exports::jackfield::provider::provider::Guest for ComponentExports<P> {
    fn describe() -> Manifest {
        P::describe()
    }

    fn connect(connection: Connection) -> Result<ConnectOutcome, Error> {
        connect::<P>(&connection)
    }

    fn disconnect(connection: Connection) -> Result<Disconnected, Error> {
        disconnect::<P>(&connection)
    }

    fn health(connection: Connection) -> Result<Vec<Report>, Error> {
        health::<P>(&connection)
    }

    fn list_users(connection: Connection, page: PageRequest) -> Result<Page, Error> {
        list_users::<P>(&connection, &page)
    }
}

impl<P: Alerts> alerts::exports::jackfield::provider::alerts::Guest for ComponentExports<P> {
    fn get_target(connection: Connection) -> Result<AlertTarget, Error> {
        P::get_target(&connection).map_err(fit::fit_error)
    }

    fn set_target(connection: Connection, target: AlertTarget) -> Result<AlertTarget, Error> {
        P::set_target(&connection, &target).map_err(fit::fit_error)
    }
}
