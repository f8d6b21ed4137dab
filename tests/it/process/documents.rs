//! Runs the sessions of the README and of `docs/api.md` as printed, against the demo's stand-ins.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::program::{Installation, Service, binary_path};

const PROVIDERS: [&str; 6] = ["slack", "productive", "xero", "google-workspace", "remote", "scrapin"];

/// Separates the output of two commands.
const MARK: &str = "---- what comes next ----";

/// The stand-ins' program, which is stopped when this is dropped.
struct StandInProgram {
    child: Child,
    /// Its first line: the stand-ins' addresses and credentials.
    description: Value,
}

impl StandInProgram {
    fn start(place: &Installation, people: &Path) -> Self {
        let program = binary_path().with_file_name("jackfield-stand-ins");
        let mut child = Command::new(program)
            .arg("--people")
            .arg(people)
            .arg("--redirect-uri")
            .arg(format!("{}/oauth/callback", place.base()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-ins start");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("the stand-ins have an output"))
            .read_line(&mut line)
            .expect("the stand-ins print their first line");
        Self { child, description: serde_json::from_str(&line).expect("JSON") }
    }
}

impl Drop for StandInProgram {
    fn drop(&mut self) {
        // It may have exited already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Commands of a page, and the output that the page shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    typed: String,
    shown: String,
}

/// Returns the steps in the `sh` blocks below a heading.
fn steps(page: &str, heading: &str) -> Vec<Step> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("a block"));
    let mut steps = vec![Step::default()];
    for line in blocks.flat_map(str::lines) {
        let step = steps.last_mut().expect("a step");
        match (line.strip_prefix("# "), step.shown.is_empty()) {
            (Some(shown), _) => step.shown.push_str(shown),
            (None, true) => step.typed.push_str(&format!("{line}\n")),
            (None, false) => steps.push(Step { typed: format!("{line}\n"), shown: String::new() }),
        }
    }
    steps
}

/// Returns whether an output matches a page, where `…` matches anything and white space is ignored.
fn output_matches(answer: &str, shown: &str) -> bool {
    let without_white_space =
        |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
    let (answer, shown) = (without_white_space(answer), without_white_space(shown));
    let mut pieces = shown.split('…');
    let Some(mut rest) = answer.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = "";
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = piece;
    }
    rest.is_empty() || (shown.contains('…') && (last.is_empty() || rest.ends_with(last)))
}

/// A service with the settings of `cargo xtask run --demo`.
struct Demo {
    place: Installation,
    stand_ins: StandInProgram,
    token: String,
    _service: Service,
}

impl Demo {
    async fn start() -> Self {
        let mut place = Installation::new(&PROVIDERS, &[], &[]).await;
        let people = place.folder.path().join("people.csv");
        let stand_ins = StandInProgram::start(&place, &people);
        let reroutes = stand_ins.description["reroutes"].as_object().expect("reroutes").iter();
        let reroutes: Vec<String> =
            reroutes.map(|(host, url)| format!("{host}={}", url.as_str().expect("a URL"))).collect();
        place.set("JACKFIELD_EGRESS_REROUTE", reroutes.join(","));
        for part in ["client_id", "client_secret"] {
            let value = stand_ins.description["oauth"][0][part].as_str().expect("text").to_owned();
            place.set(&format!("JACKFIELD_OAUTH_XERO_{}", part.to_uppercase()), value);
        }
        for credential in stand_ins.description["credentials"].as_array().expect("credentials") {
            if credential["provider"] == "google-workspace" {
                let demo = place.folder.path().join("target/demo");
                fs::create_dir_all(&demo).expect("the demo's folder");
                let file = demo.join("google-workspace.json");
                fs::write(file, credential["fields"].to_string()).expect("the key is written");
            }
        }
        let imported = place.run(&["people", "import", &people.display().to_string()]);
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let token = place.token();
        let service = place.serve().await;
        Self { place, stand_ins, token, _service: service }
    }

    /// Runs the steps in one shell and compares every output.
    fn check(&self, steps: &[Step]) {
        let mut script = String::from("set -u\n");
        for step in steps {
            // The token and the service are the demo's, so the page's commands for them are replaced.
            let own = step.typed.lines().filter(|line| !line.starts_with("TOKEN=") && !line.starts_with("J="));
            script.extend(own.map(|line| format!("{line}\n")));
            script.push_str(&format!("echo '{MARK}'\n"));
        }
        let consent = self.stand_ins.description["oauth"][0]["consent"]["stand_in"].as_str().expect("an address");
        let typed = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.place.folder.path())
            .env("TOKEN", &self.token)
            .env("J", format!("{}/api/admin/connections", self.place.base()))
            .env("CONSENT", consent)
            .output()
            .expect("bash and curl are installed");
        let answers = String::from_utf8(typed.stdout).expect("text");
        assert_eq!(String::from_utf8_lossy(&typed.stderr), "", "the shell succeeds");
        let answers: Vec<&str> = answers.split(MARK).collect();
        assert_eq!(answers.len(), steps.len() + 1, "{answers:#?}");
        for (step, answer) in steps.iter().zip(answers) {
            let Step { typed, shown } = step;
            assert!(output_matches(answer, shown), "commands:\n{typed}\nexpected:\n{shown}\noutput:\n{answer}");
        }
    }
}

fn page(name: &str) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    fs::read_to_string(root.join(name)).expect("a page")
}

fn first_session() -> Vec<Step> {
    steps(&page("README.md"), "API quick start")
}

#[tokio::test]
async fn the_first_session_of_the_readme_works_as_printed() {
    let steps = first_session();
    assert!(steps.len() >= 4, "{steps:?}");
    Demo::start().await.check(&steps);
}

#[tokio::test]
async fn the_session_with_each_provider_works_as_printed() {
    let shown = steps(&page("docs/api.md"), "A session with each provider");
    for provider in PROVIDERS {
        let of = shown.iter().filter(|step| step.typed.contains(&format!("\"$J/{provider}"))).count();
        assert!(of >= 4, "{provider} has {of} steps");
    }
    // The README defines `jf`.
    let made = first_session()[0].typed.lines().find(|line| line.starts_with("jf()")).expect("jf is made").to_owned();
    let mut steps = vec![Step { typed: format!("{made}\n"), shown: String::new() }];
    steps.extend(shown);
    Demo::start().await.check(&steps);
}

#[test]
fn output_matches_only_what_is_printed() {
    for (answer, shown, is) in [
        ("{\"a\":1}\n", "{\"a\":1}", true),
        ("{\"a\":1,\"b\":[2,3]}", "{\"a\":…, \"b\":[…]}", true),
        ("{\"a\":1}", "{\"a\":2}", false),
        ("{\"a\":1,\"b\":2}", "{\"a\":1}", false),
        ("{\"a\":1,\"b\":2}", "{\"a\":…}", true),
        ("{\"a\":1,\"b\":2", "{\"a\":…}", false),
        ("", "{}", false),
    ] {
        assert_eq!(output_matches(answer, shown), is, "{answer} {shown}");
    }
}
