//! The demo: starts the stand-ins, imports people, prints what to type, and starts the service.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{listen_address, to_typed};
use crate::{
    checkout::Checkout,
    host::LocalPrograms,
    process::{self, quote_for_shell},
};

/// The longest value in bytes that is printed to be pasted; a longer one, such as a key file, is written to a file.
const MAX_PRINTED_VALUE: usize = 200;

/// Starts everything with fresh data, prints what to type, and waits until the service ends.
pub(super) fn run(checkout: &Checkout, programs: &LocalPrograms) -> Result<()> {
    let program = &programs.host;
    let folder = checkout.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (data, people) = (folder.join("data"), folder.join("people.csv"));
    let stand_ins = StandInProcess::start(&programs.stand_ins, &people)?;
    let settings = to_settings(&stand_ins.description)?;
    let mut import = Command::new(program);
    import.args(["people", "import"]).arg(&people).current_dir(&folder).env("JACKFIELD_DATA_DIR", &data);
    process::run(&mut import)?;

    print_instructions(checkout, program, &data, &stand_ins.description)?;
    let mut serve = Command::new(program);
    serve.args(["serve", "--dev"]).current_dir(&folder).envs(settings);
    // Ctrl-C ends a demo soon: no load balancer has to notice.
    serve.env("JACKFIELD_STOP_DELAY", "0");
    serve.env("JACKFIELD_DATA_DIR", &data).env("JACKFIELD_PLUGINS_DIR", program.with_file_name("plugins"));
    process::run_until_interrupted(&mut serve)
}

fn print_instructions(checkout: &Checkout, program: &Path, data: &Path, description: &Value) -> Result<()> {
    let folder = data.parent().context("the data folder has no parent")?;
    println!("\nListening on http://{} with fresh data. Press Ctrl-C to stop.", listen_address());
    println!("To sign in, open the link that is printed below. To use the API instead, open another terminal");
    println!("in {} and run:\n", checkout.root.display());
    println!(
        "  TOKEN=$(JACKFIELD_DATA_DIR={} {} token create --name admin --level executive)",
        quote_for_shell(&data.display().to_string()),
        to_typed(checkout, program),
    );
    println!("  J=http://{}/api/admin/connections", listen_address());
    println!(
        r#"  jf() {{ curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }}"#
    );
    println!("\nCredentials that the stand-ins accept, to enter in the console:\n");
    for credential in list(description, "credentials") {
        println!("  {}", describe_form_fields(checkout, folder, credential)?);
    }
    println!("\nThe same credentials, to connect over the API:\n");
    for credential in list(description, "credentials") {
        println!("  {}", to_connect_command(checkout, folder, credential)?);
    }
    for app in list(description, "oauth") {
        println!("\n{}", to_oauth_commands(app)?);
    }
    println!();
    Ok(())
}

/// The process of the stand-ins, which ends when this value is dropped.
#[derive(Debug)]
struct StandInProcess {
    child: Child,
    /// The JSON on their first line: their addresses and the credentials that they accept.
    description: Value,
}

impl StandInProcess {
    fn start(program: &Path, people: &Path) -> Result<Self> {
        let redirect_uri = format!("http://{}/oauth/callback", listen_address());
        let mut command = Command::new(program);
        command.arg("--people").arg(people).arg("--redirect-uri").arg(redirect_uri).arg("--keep-revoked");
        // In their own process group they do not receive Ctrl-C, so the service ends first. They end when their input
        // is closed, which happens however this program ends.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut stand_ins = Self { child, description: Value::Null };
        let output = stand_ins.child.stdout.take().context("the output of the stand-ins is not piped")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        stand_ins.description = serde_json::from_str(&line)
            .with_context(|| format!("the first line of the stand-ins is not JSON: {line:?}"))?;
        thread::spawn(move || io::copy(&mut output, &mut io::stdout()));
        Ok(stand_ins)
    }
}

