//! `jackfield plugin`: every command about components, on one page; each has its own file.

mod approve;
mod check;
mod decided;
mod disable;
mod inspect;
mod list;
mod new;
mod rollback;
mod sign;
mod try_out;
mod verify;

use std::sync::Arc;

use clap::Subcommand;
use jackfield::app;
use jackfield_core::Clock;
use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Catalog, Limits, Pooling, Sandbox};

use super::{say, settings};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the components in the plugins' folder and whether each may run
    List(list::Arguments),
    /// Show what a component is and all that it asks for
    Inspect(inspect::Arguments),
    /// Say everything that keeps a component from being approved, and what to do about it
    Check(check::Arguments),
    /// Run one operation of a component in the real sandbox, without a service, and show what it did
    Try(try_out::Arguments),
    /// Write the folder of a new provider
    New(new::Arguments),
    /// Sign a component with a key of minisign
    Sign(sign::Arguments),
    /// Tell whether a component is signed by a key, or by a trusted one within its grant
    Verify(verify::Arguments),
    /// Approve a version that waits, by the digest that was looked at
    Approve {
        id: String,
        /// SHA-256 of its bytes, as `plugin inspect` and the API show it
        #[arg(long)]
        digest: String,
    },
    /// Take a provider out of use; its connection is kept
    Disable { id: String },
    /// Go back to the version that was approved before
    Rollback { id: String },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list::run(&arguments).await,
        Command::Inspect(arguments) => inspect::run(&arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Try(arguments) => try_out::run(arguments).await,
        Command::New(arguments) => new::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments).await,
        Command::Approve { id, digest } => approve::run(&id, &digest).await,
        Command::Disable { id } => disable::run(&id).await,
        Command::Rollback { id } => rollback::run(&id).await,
    }
}

/// The catalog as a service with these settings has it.
pub(super) async fn catalog(sandbox: &Sandbox) -> anyhow::Result<Arc<Catalog>> {
    let config = settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let plugins = app::open_catalog(&config, &store, sandbox).await;
    store.close().await;
    Ok(Arc::clone(plugins?.catalog()))
}

/// A sandbox that looks at components and runs none of their operations.
pub(super) fn sandbox() -> anyhow::Result<Sandbox> {
    sandbox_with(EgressConfig::default(), &Limits::default())
}

/// A sandbox for a few calls, one after the other.
fn sandbox_with(egress: EgressConfig, limits: &Limits) -> anyhow::Result<Sandbox> {
    let limits = Limits { pooling: Pooling::Never, ..limits.clone() };
    Sandbox::new(limits, Egress::new(egress)?, Cache::none()).map_err(|error| anyhow::anyhow!("{error:#}"))
}
