//! Builds the example providers of `docs/examples/`, in other languages than Rust, with tools that it gets itself.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    children,
    components::write_if_changed,
    tools::{self, Language},
    workspace::Workspace,
};

/// An example and how it is built.
#[derive(Debug)]
struct Example {
    language: Language,
    /// Its folder under `docs/examples/`.
    folder: &'static str,
    /// Its provider's id.
    id: &'static str,
    /// The file that names its tools, whose change gets them anew.
    tools: &'static str,
    /// Gets the tools into its folder.
    install: fn(&Path) -> Command,
    /// Builds it into a file.
    build: fn(&Path, &Path) -> Command,
}

const EXAMPLES: [Example; 2] = [
    Example {
        language: Language::JavaScript,
        folder: "javascript",
        id: "acme-crew",
        tools: "package-lock.json",
        install: |folder| command(folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]),
        build: |folder, file| {
            let mut build = command(folder, "node", &["build.mjs"]);
            build.arg(file);
            build
        },
    },
    Example {
        language: Language::Python,
        folder: "python",
        id: "acme-desk",
        tools: "requirements.txt",
        install: |folder| {
            let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"];
            let mut install = command(folder, "python3", &arguments);
            // It goes into a folder of its own, whoever runs this.
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

/// An example that was not built, and why.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// The provider's id, by which its test is left out too.
    pub(crate) id: &'static str,
    language: Language,
    why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the example in {} ({})", self.language, self.why)
    }
}

/// Builds every example into `target/components/examples/`, and says which could not be for want of tools.
///
/// # Errors
/// Tools are there, and yet an example does not build.
pub(crate) fn build(workspace: &Workspace) -> Result<Vec<LeftOut>> {
    let mut left_out = Vec::new();
    for example in &EXAMPLES {
        let had = match tools::language(example.language) {
            Ok(()) => example.build(workspace)?,
            missing => missing,
        };
        if let Err(why) = had {
            let left = LeftOut { id: example.id, language: example.language, why: why.to_string() };
            println!("LEFT OUT: {left}");
            left_out.push(left);
        }
    }
    Ok(left_out)
}

impl Example {
    /// Builds it where anything has changed. The inner error is that its tools could not be had.
    fn build(&self, workspace: &Workspace) -> Result<Result<()>> {
        // The same folders as in the checkout, for the build names the contract's by a relative path.
        let work = workspace.target.join("examples");
        let folder = work.join("docs/examples").join(self.folder);
        let mut inputs = copy(&workspace.root.join("wit"), &work.join("wit"))?;
        inputs.extend(copy(&workspace.root.join("docs/examples").join(self.folder), &folder)?);

        let file = workspace.components().join("examples").join(format!("{}.wasm", self.id));
        let made_of = digest(&inputs)?;
        let stamp = folder.join(".built");
        if file.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == made_of) {
            return Ok(Ok(()));
        }
        if let Err(missing) = self.install(&folder) {
            return Ok(Err(missing));
        }
        let made = folder.join(format!("{}.wasm", self.id));
        children::run(&mut (self.build)(&folder, &made))?;
        let bytes = fs::read(&made).with_context(|| made.display().to_string())?;
        fs::create_dir_all(workspace.components().join("examples"))?;
        write_if_changed(&file, &bytes)?;
        fs::write(&stamp, made_of)?;
        Ok(Ok(()))
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let wanted = fs::read_to_string(folder.join(self.tools))?;
        let stamp = folder.join(".tools");
        if fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
            return Ok(());
        }
        println!("getting what the example in {} is built with", self.language);
        children::run(&mut (self.install)(folder)).context("its tools could not be had from their registry")?;
        Ok(fs::write(stamp, wanted)?)
    }
}

fn command(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments);
    command
}

/// Copies the files of a folder that are no dot files, and gives their paths, sorted.
fn copy(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let mut copied = Vec::new();
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let built = entry.path().extension().is_some_and(|extension| extension == "wasm");
        if entry.file_type()?.is_file() && !built && !entry.file_name().to_string_lossy().starts_with('.') {
            let path = to.join(entry.file_name());
            write_if_changed(&path, &fs::read(entry.path())?)?;
            copied.push(path);
        }
    }
    copied.sort();
    Ok(copied)
}

fn digest(files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
