//! What the tests and the demo share: stand-ins of the providers, components that misbehave, and a company's people.

#[cfg(feature = "app")]
pub mod app;
#[cfg(test)]
mod ask;
pub mod control;
pub mod google_workspace;
#[cfg(feature = "app")]
pub mod guests;
pub mod hostile;
#[cfg(feature = "app")]
pub mod marked;
pub mod people;
pub mod productive;
pub mod remote;
pub mod scrapin;
pub mod slack;
pub mod stand_in;
mod time;
pub mod upstream;
pub mod xero;
