//! What is said of `/api/admin/events`: what changes, as it changes.

use http::Method;
use serde_json::json;

use super::{operation::Operation, schema::text};

const ABOUT: &str = "Server-sent events, for as long as the caller listens; a comment at least every 15 s.\n\n\
    - `connection`: one of `GET /api/admin/connections` that is new or other than before, or \
    `{\"provider\":…,\"removed\":true}`\n\
    - `provider`: one of `GET /api/admin/providers`, or `{\"id\":…,\"removed\":true}`\n\
    - `mappings`: `{}`; people or mappings changed\n\
    - `reload`: `{}`; the caller read too slowly and missed something: load the lists anew\n\
    - `session`: `{\"ended\":true}`; the credential is good no more, and the stream ends\n\n\
    Told within about a second, whichever host of the database was asked to change something. Whoever opens the stream \
    first and loads the lists then misses nothing.";

pub(crate) fn operations() -> Vec<Operation> {
    let example = "event: mappings\ndata: {}\n\n";
    vec![
        Operation::new(Method::GET, "/api/admin/events", "listen", "Events", "Tells what changes, as it changes")
            .says(ABOUT)
            .answers_as(200, "Events without end.", "text/event-stream", text(), json!(example)),
    ]
}
