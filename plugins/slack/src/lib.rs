//! The Slack plugin: its manifest and its exported functions.

mod api;

use jackfield_sdk::endpoint::post;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider, Report,
    UpstreamFate,
};

/// Connects to one Slack workspace with the bot token of an installed app.
#[derive(Debug)]
pub struct Slack;

jackfield_sdk::export!(Slack);

impl Provider for Slack {
    fn describe() -> Manifest {
        Manifest::new("slack", "Slack", env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("bot_token", "Bot token")
                    .help(
                        "The Bot User OAuth Token of your Slack app, from its page OAuth & Permissions. It starts with \
                         xoxb- and needs the scopes channels:read (for a private channel groups:read), users:read and \
                         users:read.email.",
                    )
                    .help_url("https://api.slack.com/apps")
                    .pattern(r"^(xoxe\.)?xox[bp]-[A-Za-z0-9-]+$"),
            )
            .field(
                Field::text("channel_id", "Channel ID")
                    .help(
                        "In Slack, open the channel's details and copy the ID at their end. It starts with C, G or D.",
                    )
                    .pattern("^[CGD][A-Z0-9]+$"),
            )
            .endpoint(post("slack.com/api/auth.test").bearer("bot_token"))
            .endpoint(post("slack.com/api/conversations.info").bearer("bot_token"))
            .endpoint(post("slack.com/api/users.list").bearer("bot_token"))
            .endpoint(post("slack.com/api/auth.revoke").bearer("bot_token"))
            .lists_users()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        let channel_id = connection.required("channel_id")?;
        let token = api::auth_test()?;
        api::conversations_info(channel_id)?;
        let connected = Connected { org_name: token.team, ..Connected::new() };
        Ok(connected.account(token.team_id).into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        match api::auth_revoke() {
            // An invalid token need not be revoked.
            Ok(()) | Err(Error::Unauthorized(_)) => Ok(UpstreamFate::Revoked.into()),
            Err(error) => Err(error),
        }
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let channel_id = connection.required("channel_id")?;
        let token = api::auth_test()?;
        let channel = api::conversations_info(channel_id)?;
        let reports = [
            token.team.map(|team| Report::text("team", team)),
            channel.name.map(|name| Report::text("channel", name)),
            channel.is_member.map(|is_member| Report::flag("channel_member", is_member)),
            Some(token.missing_scopes)
                .filter(|scopes| !scopes.is_empty())
                .map(|scopes| Report::texts("missing_scopes", scopes)),
        ];
        Ok(reports.into_iter().flatten().collect())
    }

    fn list_users(_: &Connection, page: &PageRequest) -> Result<Page, Error> {
        api::users_list(page)
    }
}
