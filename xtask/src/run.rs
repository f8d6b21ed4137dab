//! `cargo xtask run`: builds and starts the service; with `--demo` against local stand-ins, on data of its own.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    children::{self, quoted},
    components::Digests,
    dist,
    steps::Steps,
    workspace::{Workspace, variable, variable_names},
};

/// What the service talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The providers themselves.
    Plain,
    /// Stand-ins on this machine.
    Demo,
}

/// The settings that may be changed in a demo; any other could point it at data that is not a demo's.
const DEMO_SETTINGS: [&str; 3] = ["JACKFIELD_LISTEN", "JACKFIELD_LOG", "JACKFIELD_LOG_FORMAT"];

/// Builds everything, starts the service and waits for its end.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, mode: Mode) -> Result<()> {
    match mode {
        Mode::Plain => {
            dist::dist(workspace, steps)?;
            plain(workspace)
        }
        Mode::Demo => {
            refuse_foreign_settings()?;
            let digests = dist::dist(workspace, steps)?;
            steps.take("stand-ins", || build_stand_ins(workspace, &digests))?;
            demo(workspace)
        }
    }
}

/// Builds the providers' stand-ins in release.
pub(crate) fn build_stand_ins(workspace: &Workspace, digests: &Digests) -> Result<()> {
    let mut cargo = digests.cargo(workspace);
    children::run(cargo.args(["build", "--release", "-p", "jackfield-test-support", "--bin", "jackfield-stand-ins"]))
}

/// Starts the service in the checkout with the settings of a person who starts it there by hand: `./jackfield.toml`,
/// the environment, and the defaults, which are `./data` and the plugins beside the program. So the line for a token
/// needs no setting either to find the same data.
fn plain(workspace: &Workspace) -> Result<()> {
    let program = workspace.dist().join("jackfield");
    println!("\nJackfield comes up at http://{}; Ctrl-C ends it.", listen());
    println!("For a token, in another terminal, in {}:\n", workspace.root.display());
    println!("  {} token create --name admin --level executive\n", typed(workspace, &program));
    println!("It must find the same data folder: give it the JACKFIELD_… variables that this terminal has, if any.\n");
    children::serve(Command::new(program).arg("serve").current_dir(&workspace.root))
}

fn demo(workspace: &Workspace) -> Result<()> {
    let program = workspace.dist().join("jackfield");
    let folder = workspace.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder)?;
    let data = folder.join("data");
    let stand_ins = StandIns::start(&workspace.target.join("release/jackfield-stand-ins"))?;
    let reroutes = reroutes(&stand_ins.said)?;

    println!("\nJackfield comes up at http://{}, with fresh data; Ctrl-C ends it.", listen());
    println!("For a token, in another terminal, in {}:\n", workspace.root.display());
    println!(
        "  TOKEN=$(JACKFIELD_DATA_DIR={} {} token create --name admin --level executive)\n",
        quoted(&data.display().to_string()),
        typed(workspace, &program),
    );
    println!("What the stand-ins take:\n");
    for credential in stand_ins.said["credentials"].as_array().into_iter().flatten() {
        println!("{}\n", how_to_connect(credential, &listen()));
    }
    let mut serve = Command::new(program);
    serve.args(["serve", "--dev"]).current_dir(&folder);
    serve.env("JACKFIELD_DATA_DIR", &data).env("JACKFIELD_EGRESS_REROUTE", reroutes);
    serve.env("JACKFIELD_PLUGINS_DIR", workspace.dist().join("plugins"));
    children::serve(&mut serve)
}

/// The stand-ins' process, which ends with this value.
#[derive(Debug)]
struct StandIns {
    child: Child,
    /// Their first line: where they are and what they take.
    said: Value,
}

impl StandIns {
    fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        // Apart, so that Ctrl-C ends the service first. They end when their input closes, however this program ends.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut stand_ins = Self { child, said: Value::Null };
        let mut output = BufReader::new(stand_ins.child.stdout.take().context("the stand-ins' output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        stand_ins.said = serde_json::from_str(&line)
            .with_context(|| format!("the first line of the stand-ins is not JSON: {line:?}"))?;
        thread::spawn(move || io::copy(&mut output, &mut io::stdout()));
        Ok(stand_ins)
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `JACKFIELD_EGRESS_REROUTE` from `{"reroutes":{"<host>":"<url>"}}`.
fn reroutes(said: &Value) -> Result<String> {
    let reroutes = said["reroutes"].as_object().context("the stand-ins named no \"reroutes\"")?;
    let pairs: Option<Vec<String>> =
        reroutes.iter().map(|(host, url)| Some(format!("{host}={}", url.as_str()?))).collect();
    Ok(pairs.context("an address of the stand-ins is no text")?.join(","))
}

/// A line that connects a provider with `{"provider":"<id>","fields":{…}}`; anything else is shown as it is.
fn how_to_connect(credential: &Value, listen: &str) -> String {
    match (credential["provider"].as_str(), &credential["fields"]) {
        (Some(provider), fields @ Value::Object(_)) => format!(
            "  curl -X PUT http://{listen}/api/admin/connections/{provider} -H \"Authorization: Bearer $TOKEN\" \
             -H 'Content-Type: application/json' -d {}",
            quoted(&fields.to_string())
        ),
        _ => format!("  {credential}"),
    }
}

fn refuse_foreign_settings() -> Result<()> {
    let mut foreign = variable_names();
    foreign.retain(|name| name.starts_with("JACKFIELD_") && !DEMO_SETTINGS.contains(&name.as_str()));
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    bail!("a demo brings its own settings: run `unset {}` and try again", foreign.join(" "))
}

fn listen() -> String {
    variable("JACKFIELD_LISTEN").map_or_else(|| "127.0.0.1:7420".into(), |text| text.to_string_lossy().into_owned())
}

/// A program as it is typed in the checkout.
fn typed(workspace: &Workspace, program: &Path) -> String {
    let shown = workspace.shown(program).to_string();
    if Path::new(&shown).is_absolute() { quoted(&shown) } else { quoted(&format!("./{shown}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_stand_ins_say_becomes_a_setting_and_a_line_to_paste() {
        let said = json!({"reroutes": {"a.example": "http://127.0.0.1:1", "b.example": "http://127.0.0.1:2"}});
        assert_eq!(reroutes(&said).unwrap(), "a.example=http://127.0.0.1:1,b.example=http://127.0.0.1:2");
        let line = how_to_connect(&json!({"provider": "some", "fields": {"api_token": "it's"}}), "127.0.0.1:7420");
        assert!(line.ends_with(r#"-d '{"api_token":"it'\''s"}'"#), "{line}");
    }
}
