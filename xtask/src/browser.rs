//! The console's tests in a real browser, and its pictures: gets what they need, runs them, counts what ran.

use std::{
    fs, io,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{children, components::Digests, tools, workspace::Workspace};

/// The browser's tests that a filter names, ready to run.
#[derive(Debug)]
pub(crate) struct Browser {
    folder: PathBuf,
    filter: Vec<String>,
    flows: Vec<String>,
}

impl Browser {
    /// Reads which flows there are; none is left where the filter names none.
    pub(crate) fn find(workspace: &Workspace, filter: &[String]) -> Result<Self> {
        let folder = workspace.root.join("tests/browser");
        let mut flows = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(file) = name.strip_suffix(".test.js") {
                flows.extend(named(file, &fs::read_to_string(&path)?));
            }
        }
        flows.retain(|flow| filter.is_empty() || filter.iter().any(|word| flow.contains(word.as_str())));
        Ok(Self { folder, filter: filter.to_owned(), flows })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Gets Node.js, npm, a browser and the packages.
    pub(crate) fn prepare(&self) -> Result<()> {
        tools::node()?;
        tools::browser()?;
        let lock = fs::read_to_string(self.folder.join("package-lock.json"))?;
        let stamp = self.folder.join("node_modules/.had");
        if fs::read_to_string(&stamp).is_ok_and(|had| had == lock) {
            return Ok(());
        }
        println!("getting what the browser's tests are written with");
        let mut npm = self.command("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        children::run(npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
        Ok(fs::write(stamp, lock)?)
    }

    /// Runs the tests with these variables, and says how many passed.
    pub(crate) fn run(&self, environment: &[(&str, String)]) -> Result<usize> {
        let mut node = self.command("node");
        node.arg("run.js").args(&self.filter).envs(environment.iter().map(|(name, value)| (name, value)));
        let mut passed = 0;
        let take = |child: &mut Child| child.stdout.take();
        children::run_and_read(node.stdout(Stdio::piped()), take, io::stdout(), |line| {
            passed += passed_in(line).unwrap_or_default();
        })?;
        let named = self.flows.len();
        ensure!(passed == named, "{passed} of the browser's {named} tests passed, and no other failed: did they run?");
        Ok(passed)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        command
    }
}

/// `cargo xtask screenshots`: a picture of each of the console's pages, light and dark, under `docs/img/`.
pub(crate) fn screenshots(workspace: &Workspace, digests: &Digests) -> Result<()> {
    let browser = Browser::find(workspace, &[])?;
    browser.prepare()?;
    let mut cargo = digests.cargo(workspace);
    children::run(cargo.args(["build", "-p", "jackfield", "-p", "jackfield-test-support", "--bins"]))?;
    let pictures = workspace.root.join("docs/img");
    children::run(
        browser
            .command("node")
            .arg("screenshots.js")
            .arg(&pictures)
            .env("JACKFIELD_BIN", workspace.target.join("debug/jackfield"))
            .env("JACKFIELD_TEST_COMPONENTS", workspace.components()),
    )?;
    let size: u64 =
        fs::read_dir(&pictures)?.filter_map(|entry| entry.ok()?.metadata().ok()).map(|file| file.len()).sum();
    if size > MOST_PICTURES {
        bail!("{} holds {size} bytes; {MOST_PICTURES} at most", workspace.shown(&pictures));
    }
    println!("{} holds {size} bytes", workspace.shown(&pictures));
    Ok(())
}

/// Bytes of all pictures: each of them stays in the repository's history for ever.
const MOST_PICTURES: u64 = 1_500_000;

/// The names of a file's flows: `flow("a sentence", …` at the start of a line, on one line or on several; or `check(`.
fn named(file: &str, text: &str) -> Vec<String> {
    let sentence = |call: &str| {
        let rest = call.strip_prefix("flow(").or_else(|| call.strip_prefix("check("))?;
        let (sentence, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(format!("browser::{file}::{}", sentence.replace(' ', "_")))
    };
    let calls = std::iter::once(text).chain(text.match_indices('\n').map(|(at, _)| &text[at + 1..]));
    calls.filter_map(sentence).collect()
}

/// The count in `browser: 12 passed, 0 failed`.
fn passed_in(line: &str) -> Option<usize> {
    line.strip_prefix("browser: ")?.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_read_from_their_files() {
        let text = "const flow = flows(import.meta);\n\nflow(\"the link serves once\", {}, async () => {\n});\n\
                    check(\n  \"a guard\", () => 0);\n  flow(\"nested\", () => 0);\n";
        assert_eq!(named("signin", text), ["browser::signin::the_link_serves_once", "browser::signin::a_guard"]);
        assert_eq!(passed_in("browser: 12 passed, 0 failed\n"), Some(12));
        assert_eq!(passed_in("  12 passed"), None);
    }
}