impl Drop for StandInProcess {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Converts `{"reroutes":{"<host>":"<url>"},"oauth":[…]}` to the settings of the service.
fn to_settings(description: &Value) -> Result<Vec<(String, String)>> {
    let reroutes = description["reroutes"].as_object().context("the stand-ins printed no \"reroutes\"")?;
    let pairs: Option<Vec<String>> =
        reroutes.iter().map(|(host, url)| Some(format!("{host}={}", url.as_str()?))).collect();
    let pairs = pairs.context("an address of the stand-ins is not a string")?;
    let mut settings = vec![("JACKFIELD_EGRESS_REROUTE".to_owned(), pairs.join(","))];
    for app in list(description, "oauth") {
        let provider = text(app, "provider")?.to_uppercase().replace('-', "_");
        for part in ["client_id", "client_secret"] {
            let name = format!("JACKFIELD_OAUTH_{provider}_{}", part.to_uppercase());
            settings.push((name, text(app, part)?.to_owned()));
        }
    }
    Ok(settings)
}

/// Describes what to enter in the form of a provider. A long value, such as a key, is written to a file to drop there.
fn describe_form_fields(checkout: &Checkout, folder: &Path, credential: &Value) -> Result<String> {
    let provider = text(credential, "provider")?;
    let mut parts = Vec::new();
    for (name, value) in credential["fields"].as_object().context("a credential of the stand-ins has no \"fields\"")? {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if value.len() > MAX_PRINTED_VALUE {
            let file = folder.join(format!("{provider}-{name}.json"));
            fs::write(&file, value).with_context(|| format!("cannot write {}", file.display()))?;
            parts.push(format!("{name}: the file {}", checkout.display(&file)));
        } else {
            parts.push(format!("{name}: {value}"));
        }
    }
    Ok(format!("{provider}  {}", parts.join("   ")))
}

/// Formats the command that connects a provider with `{"provider":"<id>","fields":{…}}`.
fn to_connect_command(checkout: &Checkout, folder: &Path, credential: &Value) -> Result<String> {
    let provider = text(credential, "provider")?;
    let body = credential["fields"].to_string();
    let data = if body.len() > MAX_PRINTED_VALUE {
        let file = folder.join(format!("{provider}.json"));
        fs::write(&file, body).with_context(|| format!("cannot write {}", file.display()))?;
        quote_for_shell(&format!("@{}", checkout.display(&file)))
    } else {
        quote_for_shell(&body)
    };
    Ok(format!(r#"jf -X PUT "$J/{provider}" -d {data}"#))
}

/// Formats the commands that connect a provider by OAuth:
/// `{"provider":"<id>","consent":{"at":"<origin>","stand_in":"<origin>"}}`.
///
/// Only the service follows the reroutes, not a browser, so the commands replace the origin of the consent page.
fn to_oauth_commands(app: &Value) -> Result<String> {
    let provider = text(app, "provider")?;
    let (at, stand_in) = (text(&app["consent"], "at")?, text(&app["consent"], "stand_in")?);
    Ok(format!(
        "  jf \"$J/{provider}/auth-url\" | sed s,{at},{stand_in},\n  \
         # Open the \"url\" in a browser: it is the page of the stand-in instead of {at}.\n  \
         # Its redirect leads to a page with a code and a state. Insert them here:\n  \
         jf -X POST \"$J/{provider}/callback\" -d '{{\"code\":\"…\",\"state\":\"…\"}}'"
    ))
}

fn list<'a>(description: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    description[name].as_array().into_iter().flatten()
}

fn text<'a>(description: &'a Value, name: &str) -> Result<&'a str> {
    description[name].as_str().with_context(|| format!("the stand-ins printed no \"{name}\" in {description}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_description_of_the_stand_ins_becomes_settings() {
        let description = json!({
            "reroutes": {"a.example": "http://127.0.0.1:1", "b.example": "http://127.0.0.1:2"},
            "oauth": [{"provider": "some-app", "client_id": "id", "client_secret": "s"}],
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            to_settings(&description).unwrap(),
            [
                pair("JACKFIELD_EGRESS_REROUTE", "a.example=http://127.0.0.1:1,b.example=http://127.0.0.1:2"),
                pair("JACKFIELD_OAUTH_SOME_APP_CLIENT_ID", "id"),
                pair("JACKFIELD_OAUTH_SOME_APP_CLIENT_SECRET", "s"),
            ]
        );
        assert!(to_settings(&json!({})).is_err());
    }

    #[test]
    fn a_short_body_is_pasted_and_a_long_one_read_from_a_file() {
        let checkout = Checkout::find().unwrap();
        let folder = checkout.target.join("demo-test");
        fs::create_dir_all(&folder).unwrap();
        let line = |fields: Value| {
            to_connect_command(&checkout, &folder, &json!({"provider": "some", "fields": fields})).unwrap()
        };
        assert_eq!(line(json!({"api_token": "it's"})), r#"jf -X PUT "$J/some" -d '{"api_token":"it'\''s"}'"#);
        let long = json!({"key": "k".repeat(MAX_PRINTED_VALUE)});
        assert!(line(long.clone()).ends_with("/demo-test/some.json"), "{}", line(long.clone()));
        let content = fs::read_to_string(folder.join("some.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&content).unwrap(), long);
    }

    #[test]
    fn a_key_is_dropped_as_a_file_and_other_fields_are_typed() {
        let checkout = Checkout::find().unwrap();
        let folder = checkout.target.join("demo-test");
        fs::create_dir_all(&folder).unwrap();
        let key = format!("{{\"private_key\":\"{}\"}}", "k".repeat(MAX_PRINTED_VALUE));
        let credential = json!({"provider": "some", "fields": {"key": key, "team": "T1"}});
        let line = describe_form_fields(&checkout, &folder, &credential).unwrap();
        assert!(line.ends_with("/demo-test/some-key.json   team: T1"), "{line}");
        assert_eq!(fs::read_to_string(folder.join("some-key.json")).unwrap(), key);
    }

    #[test]
    fn the_consent_page_is_opened_at_the_stand_in() {
        let consent = json!({"at": "https://login.example", "stand_in": "http://127.0.0.1:1"});
        let lines = to_oauth_commands(&json!({"provider": "some", "consent": consent})).unwrap();
        assert!(lines.starts_with("  jf \"$J/some/auth-url\" | sed s,https://login.example,http://127.0.0.1:1,\n"));
        assert!(lines.contains(r#"-d '{"code":"…","state":"…"}'"#), "{lines}");
    }
}
