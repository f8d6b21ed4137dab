//! Every integration test. `http` speaks to a service over a socket, on each database; `pure` and `tidy` need none.

mod examples;
mod http;
mod process;
mod pure;
mod sinks;
mod tidy;
