//! Builds the example plugins of `docs/examples/`, which are written in other languages than Rust.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    atomic_write::write_if_changed,
    checkout::Checkout,
    components::to_hex,
    process,
    tools::{self, ExampleLanguage},
};

/// An example plugin and the commands that build it.
#[derive(Debug)]
struct ExamplePlugin {
    language: ExampleLanguage,
    /// Its folder under `docs/examples/`.
    folder: &'static str,
    /// The provider's id.
    id: &'static str,
    /// The file that pins its build tools. When it changes, they are installed again.
    lock: &'static str,
    /// Creates the command that installs the build tools into the folder.
    install: fn(&Path) -> Command,
    /// Creates the command that builds the component into a file.
    build: fn(&Path, &Path) -> Command,
}

const EXAMPLES: [ExamplePlugin; 2] = [
    ExamplePlugin {
        language: ExampleLanguage::JavaScript,
        folder: "javascript",
        id: "acme-crew",
        lock: "package-lock.json",
        install: |folder| command(folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]),
        build: |folder, file| {
            let mut build = command(folder, "node", &["build.mjs"]);
            build.arg(file);
            build
        },
    },
    ExamplePlugin {
        language: ExampleLanguage::Python,
        folder: "python",
        id: "acme-desk",
        lock: "requirements.txt",
        install: |folder| {
            let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"];
            let mut install = command(folder, "python3", &arguments);
            // pip warns root about system packages, but this installs into `tools`.
            install.env("PIP_ROOT_USER_ACTION", "ignore").args([
                "--target",
                "tools",
                "--requirement",
                "requirements.txt",
            ]);
            install
        },
        build: |folder, file| {
            let tools = folder.join("tools");
            let mut build = command(folder, tools.join("bin/componentize-py"), &["--quiet"]);
            build.env("PYTHONPATH", tools).args(["-d", "../../../wit", "-w", "component", "componentize", "app", "-o"]);
            build.arg(file);
            build
        },
    },
];

/// An example that could not be built, and the reason.
#[derive(Debug)]
pub(crate) struct SkippedExample {
    /// The provider's id. The tests of this example are skipped too.
    pub(crate) id: &'static str,
    language: ExampleLanguage,
    reason: String,
}

impl fmt::Display for SkippedExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the example in {} ({})", self.language, self.reason)
    }
}

/// Builds every example into `target/components/examples/`, and returns those whose build tools are missing.
///
/// # Errors
/// The tools are installed, but an example does not build.
pub(crate) fn build_examples(checkout: &Checkout) -> Result<Vec<SkippedExample>> {
    let mut skipped = Vec::new();
    for example in &EXAMPLES {
        let built = match tools::ensure_language(example.language) {
            Ok(()) => example.build(checkout)?,
            missing => missing,
        };
        if let Err(error) = built {
            let example = SkippedExample { id: example.id, language: example.language, reason: error.to_string() };
            println!("skipped {example}");
            skipped.push(example);
        }
    }
    Ok(skipped)
}

impl ExamplePlugin {
    /// Builds the example if a file has changed. The inner error says why its tools cannot be installed.
    fn build(&self, checkout: &Checkout) -> Result<Result<()>> {
        // The copies have the same layout as the checkout, because the build refers to `wit/` by a relative path.
        let work = checkout.target.join("examples");
        let folder = work.join("docs/examples").join(self.folder);
        let mut inputs = copy_files(&checkout.root.join("wit"), &work.join("wit"))?;
        inputs.extend(copy_files(&checkout.root.join("docs/examples").join(self.folder), &folder)?);

        let component = checkout.components().join("examples").join(format!("{}.wasm", self.id));
        let digest = digest_files(&inputs)?;
        let stamp = folder.join(".built");
        if component.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == digest) {
            return Ok(Ok(()));
        }
        if let Err(error) = self.install(&folder) {
            return Ok(Err(error));
        }
        let output = folder.join(format!("{}.wasm", self.id));
        process::run(&mut (self.build)(&folder, &output))?;
        let bytes = fs::read(&output).with_context(|| format!("cannot read {}", output.display()))?;
        fs::create_dir_all(checkout.components().join("examples"))?;
        write_if_changed(&component, &bytes)?;
        fs::write(&stamp, digest)?;
        Ok(Ok(()))
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let lock = fs::read_to_string(folder.join(self.lock))?;
        let stamp = folder.join(".tools");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        println!("installing the build tools of the example in {}", self.language);
        process::run(&mut (self.install)(folder)).context("cannot install its build tools from their registry")?;
        Ok(fs::write(stamp, lock)?)
    }
}

fn command(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments);
    command
}

/// Copies the files of a folder, except dot files and components, and returns the copies, sorted.
fn copy_files(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut copies = Vec::new();
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let is_component = entry.path().extension().is_some_and(|extension| extension == "wasm");
        if entry.file_type()?.is_file() && !is_component && !entry.file_name().to_string_lossy().starts_with('.') {
            let path = to.join(entry.file_name());
            write_if_changed(&path, &fs::read(entry.path())?)?;
            copies.push(path);
        }
    }
    copies.sort();
    Ok(copies)
}

fn digest_files(files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    }
    Ok(to_hex(&hasher.finalize()))
}
