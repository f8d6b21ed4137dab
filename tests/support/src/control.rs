//! Commands for running stand-ins, one JSON line each: fail, recover, respond slowly, revoke a credential.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    slack::SlackStandIn,
    stand_in_server::{Failure, StandInServer},
    xero::XeroStandIn,
};

/// The stand-ins that accept commands, and the credentials that can be revoked.
#[derive(Debug)]
pub struct Control<'a> {
    /// Every stand-in with its provider's id.
    pub servers: Vec<(&'static str, &'a StandInServer)>,
    /// Slack and its token.
    pub slack: (&'a SlackStandIn, String),
    /// Xero and its app's client id.
    pub xero: (&'a XeroStandIn, String),
}

impl Control<'_> {
    /// Executes one command and returns the answer: `{"ok":true}` or `{"error":"…"}`.
    ///
    /// | line | what happens |
    /// | --- | --- |
    /// | `{"provider":"p","do":"fail","status":503}` | it fails every request until it is mended |
    /// | `{"provider":"p","do":"mend"}` | it fails no more |
    /// | `{"provider":"p","do":"latency","ms":800}` | each of its answers takes so long |
    /// | `{"provider":"slack","do":"revoke"}` | the token is dead; Xero: all that was given to the app |
    /// | `{"provider":"slack","do":"know"}` | the token is alive again |
    /// | `{"provider":"xero","do":"code_lifetime","seconds":0}` | how long a code is good |
    /// | `{"provider":"p","do":"count"}` | answers `{"ok":true,"requests":7}` |
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        let answer = match serde_json::from_str(line) {
            Ok(command) => self.run_command(&command).unwrap_or_else(|why| json!({ "error": why })),
            Err(error) => json!({ "error": error.to_string() }),
        };
        answer.to_string()
    }

    fn run_command(&self, command: &Value) -> Result<Value, String> {
        let text = |name: &str| command[name].as_str().unwrap_or_default();
        let number = |name: &str| command[name].as_u64().ok_or_else(|| format!("\"{name}\" is no number"));
        let provider = text("provider");
        let (_, server) = *self
            .servers
            .iter()
            .find(|(id, _)| *id == provider)
            .ok_or_else(|| format!("there is no stand-in of \"{provider}\""))?;
        match (provider, text("do")) {
            (_, "fail") => {
                let status = u16::try_from(number("status")?).map_err(|error| error.to_string())?;
                server.fail(Failure::Status(status));
            }
            (_, "mend") => server.recover(),
            (_, "latency") => server.set_latency(Duration::from_millis(number("ms")?)),
            (_, "count") => return Ok(json!({ "ok": true, "requests": server.requests().len() })),
            ("slack", "revoke") => {
                self.slack.0.revoke(&self.slack.1);
            }
            ("slack", "know") => {
                self.slack.0.add_token(&self.slack.1);
            }
            ("xero", "revoke") => {
                self.xero.0.revoke(&self.xero.1);
            }
            ("xero", "code_lifetime") => {
                let seconds = i64::try_from(number("seconds")?).map_err(|error| error.to_string())?;
                self.xero.0.set_code_lifetime(seconds);
            }
            (_, other) => return Err(format!("{provider} has no command \"{other}\"")),
        }
        Ok(json!({ "ok": true }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_is_executed_and_a_wrong_one_answers_its_error() {
        let (slack, xero) = (SlackStandIn::start().await, XeroStandIn::start().await);
        slack.add_token("xoxb-1");
        let control = Control {
            servers: vec![("slack", &slack), ("xero", &xero)],
            slack: (&slack, "xoxb-1".to_owned()),
            xero: (&xero, "app".to_owned()),
        };
        assert_eq!(control.execute(r#"{"provider":"slack","do":"revoke"}"#), r#"{"ok":true}"#);
        assert!(!slack.is_alive("xoxb-1"));
        assert_eq!(control.execute(r#"{"provider":"slack","do":"know"}"#), r#"{"ok":true}"#);
        assert!(slack.is_alive("xoxb-1"));
        assert_eq!(control.execute(r#"{"provider":"slack","do":"count"}"#), r#"{"ok":true,"requests":0}"#);
        for wrong in [
            "no JSON",
            r#"{"provider":"acme","do":"mend"}"#,
            r#"{"provider":"slack","do":"dance"}"#,
            r#"{"provider":"slack","do":"fail"}"#,
        ] {
            assert!(control.execute(wrong).starts_with(r#"{"error":"#), "{wrong}");
        }
    }
}
