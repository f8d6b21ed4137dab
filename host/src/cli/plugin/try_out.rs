//! `jackfield plugin try`: one operation of a component in the real sandbox, without a service or a database.

mod shown;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jackfield::config::{Config, Dev};
use jackfield_core::{Error, Secret};
use jackfield_egress::{CallRecorder, EgressConfig};
use jackfield_sandbox::{
    Call, CallError, CheckHealth, Component, Connect, Disconnect, GetAlertTarget, Limits, ListUsers, Operation, Sandbox,
};
use jackfield_service::connections::{
    SubmittedValue,
    dry_run::{self, DryRun},
};
use serde_json::Value;

use super::{sandbox_with, say};

/// Bytes of a value that is read from a file: the largest key file many times over.
const VALUE: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, as it was built
    file: PathBuf,
    /// What to run
    #[arg(value_enum)]
    operation: Asked,
    /// A field of the connect form; `NAME=@FILE` takes it from a file, `NAME=@-` from standard input
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// An access token that stands in for the OAuth grant or the service account; `@FILE` and `@-` as above
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The account that was chosen, where one credential opens several
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Where the page of users starts: what the page before gave as its next cursor
    #[arg(long)]
    cursor: Option<String>,
    /// How many users a page should hold
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Let `JACKFIELD_EGRESS_REROUTE` lead requests to stand-ins on this machine
    #[arg(long)]
    dev: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// An operation by the name that the contract gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Asked {
    Connect,
    Health,
    ListUsers,
    Disconnect,
    AlertTarget,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(None, if arguments.dev { Dev::Yes } else { Dev::No })?;
    let egress = EgressConfig { reroutes: config.egress_reroute.clone(), ..EgressConfig::default() };
    let limits = Limits { counts_fuel: true, ..config.limits.clone() };
    let sandbox = sandbox_with(egress, &limits)?;
    let component = sandbox
        .load_file(&arguments.file)
        .await
        .map_err(|why| anyhow::anyhow!("{why}\n`jackfield plugin check` says what to do"))?;

    let dry_run = DryRun {
        fields: fields(&arguments.field)?,
        token: arguments.token.as_deref().map(value).transpose()?,
        account: arguments.account,
        requests: config.limits.requests,
    };
    let recorder = CallRecorder::with_trace();
    let call = dry_run.into_call(&component, recorder.clone()).map_err(|error| wrong_use(&error))?;
    if matches!(arguments.operation, Asked::AlertTarget) && !component.manifest.capabilities.alerts {
        bail!("this plugin does not declare the `alerts` capability");
    }

    let begun = Instant::now();
    let (sandbox, component) = (&sandbox, &component);
    let answer = match arguments.operation {
        Asked::Connect => answer_as_json(sandbox, component, call, Connect, shown::connect_as_json).await,
        Asked::Health => answer_as_json(sandbox, component, call, CheckHealth, shown::health_as_json).await,
        Asked::ListUsers => {
            let operation = ListUsers { cursor: arguments.cursor, limit: arguments.limit };
            answer_as_json(sandbox, component, call, operation, shown::users_as_json).await
        }
        Asked::Disconnect => answer_as_json(sandbox, component, call, Disconnect, shown::disconnect_as_json).await,
        Asked::AlertTarget => answer_as_json(sandbox, component, call, GetAlertTarget, shown::alert_target_as_json).await,
    };
    let in_all = begun.elapsed();
    let run = shown::Run { exchanges: recorder.requests(), answer, tally: recorder.stats(), in_all };
    say(&if arguments.json { serde_json::to_string_pretty(&run.as_json())? } else { run.in_words() });
    match run.answer {
        Ok(_) => Ok(()),
        Err(failure) => bail!("{}; the API would answer `{}`", failure.words, failure.code),
    }
}

/// Why an operation has no answer, and the API's code for it.
struct Failure {
    words: String,
    code: &'static str,
}

async fn answer_as_json<O: Operation>(
    sandbox: &Sandbox,
    component: &Component,
    call: Call,
    operation: O,
    to_json: impl FnOnce(&O::Answer) -> Value,
) -> Result<Value, Failure> {
    match sandbox.run(component, call, operation).await {
        Ok(answer) => Ok(to_json(&answer)),
        Err(error) => {
            let words = in_words(&error);
            Err(Failure { words, code: dry_run::to_api_error(error, &component.manifest.id, O::NAME).code() })
        }
    }
}

/// A failure with what it comes from, which stands only in the log of a service.
fn in_words(error: &CallError) -> String {
    match error {
        CallError::Fault(fault) => format!("the component failed: {fault}"),
        CallError::Provider(_) | CallError::ProviderTimeout | CallError::Overloaded => error.to_string(),
    }
}

/// The fields as the API would take them; one that begins with `@` names a file.
pub(super) fn fields(given: &[String]) -> anyhow::Result<BTreeMap<String, SubmittedValue>> {
    let mut fields = BTreeMap::new();
    for pair in given {
        // The value may be a secret, so it stands in no message.
        let (name, text) = pair.split_once('=').context("a --field is NAME=VALUE")?;
        if fields.insert(name.to_owned(), SubmittedValue::Text(value(text)?)).is_some() {
            bail!("the field `{name}` is given twice");
        }
    }
    Ok(fields)
}

/// The value as it stands, or what the file holds that it names.
fn value(text: &str) -> anyhow::Result<Secret<String>> {
    let Some(file) = text.strip_prefix('@') else { return Ok(Secret::new(text.to_owned())) };
    let mut value = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(VALUE).read_to_string(&mut value)
    } else {
        std::fs::File::open(Path::new(file)).and_then(|file| file.take(VALUE).read_to_string(&mut value))
    };
    read.with_context(|| format!("{file} cannot be read"))?;
    // An editor ends a file with a line end, which is no part of a token.
    value.truncate(value.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(value))
}

fn wrong_use(error: &Error) -> anyhow::Error {
    match error {
        Error::InvalidFields(errors) => {
            let lines: Vec<String> =
                errors.iter().map(|error| format!("  --field {}=…: {}", error.field, error.message)).collect();
            anyhow::anyhow!("the fields cannot be used\n{}", lines.join("\n"))
        }
        Error::InvalidRequest(why) => anyhow::anyhow!("{why}: --token"),
        other => anyhow::anyhow!("{other}"),
    }
}
