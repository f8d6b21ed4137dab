//! The traits that a provider implements, and the macro that makes a component of it.

use std::marker::PhantomData;

use crate::bindings::{alerts, component};
use crate::types::{
    AlertTarget, ConnectOutcome, Connection, Disconnected, Error, Manifest, Page, PageRequest, Report, UpstreamFate,
};

/// What every provider can do.
///
/// Each call runs in a fresh instance, so nothing that one call leaves behind is there in the next.
pub trait Provider {
    /// Says what the provider is and what it asks for. Pure: without requests, clocks and randomness.
    fn describe() -> Manifest;

    /// Tries the credential before it is stored, and learns what it belongs to.
    ///
    /// # Errors
    ///
    /// `unauthorized` and `forbidden` mean that the credential is refused, `invalid` that a field is wrong.
    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error>;

    /// Undoes at the provider what can be undone; unless overridden, nothing, so that the credential stays good there.
    ///
    /// # Errors
    ///
    /// Whatever kept the provider from it. A credential that is already dead is no error.
    fn disconnect(connection: &Connection) -> Result<Disconnected, Error> {
        let _ = connection;
        Ok(UpstreamFate::Kept.into())
    }

    /// Asks the provider whether the connection works, and reports what it says of it.
    ///
    /// # Errors
    ///
    /// Why the connection does not work.
    fn health(connection: &Connection) -> Result<Vec<Report>, Error>;

    /// Lists one page of the provider's users, inactive ones too, without bots; unless overridden, `unsupported`.
    ///
    /// # Errors
    ///
    /// Why there is no page.
    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        let _ = (connection, page);
        Err(Error::unsupported("the provider has no users to list"))
    }
}

/// What a provider that sends change alerts can do beside.
pub trait Alerts: Provider {
    /// Says where alerts go.
    ///
    /// # Errors
    ///
    /// Why the provider did not say.
    fn get_target(connection: &Connection) -> Result<AlertTarget, Error>;

    /// Sets where alerts go, and answers what the provider then says.
    ///
    /// # Errors
    ///
    /// Why it was not set.
    fn set_target(connection: &Connection, target: &AlertTarget) -> Result<AlertTarget, Error>;
}

/// Makes the component's exports of a [`Provider`]: `export!(Slack)`, or `export!(Scrapin, alerts)`.
///
/// Expands to nothing on the native target, whose linkers refuse the names of a component's exports.
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
            type Exported = $crate::Exported<$provider>;
            $crate::bindings::$world::export!(Exported with_types_in $crate::bindings::$world);
        };
    };
}

/// A provider as the generated traits want it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

impl<P: Provider> component::exports::jackfield::provider::provider::Guest for Exported<P> {
    fn describe() -> Manifest {
        P::describe()
    }

    fn connect(connection: Connection) -> Result<ConnectOutcome, Error> {
        P::connect(&connection)
    }

    fn disconnect(connection: Connection) -> Result<Disconnected, Error> {
        P::disconnect(&connection)
    }

    fn health(connection: Connection) -> Result<Vec<Report>, Error> {
        P::health(&connection)
    }

    fn list_users(connection: Connection, page: PageRequest) -> Result<Page, Error> {
        P::list_users(&connection, &page)
    }
}

impl<P: Alerts> alerts::exports::jackfield::provider::alerts::Guest for Exported<P> {
    fn get_target(connection: Connection) -> Result<AlertTarget, Error> {
        P::get_target(&connection)
    }

    fn set_target(connection: Connection, target: AlertTarget) -> Result<AlertTarget, Error> {
        P::set_target(&connection, &target)
    }
}
