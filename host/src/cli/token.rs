//! `jackfield token`: makes a token and prints it this once, lists and revokes.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use jackfield::app;
use jackfield_core::{ApiToken, Caller, Clock, Level, ProviderId, audit::Action};
use jackfield_store::{NewToken, Store};

use super::{by_hand, say, settings};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token and print it, alone, on standard output; it is shown this once
    Create {
        /// What the audit calls its holder
        #[arg(long)]
        name: String,
        #[arg(long)]
        level: LevelName,
        /// A provider that a service token reaches; may be given more than once
        #[arg(long = "provider", value_name = "ID")]
        providers: Vec<String>,
        /// Days until it ends; without it the token lives until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires: Option<u32>,
    },
    /// List every token, without the token itself
    List {
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, at once and on every host
    Revoke {
        /// The token's id, as `token list` shows it
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LevelName {
    Member,
    Manager,
    Executive,
    Service,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Member => Self::Member,
            LevelName::Manager => Self::Manager,
            LevelName::Executive => Self::Executive,
            LevelName::Service => Self::Service,
        }
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let store = app::open_store(&settings()?, Clock::system()).await?;
    let done = match command {
        Command::Create { name, level, providers, expires } => {
            create(&store, name, level.into(), providers, expires).await
        }
        Command::List { json } => list(&store, json).await,
        Command::Revoke { id } => revoke(&store, &id).await,
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
    if let Err(why) = Caller::judge_name(&name) {
        bail!(why);
    }
    if !providers.is_empty() && level != Level::Service {
        bail!("--provider is for a token of level service");
    }
    for provider in &providers {
        ProviderId::parse(provider).with_context(|| format!("`{provider}`"))?;
    }
    let audit = by_hand(Action::TokenCreate, format!("{name}, {}", level.as_str()));
    let lifetime = expires.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let (_, text) = store.create_token(NewToken { name, level, providers, lifetime }, audit).await?;
    say(text.expose());
    Ok(())
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let tokens = store.tokens().await?;
    if json {
        say(&serde_json::to_string_pretty(&tokens)?);
        return Ok(());
    }
    for token in &tokens {
        say(&format!("{}  {:<9}  {:<8}  {}", token.id, token.level.as_str(), state(token), token.name));
    }
    Ok(())
}

fn state(token: &ApiToken) -> &'static str {
    let expired = token.expires_at.is_some_and(|expiry| expiry <= Clock::system().now());
    match (token.revoked_at, expired) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "good",
    }
}

async fn revoke(store: &Store, id: &str) -> anyhow::Result<()> {
    if store.revoke_token(id, by_hand(Action::TokenRevoke, id.to_owned())).await? {
        return Ok(());
    }
    bail!("there is no token `{id}` that is not revoked; `jackfield token list` shows them")
}
