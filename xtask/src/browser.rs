//! The console's tests in a real browser, and its screenshots.

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{build_progress::Build, checkout::Checkout, components::Digests, process, tools};

/// The maximum size of all screenshots in bytes. It is low because the repository keeps every version of them.
const MAX_SCREENSHOTS: u64 = 1_500_000;

/// How the names of the tests in Firefox start.
const FIREFOX_TESTS: &str = "browser::firefox::";

/// The browser tests that the filters select.
#[derive(Debug)]
pub(crate) struct BrowserTests {
    folder: PathBuf,
    filters: Vec<String>,
    names: Vec<String>,
}

impl BrowserTests {
    /// Reads the names of the tests from their files.
    pub(crate) fn find(checkout: &Checkout, filters: &[String]) -> Result<Self> {
        let folder = checkout.root.join("tests/browser");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(module) = file.strip_suffix(".test.js") {
                names.extend(test_names(module, &fs::read_to_string(&path)?));
            }
        }
        names.retain(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())));
        Ok(Self { folder, filters: filters.to_owned(), names })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Installs Firefox if possible. Without it, the tests in it are left out.
    pub(crate) fn prepare_firefox(&mut self) {
        if !self.names.iter().any(|name| name.starts_with(FIREFOX_TESTS)) {
            return;
        }
        tools::install_firefox();
        if !tools::has_firefox() {
            self.names.retain(|name| !name.starts_with(FIREFOX_TESTS));
        }
    }

    /// Installs Node.js, npm, a browser and the npm packages if they are missing.
    pub(crate) fn prepare(&self) -> Result<()> {
        tools::ensure_node()?;
        tools::ensure_browser()?;
        let lock = fs::read_to_string(self.folder.join("package-lock.json"))?;
        let installed = self.folder.join("node_modules/.installed");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        println!("installing the npm packages of the browser tests");
        let mut npm = self.command("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        process::run(npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").env("PUPPETEER_SKIP_DOWNLOAD", "1"))?;
        Ok(fs::write(installed, lock)?)
    }

    /// Runs the tests with these variables, and returns how many passed.
    pub(crate) fn run(&self, environment: &[(&str, String)]) -> Result<usize> {
        let mut node = self.command("node");
        node.arg("run.js").args(&self.filters).envs(environment.iter().map(|(name, value)| (name, value)));
        let mut passed = 0;
        process::run_with_output(
            node.stdout(Stdio::piped()),
            |child| child.stdout.take(),
            |output| process::copy_lines(output, io::stdout(), |line| passed += parse_passed(line).unwrap_or_default()),
        )?;
        let expected = self.names.len();
        ensure!(
            passed == expected,
            "{passed} of {expected} browser tests passed and none failed: the others did not run"
        );
        Ok(passed)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        command
    }
}

/// `cargo xtask screenshots`: takes a screenshot of each page of the console, light and dark, under `docs/img/`.
pub(crate) fn take_screenshots(checkout: &Checkout, digests: &Digests) -> Result<()> {
    let browser = BrowserTests::find(checkout, &[])?;
    browser.prepare()?;
    let mut build = Build::start(checkout, "programs of the screenshots");
    let packages = ["build", "-p", "jackfield", "-p", "jackfield-test-support", "--bins"];
    build.run(None, digests.cargo(checkout).args(packages))?;
    build.finish()?;
    let folder = checkout.root.join("docs/img");
    let mut node = browser.command("node");
    node.arg("screenshots.js").arg(&folder);
    node.env("JACKFIELD_BIN", checkout.target.join("debug/jackfield"));
    process::run(node.env("JACKFIELD_TEST_COMPONENTS", checkout.components()))?;

    let files = fs::read_dir(&folder)?.filter_map(|entry| entry.ok()?.metadata().ok());
    let size: u64 = files.map(|file| file.len()).sum();
    let folder = checkout.display(&folder);
    ensure!(size <= MAX_SCREENSHOTS, "{folder} contains {size} bytes; the maximum is {MAX_SCREENSHOTS}");
    println!("{folder} contains {size} bytes");
    Ok(())
}

/// Reads the names of tests: a line starts with `flow(` or `check(`, followed by a sentence in quotes, which may be on
/// the next line.
fn test_names(module: &str, text: &str) -> Vec<String> {
    let sentence = |call: &str| {
        let rest = call.strip_prefix("flow(").or_else(|| call.strip_prefix("check("))?;
        let (sentence, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(format!("browser::{module}::{}", sentence.replace(' ', "_")))
    };
    let calls = std::iter::once(text).chain(text.match_indices('\n').map(|(at, _)| &text[at + 1..]));
    calls.filter_map(sentence).collect()
}

/// Parses the count in `browser: 12 passed, 0 failed`.
fn parse_passed(line: &str) -> Option<usize> {
    line.strip_prefix("browser: ")?.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_names_are_read_from_their_files() {
        let text = "const flow = flows(import.meta);\n\nflow(\"the link serves once\", {}, async () => {\n});\n\
                    check(\n  \"a guard\", () => 0);\n  flow(\"nested\", () => 0);\n";
        assert_eq!(test_names("signin", text), ["browser::signin::the_link_serves_once", "browser::signin::a_guard"]);
        assert_eq!(parse_passed("browser: 12 passed, 0 failed\n"), Some(12));
        assert_eq!(parse_passed("  12 passed"), None);
    }
}
