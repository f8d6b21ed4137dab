//! Every integration test. `http` speaks to a service over a socket and `process` starts the program, both on each
//! database; the others need none.

mod author;
mod examples;
mod http;
mod process;
mod pure;
mod sinks;
mod tidy;
