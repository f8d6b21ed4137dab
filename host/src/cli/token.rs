//! `jackfield token`: creates, lists and revokes API tokens.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use jackfield::app;
use jackfield_core::{ApiToken, Caller, Clock, Level, ProviderId, audit::Action};
use jackfield_store::{NewToken, Store};

use super::{audit, load_settings, print_line};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it on standard output; it cannot be shown again
    Create {
        /// Name shown in the audit log
        #[arg(long)]
        name: String,
        /// Access level
        #[arg(long)]
        level: LevelArgument,
        /// Provider that a token of level service can use; repeat for more than one
        #[arg(long = "provider", value_name = "ID")]
        providers: Vec<String>,
        /// Days until the token expires; without this, it is valid until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires: Option<u32>,
    },
    /// List all tokens, without their secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token immediately, on every host
    Revoke {
        /// Id of the token, shown by `token list`
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LevelArgument {
    Member,
    Manager,
    Executive,
    Service,
}

impl From<LevelArgument> for Level {
    fn from(name: LevelArgument) -> Self {
        match name {
            LevelArgument::Member => Self::Member,
            LevelArgument::Manager => Self::Manager,
            LevelArgument::Executive => Self::Executive,
            LevelArgument::Service => Self::Service,
        }
    }
}

pub(super) async fn run(command: TokenCommand) -> anyhow::Result<()> {
    let store = app::open_store(&load_settings()?, Clock::system()).await?;
    let done = match command {
        TokenCommand::Create { name, level, providers, expires } => {
            create(&store, name, level.into(), providers, expires).await
        }
        TokenCommand::List { json } => list(&store, json).await,
        TokenCommand::Revoke { id } => revoke(&store, &id).await,
    };
    store.close().await;
    done
}

async fn create(
    store: &Store,
    name: String,
    level: Level,
    providers: Vec<String>,
    expires: Option<u32>,
) -> anyhow::Result<()> {
    if let Err(why) = Caller::validate_name(&name) {
        bail!(why);
    }
    if !providers.is_empty() && level != Level::Service {
        bail!("--provider requires --level service");
    }
    for provider in &providers {
        ProviderId::parse(provider).with_context(|| format!("`{provider}` is not a provider id"))?;
    }
    store.require_unsealed().context("cannot create an API token without the master key")?;
    let audit = audit(Action::TokenCreate, format!("{name}, {}", level.as_str()));
    let lifetime = expires.map(|days| Duration::from_secs(u64::from(days) * SECONDS_PER_DAY));
    let (_, text) = store.create_token(NewToken { name, level, providers, lifetime }, audit).await?;
    print_line(text.expose());
    Ok(())
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let tokens = store.tokens().await?;
    if json {
        print_line(&serde_json::to_string_pretty(&tokens)?);
        return Ok(());
    }
    for token in &tokens {
        print_line(&format!("{}  {:<9}  {:<8}  {}", token.id, token.level.as_str(), display_state(token), token.name));
    }
    Ok(())
}

fn display_state(token: &ApiToken) -> &'static str {
    let expired = token.expires_at.is_some_and(|expiry| expiry <= Clock::system().now());
    match (token.revoked_at, expired) {
        (Some(_), _) => "revoked",
        (None, _) if token.edited => "edited",
        (None, true) => "expired",
        (None, false) => "valid",
    }
}

async fn revoke(store: &Store, id: &str) -> anyhow::Result<()> {
    if store.revoke_token(id, audit(Action::TokenRevoke, id.to_owned())).await? {
        return Ok(());
    }
    bail!("no valid token has the id `{id}`; `jackfield token list` shows all tokens")
}
