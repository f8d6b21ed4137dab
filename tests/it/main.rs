//! All integration tests. `http` sends requests to a service over a socket and `process` starts the program, both with
//! each database; the others need no database.

mod author;
mod examples;
mod http;
mod process;
mod pure;
mod sinks;
mod tidy;
