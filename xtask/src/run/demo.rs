//! The demo: stand-ins for the providers, a company's people, the service on both, and what to type in. Builds nothing.

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

use super::{listen, typed};
use crate::{
    children::{self, quoted},
    workspace::Workspace,
};

/// Bytes of a body that still fits on a line to paste; a longer one, such as a key file, is written to a file.
const LONGEST_BODY: usize = 200;

/// Starts everything on fresh data, says what to type in, and waits for the end of the service.
pub(super) fn demo(workspace: &Workspace) -> Result<()> {
    let program = workspace.dist().join("jackfield");
    let folder = workspace.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder)?;
    let (data, people) = (folder.join("data"), folder.join("people.csv"));
    let stand_ins = StandIns::start(&workspace.target.join("release/jackfield-stand-ins"), &people)?;
    let settings = settings(&stand_ins.said)?;
    let mut import = Command::new(&program);
    import.args(["people", "import"]).arg(&people).current_dir(&folder).env("JACKFIELD_DATA_DIR", &data);
    children::run(&mut import)?;

    println!("\nJackfield comes up at http://{}, with fresh data; Ctrl-C ends it.", listen());
    println!(
        "To sign in, open the link that it prints below. Without a browser, in another terminal, in {}:\n",
        workspace.root.display()
    );
    println!(
        "  TOKEN=$(JACKFIELD_DATA_DIR={} {} token create --name admin --level executive)",
        quoted(&data.display().to_string()),
        typed(workspace, &program),
    );
    println!("  J=http://{}/api/admin/connections", listen());
    println!(
        r#"  jf() {{ curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }}"#
    );
    println!("\nWhat the stand-ins take, in the console (the link to sign in with is printed below):\n");
    for credential in list(&stand_ins.said, "credentials") {
        println!("  {}", how_to_type_in(workspace, &folder, credential)?);
    }
    println!("\nThe same over the API:\n");
    for credential in list(&stand_ins.said, "credentials") {
        println!("  {}", how_to_connect(workspace, &folder, credential)?);
    }
    for app in list(&stand_ins.said, "oauth") {
        println!("\n{}", how_to_consent(app)?);
    }
    println!();

    let mut serve = Command::new(program);
    serve.args(["serve", "--dev"]).current_dir(&folder).envs(settings);
    serve.env("JACKFIELD_DATA_DIR", &data).env("JACKFIELD_PLUGINS_DIR", workspace.dist().join("plugins"));
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
    fn start(program: &Path, people: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--people").arg(people).arg("--redirect-uri").arg(format!("http://{}/oauth/callback", listen()));
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

/// The service's settings: `{"reroutes":{"<host>":"<url>"}}`, and the OAuth apps that the stand-ins know.
fn settings(said: &Value) -> Result<Vec<(String, String)>> {
    let reroutes = said["reroutes"].as_object().context("the stand-ins named no \"reroutes\"")?;
    let pairs: Option<Vec<String>> =
        reroutes.iter().map(|(host, url)| Some(format!("{host}={}", url.as_str()?))).collect();
    let pairs = pairs.context("an address of the stand-ins is not text")?;
    let mut settings = vec![("JACKFIELD_EGRESS_REROUTE".to_owned(), pairs.join(","))];
    for app in list(said, "oauth") {
        let provider = text(app, "provider")?.to_uppercase().replace('-', "_");
        for part in ["client_id", "client_secret"] {
            let name = format!("JACKFIELD_OAUTH_{provider}_{}", part.to_uppercase());
            settings.push((name, text(app, part)?.to_owned()));
        }
    }
    Ok(settings)
}

/// What is typed into a provider's form; a value that is long, such as a key, is written to a file to be dropped there.
fn how_to_type_in(workspace: &Workspace, folder: &Path, credential: &Value) -> Result<String> {
    let provider = text(credential, "provider")?;
    let mut parts = Vec::new();
    for (name, value) in credential["fields"].as_object().context("a credential without fields")? {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if value.len() > LONGEST_BODY {
            let file = folder.join(format!("{provider}-{name}.json"));
            fs::write(&file, value).with_context(|| file.display().to_string())?;
            parts.push(format!("{name}: the file {}", workspace.shown(&file)));
        } else {
            parts.push(format!("{name}: {value}"));
        }
    }
    Ok(format!("{provider}  {}", parts.join("   ")))
}

/// A line that connects a provider with `{"provider":"<id>","fields":{…}}`.
fn how_to_connect(workspace: &Workspace, folder: &Path, credential: &Value) -> Result<String> {
    let provider = text(credential, "provider")?;
    let body = credential["fields"].to_string();
    let data = if body.len() > LONGEST_BODY {
        let file = folder.join(format!("{provider}.json"));
        fs::write(&file, body).with_context(|| file.display().to_string())?;
        quoted(&format!("@{}", workspace.shown(&file)))
    } else {
        quoted(&body)
    };
    Ok(format!(r#"jf -X PUT "$J/{provider}" -d {data}"#))
}

/// Lines that connect a provider by OAuth with `{"provider":"<id>","consent":{"at":"<origin>","stand_in":"<origin>"}}`.
///
/// A browser follows no reroute, so the address of the consent page is changed before it is opened.
fn how_to_consent(app: &Value) -> Result<String> {
    let provider = text(app, "provider")?;
    let (at, stand_in) = (text(&app["consent"], "at")?, text(&app["consent"], "stand_in")?);
    Ok(format!(
        "  jf \"$J/{provider}/auth-url\" | sed s,{at},{stand_in},\n  \
         # Open the \"url\" in a browser: the stand-in's page in place of {at}.\n  \
         # It leads back to a page with code and state, which go here:\n  \
         jf -X POST \"$J/{provider}/callback\" -d '{{\"code\":\"…\",\"state\":\"…\"}}'"
    ))
}

fn list<'a>(said: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    said[name].as_array().into_iter().flatten()
}

fn text<'a>(said: &'a Value, name: &str) -> Result<&'a str> {
    said[name].as_str().with_context(|| format!("the stand-ins left out \"{name}\" of {said}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_stand_ins_say_becomes_settings() {
        let said = json!({
            "reroutes": {"a.example": "http://127.0.0.1:1", "b.example": "http://127.0.0.1:2"},
            "oauth": [{"provider": "some-app", "client_id": "id", "client_secret": "s"}],
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            settings(&said).unwrap(),
            [
                pair("JACKFIELD_EGRESS_REROUTE", "a.example=http://127.0.0.1:1,b.example=http://127.0.0.1:2"),
                pair("JACKFIELD_OAUTH_SOME_APP_CLIENT_ID", "id"),
                pair("JACKFIELD_OAUTH_SOME_APP_CLIENT_SECRET", "s"),
            ]
        );
        assert!(settings(&json!({})).is_err());
    }

    #[test]
    fn a_short_body_is_pasted_and_a_long_one_read_from_a_file() {
        let workspace = Workspace::find().unwrap();
        let folder = workspace.target.join("demo-test");
        fs::create_dir_all(&folder).unwrap();
        let line = |fields: Value| {
            how_to_connect(&workspace, &folder, &json!({"provider": "some", "fields": fields})).unwrap()
        };
        assert_eq!(line(json!({"api_token": "it's"})), r#"jf -X PUT "$J/some" -d '{"api_token":"it'\''s"}'"#);
        let long = json!({"key": "k".repeat(LONGEST_BODY)});
        assert!(line(long.clone()).ends_with("/demo-test/some.json"), "{}", line(long.clone()));
        let written = fs::read_to_string(folder.join("some.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), long);
    }

    #[test]
    fn a_key_is_dropped_as_a_file_and_all_else_typed_in() {
        let workspace = Workspace::find().unwrap();
        let folder = workspace.target.join("demo-test");
        fs::create_dir_all(&folder).unwrap();
        let key = format!("{{\"private_key\":\"{}\"}}", "k".repeat(LONGEST_BODY));
        let credential = json!({"provider": "some", "fields": {"key": key, "team": "T1"}});
        let line = how_to_type_in(&workspace, &folder, &credential).unwrap();
        assert!(line.ends_with("/demo-test/some-key.json   team: T1"), "{line}");
        assert_eq!(fs::read_to_string(folder.join("some-key.json")).unwrap(), key);
    }

    #[test]
    fn the_consent_page_is_opened_at_the_stand_in() {
        let consent = json!({"at": "https://login.example", "stand_in": "http://127.0.0.1:1"});
        let lines = how_to_consent(&json!({"provider": "some", "consent": consent})).unwrap();
        assert!(lines.starts_with("  jf \"$J/some/auth-url\" | sed s,https://login.example,http://127.0.0.1:1,\n"));
        assert!(lines.contains(r#"-d '{"code":"…","state":"…"}'"#), "{lines}");
    }
}
