//! `jackfield plugin check --conformance`: runs every operation of a plugin against every failure of a provider.
//!
//! The component runs in the sandbox. All of its requests go to a stand-in on this machine.

mod cases;
mod failing_provider;
mod fixtures;
mod made_up_fields;
mod report;
mod tested_plugin;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Context;
use jackfield_egress::{EgressConfig, EgressLimits};
use jackfield_sandbox::Limits;
use jackfield_service::connections::SubmittedValue;

use self::{cases::CASES, failing_provider::FailingProvider, fixtures::FixtureSet, tested_plugin::TestedPlugin};
use super::super::{author_sandbox, print_line};

/// The arguments of a conformance check.
pub(super) struct ConformanceOptions {
    pub(super) file: PathBuf,
    /// A folder of recorded exchanges. Good responses are taken from them.
    pub(super) fixtures: Option<PathBuf>,
    /// Values of fields. Other fields get made-up values.
    pub(super) fields: BTreeMap<String, SubmittedValue>,
    /// The id of the selected account, if the plugin has several.
    pub(super) account: Option<String>,
    pub(super) json: bool,
}

/// Runs every case and prints the results. Returns the number of broken cases, and that of all.
pub(super) async fn run(options: ConformanceOptions) -> anyhow::Result<(usize, usize)> {
    let ConformanceOptions { file, fixtures, fields, account, json } = options;
    let fixture_set = match &fixtures {
        Some(folder) => FixtureSet::read(folder).with_context(|| format!("cannot use {}", folder.display()))?,
        None => FixtureSet::default(),
    };
    let provider = FailingProvider::start(fixture_set).await?;
    let sandbox = author_sandbox(egress_to(&provider), &Limits::default())?;
    let component = sandbox.load_file(&file).await?;
    let plugin = TestedPlugin::new(sandbox, component, provider, fields, account)?;
    let mut results = Vec::new();
    for case in CASES.iter().filter(|case| fixtures.is_some() || !case.behavior.needs_recordings()) {
        for operation in plugin.operations() {
            results.push(plugin.test_case(case, operation).await?);
        }
    }
    if fixtures.is_some() && plugin.lists_users() {
        results.push(plugin.test_endless_pages().await?);
    }
    print_line(&if json { report::to_json(&results)? } else { report::to_text(&results, fixtures.is_some()) });
    Ok((report::count_broken(&results), results.len()))
}

/// Reroutes every host to the stand-in, with shorter timeouts than a service has.
fn egress_to(provider: &FailingProvider) -> EgressConfig {
    let limits = EgressLimits {
        first_byte: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        total: Duration::from_secs(10),
        ..EgressLimits::default()
    };
    EgressConfig { reroutes: [("*".to_owned(), provider.url())].into(), limits, ..EgressConfig::default() }
}
