//! `jackfield plugin try`: runs one function of a plugin in the sandbox, without a service or a database.

mod output;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jackfield::config::{Config, Dev};
use jackfield_core::{
    Error, Secret,
    manifest::{Auth, Manifest},
};
use jackfield_egress::{CallRecorder, EgressConfig};
use jackfield_sandbox::{
    Call, CallOperation, CheckHealth, Component, Connect, Disconnect, GetAlertTarget, Limits, ListUsers, Sandbox,
};
use jackfield_service::connections::{
    HOST_FACTS, SubmittedValue,
    dry_run::{self, DryRun},
};
use serde_json::Value;

use self::output::TryReport;
pub(super) use self::output::format_guest_line;
use super::{author_sandbox, print_line, print_warning};

/// Maximum size in bytes of a value that is read from a file. Key files are much smaller.
const MAX_VALUE: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct TryArguments {
    /// Component to run
    file: PathBuf,
    /// Function to run
    #[arg(value_enum)]
    function: Function,
    /// Field of the connect form; `NAME=@FILE` reads it from a file, `NAME=@-` from standard input
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// Access token to use instead of an OAuth grant or a service account; `@FILE` and `@-` as above
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Id of the selected account, if one credential belongs to several
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// With list-users: the `next_cursor` of the previous page
    #[arg(long)]
    cursor: Option<String>,
    /// With list-users: maximum number of users to return
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Allow `JACKFIELD_EGRESS_REROUTE` to send requests to stand-ins on this machine
    #[arg(long)]
    dev: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A function by its name in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Function {
    Connect,
    Health,
    ListUsers,
    Disconnect,
    AlertTarget,
}

/// Why a function returned no answer.
struct TryError {
    message: String,
    /// The code with which the API would answer.
    code: &'static str,
}

pub(super) async fn run(arguments: TryArguments) -> anyhow::Result<()> {
    let config = Config::load(None, if arguments.dev { Dev::Yes } else { Dev::No })?;
    let egress = EgressConfig { reroutes: config.egress_reroute.clone(), ..EgressConfig::default() };
    let limits = Limits { counts_fuel: true, ..config.limits.clone() };
    let sandbox = author_sandbox(egress, &limits)?;
    let component = sandbox
        .load_file(&arguments.file)
        .await
        .map_err(|error| anyhow::anyhow!("{error}\n`jackfield plugin check` shows how to fix it"))?;
    if arguments.function == Function::AlertTarget && !component.manifest.capabilities.alerts {
        bail!("this plugin does not declare the `alerts` capability");
    }
    require_useful_arguments(&component.manifest, &arguments)?;
    let dry_run = DryRun {
        fields: parse_fields(&arguments.field)?,
        token: arguments.token.as_deref().map(read_value).transpose()?,
        account: arguments.account.clone(),
        requests: config.limits.requests,
    };
    let recorder = CallRecorder::with_trace();
    let call = dry_run.into_call(&component, recorder.clone()).map_err(|error| explain_arguments(&error))?;
    let started = Instant::now();
    let answer = run_function(&sandbox, &component, call, &arguments).await;
    let total_time = started.elapsed();
    let report = TryReport {
        requests: recorder.requests(),
        answer,
        lines: recorder.lines(),
        stats: recorder.stats(),
        total_time,
    };
    print_line(&if arguments.json { serde_json::to_string_pretty(&report.to_json())? } else { report.to_text() });
    match report.answer {
        Ok(_) => Ok(()),
        Err(error) => bail!("{}; the API would answer `{}`", error.message, error.code),
    }
}

/// Rejects an argument that the plugin would never see.
fn require_useful_arguments(manifest: &Manifest, arguments: &TryArguments) -> anyhow::Result<()> {
    if arguments.token.is_some() && matches!(manifest.auth, Auth::Fields) {
        bail!("this plugin connects with fields, so it gets no token; pass its secret with --field NAME=@FILE");
    }
    if arguments.account.is_some() && !manifest.capabilities.accounts {
        bail!("this plugin does not declare the `accounts` capability, so it gets no account");
    }
    Ok(())
}

async fn run_function(
    sandbox: &Sandbox,
    component: &Component,
    call: Call,
    arguments: &TryArguments,
) -> Result<Value, TryError> {
    match arguments.function {
        Function::Connect => run_operation(sandbox, component, call, Connect, output::connect_to_json).await,
        Function::Health => {
            let answer = run_operation(sandbox, component, call, CheckHealth, output::health_to_json).await;
            if let Ok(answer) = &answer {
                for name in HOST_FACTS.iter().filter(|name| answer["healthy"].get(**name).is_some()) {
                    print_warning(&format!(
                        "the API does not show the report `{name}`, because the name is its own; rename it"
                    ));
                }
            }
            answer
        }
        Function::ListUsers => {
            let operation = ListUsers { cursor: arguments.cursor.clone(), limit: arguments.limit };
            run_operation(sandbox, component, call, operation, output::users_to_json).await
        }
        Function::Disconnect => run_operation(sandbox, component, call, Disconnect, output::disconnect_to_json).await,
        Function::AlertTarget => {
            run_operation(sandbox, component, call, GetAlertTarget, output::alert_target_to_json).await
        }
    }
}

async fn run_operation<O: CallOperation>(
    sandbox: &Sandbox,
    component: &Component,
    call: Call,
    operation: O,
    to_json: impl FnOnce(&O::Answer) -> Value,
) -> Result<Value, TryError> {
    match sandbox.run(component, call, operation).await {
        Ok(answer) => Ok(to_json(&answer)),
        Err(error) => {
            // For a fault, the message is the cause, which a service only writes to its log.
            let message = error.to_string();
            Err(TryError { message, code: dry_run::to_api_error(error, &component.manifest.id, O::NAME).code() })
        }
    }
}

/// Parses `NAME=VALUE` arguments. A value that begins with `@` names a file.
pub(super) fn parse_fields(arguments: &[String]) -> anyhow::Result<BTreeMap<String, SubmittedValue>> {
    let mut fields = BTreeMap::new();
    for pair in arguments {
        // The value can be a secret, so no error repeats it.
        let (name, text) = pair.split_once('=').context("--field must be NAME=VALUE")?;
        if fields.insert(name.to_owned(), SubmittedValue::Text(read_value(text)?)).is_some() {
            bail!("--field {name} is passed twice");
        }
    }
    Ok(fields)
}

/// Returns a value, or reads it from the file that it names.
fn read_value(text: &str) -> anyhow::Result<Secret<String>> {
    let Some(file) = text.strip_prefix('@') else { return Ok(Secret::new(text.to_owned())) };
    let mut value = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(MAX_VALUE).read_to_string(&mut value)
    } else {
        std::fs::File::open(Path::new(file)).and_then(|file| file.take(MAX_VALUE).read_to_string(&mut value))
    };
    read.with_context(|| format!("cannot read {file}"))?;
    // Editors end a file with a newline, which is not part of a token.
    value.truncate(value.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(value))
}

/// Explains which argument is wrong.
fn explain_arguments(error: &Error) -> anyhow::Error {
    match error {
        Error::InvalidFields(errors) => {
            let lines: Vec<String> =
                errors.iter().map(|error| format!("  --field {}=…: {}", error.field, error.message)).collect();
            anyhow::anyhow!("the fields are not valid\n{}", lines.join("\n"))
        }
        Error::InvalidRequest(why) => anyhow::anyhow!("{why}; pass one with --token"),
        other => anyhow::anyhow!("{other}"),
    }
}
