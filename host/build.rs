//! Embeds the files that `plugin new` writes: the templates, the SDK and the WIT packages. Lists all crates.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The shared folders: where they are, and where `plugin new` puts their files.
const SHARED: [(&str, &str); 2] = [("../plugins/sdk/src", "sdk/src"), ("../wit", "wit")];

/// The crates of the workspace and all their dependencies.
const LOCK_FILE: &str = "../Cargo.lock";

/// The folder of the templates, which has a folder for each language.
const TEMPLATES: &str = "templates";

#[expect(clippy::disallowed_methods, reason = "Cargo passes everything to a build script in environment variables")]
fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../wit", "../plugins/sdk/src", LOCK_FILE, TEMPLATES] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=JACKFIELD_BUILD_DIGESTS");

    // Every file of a folder is embedded, so that adding a file needs no change here.
    let host = env::var("CARGO_MANIFEST_DIR")?;
    let mut list = String::new();
    embed("SHARED", &SHARED.map(|(from, to)| (Path::new(&host).join(from), to)), &mut list)?;
    for language in ["rust", "js", "python"] {
        let name = format!("{}_TEMPLATE", language.to_uppercase());
        embed(&name, &[(Path::new(&host).join(TEMPLATES).join(language), "")], &mut list)?;
    }
    let out = env::var("OUT_DIR")?;
    let crates = crate_names(&fs::read_to_string(Path::new(&host).join(LOCK_FILE))?);
    let crates =
        format!("/// The crates of the workspace and their dependencies.\nconst CRATES: &[&str] = &{crates:?};\n");
    fs::write(Path::new(&out).join("crates.rs"), crates)?;
    Ok(fs::write(Path::new(&out).join("embedded_files.rs"), list)?)
}

/// Returns the names of the crates in a lock file, as they are in Rust.
fn crate_names(lock_file: &str) -> Vec<String> {
    let names = lock_file.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let names: BTreeSet<String> = names.map(|name| name.replace('-', "_")).collect();
    names.into_iter().collect()
}

/// Writes a constant that lists files by path in the project, with their texts.
fn embed(name: &str, folders: &[(PathBuf, &str)], list: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(list, "pub(super) const {name}: &[(&str, &str)] = &[")?;
    for (folder, to) in folders {
        embed_folder(folder, Path::new(to), list)?;
    }
    Ok(writeln!(list, "];")?)
}

/// Writes a line for every file of a folder, in the order of the names.
fn embed_folder(folder: &Path, to: &Path, list: &mut String) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            embed_folder(&entry.path(), &to, list)?;
        } else {
            writeln!(list, "    ({:?}, include_str!({:?})),", to.display().to_string(), entry.path().canonicalize()?)?;
        }
    }
    Ok(())
}
