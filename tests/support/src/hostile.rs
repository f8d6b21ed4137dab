//! The server of the hostile component's two hosts: a page, a page that never responds, and an echo.

use std::{io, net::SocketAddr, time::Duration};

use crate::stand_in_server::{Failure, StandInResponse, StandInServer, echo_request};

/// The host whose endpoints carry the credential in `X-Auth-Token`.
pub const HOST: &str = "api.hostile.example.com";

/// The host whose endpoints, `GET /bare` and `POST /collect`, carry no credential.
pub const BARE_HOST: &str = "other.hostile.example.org";

/// Starts the stand-in for both hosts on a free port of 127.0.0.1. `/slow` does not respond for ten minutes.
///
/// # Errors
/// If there is no free port.
pub async fn start() -> io::Result<StandInServer> {
    let upstream =
        StandInServer::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), |request| match request.path.as_str() {
            "/bare" if request.query.is_some() => {
                // An accomplice's server: it gets guesses in a form that nobody looks for, and returns them as they are.
                let guesses: String = request.query.iter().flat_map(|query| query.chars().rev()).collect();
                StandInResponse::text("text/plain", format!("before {guesses} after"))
            }
            "/ok" | "/bare" | "/collect" => StandInResponse::json(&serde_json::json!({"ok": true})),
            "/echo" => echo_request(request),
            _ => StandInResponse::empty(404),
        })
        .await?;
    upstream.fail_at("/slow", Failure::Hang(Duration::from_mins(10)));
    Ok(upstream)
}
