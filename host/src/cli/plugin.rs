//! `jackfield plugin`: the commands about plugins. Each has its own file.

mod check;
mod decide;
mod diff;
mod inspect;
mod list;
mod new;
mod sign;
mod try_out;
mod verify;

use std::sync::Arc;

use clap::Subcommand;
use jackfield::{
    app,
    config::{Config, user_cache_folder},
};
use jackfield_core::Clock;
use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Catalog, Checker, Limits, Pooling, Risk, Sandbox};
use jackfield_store::Store;

use super::{command_line, load_settings, print_line, print_warning};

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// List all plugins and their states
    List(list::ListArguments),
    /// Show the risks of a plugin, and every part of its manifest
    Inspect(inspect::InspectArguments),
    /// Show every reason why a plugin cannot be approved, how to fix it, and the risks
    Check(check::CheckArguments),
    /// Run one function of a plugin in the sandbox, without a service, and show its requests
    Try(try_out::TryArguments),
    /// Create a project for a new plugin
    New(new::NewArguments),
    /// Sign a plugin with a minisign key
    Sign(sign::SignArguments),
    /// Check the signature of a plugin
    Verify(verify::VerifyArguments),
    /// Approve a version of a plugin
    Approve {
        /// Id of the plugin
        id: String,
        /// SHA-256 digest of the version, shown by `plugin inspect` and in the API
        #[arg(long)]
        digest: String,
    },
    /// Disable a plugin, and keep its connection
    Disable {
        /// Id of the plugin
        id: String,
    },
    /// Show what a version that waits for approval changes
    Diff(diff::DiffArguments),
    /// Approve the version that was approved before
    Rollback {
        /// Id of the plugin
        id: String,
    },
    /// Remove a plugin's approvals and uploads, and keep its connection
    Remove {
        /// Id of the plugin
        id: String,
    },
}

pub(super) async fn run(command: PluginCommand) -> anyhow::Result<()> {
    match command {
        PluginCommand::List(arguments) => list::run(&arguments).await,
        PluginCommand::Inspect(arguments) => inspect::run(&arguments).await,
        PluginCommand::Check(arguments) => check::run(arguments).await,
        PluginCommand::Try(arguments) => try_out::run(arguments).await,
        PluginCommand::New(arguments) => new::run(&arguments),
        PluginCommand::Sign(arguments) => sign::run(&arguments),
        PluginCommand::Verify(arguments) => verify::run(&arguments).await,
        PluginCommand::Approve { id, digest } => decide::approve(&id, &digest).await,
        PluginCommand::Disable { id } => decide::disable(&id).await,
        PluginCommand::Diff(arguments) => diff::run(&arguments).await,
        PluginCommand::Rollback { id } => decide::rollback(&id).await,
        PluginCommand::Remove { id } => decide::remove(&id).await,
    }
}

/// Returns the catalog as a service with these settings would show it.
///
/// If the plugins folder is ignored, a warning on standard error says why.
pub(super) async fn load_catalog() -> anyhow::Result<Arc<Catalog>> {
    let config = load_settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let plugins = async { app::open_plugins(&config, &store, &catalog_sandbox(&config, &store)?).await }.await;
    store.close().await;
    let plugins = plugins?;
    if let Some(why) = plugins.folder_problem() {
        print_warning(&format!("the plugins folder {} was ignored: {why}", config.plugins_dir.display()));
    }
    Ok(Arc::clone(plugins.catalog()))
}

/// Makes a sandbox that loads the components of a catalog, and shares the compiled code of the service.
fn catalog_sandbox(config: &Config, store: &Store) -> anyhow::Result<Sandbox> {
    sandbox_with(EgressConfig::default(), &Limits::default(), app::command_cache(config, store))
}

/// Makes a sandbox for the files of an author, for a few calls, one after another.
fn author_sandbox(egress: EgressConfig, limits: &Limits) -> anyhow::Result<Sandbox> {
    let cache = match user_cache_folder() {
        None => Cache::none(),
        Some(folder) => app::author_cache(&folder.join("jackfield")).unwrap_or_else(|error| {
            print_warning(&format!("components are compiled again by each command: {error:#}"));
            Cache::none()
        }),
    };
    sandbox_with(egress, limits, cache)
}

fn sandbox_with(egress: EgressConfig, limits: &Limits, cache: Cache) -> anyhow::Result<Sandbox> {
    let limits = Limits { pooling: Pooling::Never, ..limits.clone() };
    Sandbox::with_checker(limits, Egress::new(egress)?, cache, Checker::this_program_in_foreground())
        .map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// Formats what an Executive has to notice before the approval.
fn format_risk(risk: &Risk) -> String {
    format!("{}: {}", if risk.kind.is_danger() { "DANGER" } else { "warning" }, risk.what)
}
