//! The commands of the program.

mod openapi;
mod people;
mod plugin;
mod signin_link;
mod token;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use jackfield::{
    app::{App, HostEnvironment},
    config::{Config, ConfigError, Dev},
    logging,
    stop_signals::StopSignals,
};
use jackfield_core::audit::{Action, Actor};
use jackfield_sandbox::{CHECK_COMMAND, CheckOptions, check_as_child, to_displayable_text};
use jackfield_store::NewAudit;
use tokio::net::TcpListener;

/// Where settings come from.
const SETTINGS_HELP: &str = "\
Settings are read from jackfield.toml and from environment variables, which take precedence: JACKFIELD_LISTEN,
JACKFIELD_DATA_DIR, JACKFIELD_DATABASE_URL and others. A secret setting can also be read from a file, named by a
variable with _FILE at its end: JACKFIELD_MASTER_KEY_FILE, JACKFIELD_DATABASE_URL_FILE. docs/operations.md lists all.";

/// Connect a company's outside services and keep their credentials encrypted
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service
    #[command(after_help = SETTINGS_HELP)]
    Serve {
        /// Read the settings from this file instead of jackfield.toml
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Allow settings for development, and listen on loopback only
        #[arg(long)]
        dev: bool,
    },
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Print a one-time sign-in link for an Executive, valid for 15 minutes
    SigninLink(signin_link::SigninLinkArguments),
    /// Import people
    #[command(subcommand)]
    People(people::PeopleCommand),
    /// Create, check, sign and approve plugins
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Print the OpenAPI 3.1 document of the REST API, with the fields of all approved plugins
    Openapi,
    /// Check a component read from standard input; the service starts this command itself
    #[command(name = CHECK_COMMAND, hide = true)]
    CheckComponent {
        /// Compile code that counts instructions
        #[arg(long)]
        count_fuel: bool,
        /// Run at the priority of the parent process
        #[arg(long)]
        foreground: bool,
    },
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve { config, dev } => serve(config, dev).await,
        Command::Token(command) => token::run(command).await,
        Command::SigninLink(arguments) => signin_link::run(arguments).await,
        Command::People(command) => people::run(command).await,
        Command::Plugin(command) => plugin::run(command).await,
        Command::Openapi => openapi::run().await,
        Command::CheckComponent { count_fuel, foreground } => {
            Ok(check_as_child(CheckOptions { count_fuel, foreground }).await?)
        }
    }
}

/// Prints a warning on standard error, so that it does not mix with the result on standard output.
#[expect(clippy::print_stderr, reason = "a command reports its warnings on standard error")]
fn print_warning(text: &str) {
    eprintln!("jackfield: warning: {}", to_displayable_text(text));
}

/// Prints an error with its causes, and returns the exit status for it.
#[expect(clippy::print_stderr, reason = "a command reports its error on standard error")]
pub(crate) fn print_error(error: &anyhow::Error) -> ExitCode {
    eprintln!("jackfield: {error:#}");
    ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
}

async fn serve(file: Option<PathBuf>, dev: bool) -> anyhow::Result<()> {
    let config = Config::load(file.as_deref(), if dev { Dev::Yes } else { Dev::No })?;
    let traces = logging::start(&config)?;
    let signals = StopSignals::install().context("cannot handle signals")?;
    let app = App::start(&config, HostEnvironment::default()).await?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; JACKFIELD_LISTEN sets another address and port", config.listen)
    })?;
    let address = listener.local_addr()?;
    signin_link::print_first(app.store(), &config, &config.base_url_at(address)).await?;
    tracing::info!(%address, dev, "service started");
    let served = app.serve(listener, signals.wait_for(1), signals.wait_for(2)).await.context("the service failed");
    tokio::select! {
        () = traces.end() => {}
        () = signals.wait_for(2) => {}
    }
    served
}

/// Reads the settings for a command that has no `--dev`.
fn load_settings() -> anyhow::Result<Config> {
    Ok(Config::load(None, Dev::Ignored)?)
}

/// The actor of every command in the audit log.
fn command_line() -> Actor {
    Actor::named("command line")
}

/// Describes an action of a command for the audit log.
fn audit(action: Action, detail: String) -> NewAudit {
    NewAudit::done(&command_line(), action).with_detail(detail)
}

/// Prints a result of a command, which may have several lines.
///
/// It can quote a component or a provider, so characters that could change what a terminal shows are replaced.
#[expect(clippy::print_stdout, reason = "a command prints its result on standard output")]
fn print_line(text: &str) {
    let lines = text.split('\n').map(|line| line.split('\t').map(to_displayable_text).collect::<Vec<_>>().join("\t"));
    println!("{}", lines.collect::<Vec<_>>().join("\n"));
}
