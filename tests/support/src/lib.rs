//! Shared by the tests and the demo: stand-ins for the providers, misbehaving components, and a company's people.

#[cfg(feature = "app")]
pub mod app;
mod clock;
pub mod control;
pub mod google_workspace;
#[cfg(feature = "app")]
pub mod guests;
pub mod hostile;
#[cfg(feature = "app")]
pub mod marked;
pub mod people;
pub mod productive;
#[cfg(test)]
mod raw_http;
pub mod remote;
pub mod scrapin;
pub mod sink_search;
pub mod slack;
pub mod stand_in;
pub mod stand_in_server;
pub mod xero;
