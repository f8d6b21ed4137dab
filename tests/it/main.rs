//! All integration tests. `http` sends requests to a service over a socket and `process` starts the program, both with
//! each database; `postgres` needs a PostgreSQL server, `full_disk` a small disk, and the others need no
//! database.

mod author;
mod examples;
mod full_disk;
mod http;
mod postgres;
mod process;
mod pure;
mod sinks;
mod tidy;
