//! The way of a provider's author: `plugin new`, the guide, the checks, a try. None of it touches a database.

mod conformance;
mod guide;
mod new;
mod plugins;
