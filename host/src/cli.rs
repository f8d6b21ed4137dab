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
    app::{App, Surroundings},
    config::{Config, ConfigError, Dev},
    logging,
};
use jackfield_core::audit::{Action, Actor};
use jackfield_sandbox::{CHECK_COMMAND, check_as_child};
use jackfield_store::NewAudit;
use tokio::net::TcpListener;
use url::Url;

/// A connections service: plug in the outside services that a company uses, and keep their credentials sealed.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service
    Serve {
        /// The settings' file, instead of jackfield.toml where that is there
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Allow what is for development only, and listen on loopback alone
        #[arg(long)]
        dev: bool,
    },
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Make a link that signs one Executive in, once, within 15 minutes, and print it, alone, on standard output
    SigninLink(signin_link::Arguments),
    /// Take the company's people in
    #[command(subcommand)]
    People(people::Command),
    /// Look at components
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Print the description of the REST API, with the fields of the components that may run (OpenAPI 3.1)
    Openapi,
    /// Check the component on the standard input; for the program itself
    #[command(name = CHECK_COMMAND, hide = true)]
    CheckComponent,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve { config, dev } => serve(config, dev).await,
        Command::Token(command) => token::run(command).await,
        Command::SigninLink(arguments) => signin_link::run(arguments).await,
        Command::People(command) => people::run(command).await,
        Command::Plugin(command) => plugin::run(command).await,
        Command::Openapi => openapi::run().await,
        Command::CheckComponent => Ok(check_as_child().await?),
    }
}

/// Prints an error with all that caused it, and gives its exit status.
#[expect(clippy::print_stderr, reason = "the program's own word to who started it")]
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("jackfield: {error:#}");
    ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
}

async fn serve(file: Option<PathBuf>, dev: bool) -> anyhow::Result<()> {
    let config = Config::load(file.as_deref(), if dev { Dev::Yes } else { Dev::No })?;
    let traces = logging::start(&config)?;
    let app = App::start(&config, Surroundings::default()).await?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("{} cannot be listened on", config.listen))?;
    let address = listener.local_addr()?;
    let site = config.public_url.clone().map_or_else(|| Url::parse(&format!("http://{address}")), Ok)?;
    signin_link::first(&app.store, &site).await?;
    tracing::info!(%address, dev, "ready");
    let served = app.serve(listener, told_to_stop()).await.context("the service ended");
    traces.end().await;
    served
}

/// Settings for a command that serves nothing.
fn settings() -> anyhow::Result<Config> {
    Ok(Config::load(None, Dev::NotAsked)?)
}

/// What the audit is told of a command.
fn by_hand(action: Action, detail: String) -> NewAudit {
    NewAudit::done(&Actor::named("command line"), action).with_detail(detail)
}

async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        // Without that signal the other one still stops the service.
        Err(_) => drop(interrupted.await),
    }
}

/// Prints a line of a command's own answer.
#[expect(clippy::print_stdout, reason = "the answer of a command goes to standard output")]
fn say(line: &str) {
    println!("{line}");
}
