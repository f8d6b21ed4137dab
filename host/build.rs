//! Embeds the migrations, the console and what `plugin new` writes out, and rebuilds the host when one of them changes.

#[path = "build/console.rs"]
mod console;
#[path = "build/migrations.rs"]
mod migrations;

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

/// What is embedded: a folder beside the host, and where its files go in an author's folder.
const KIT: [(&str, &str); 2] = [("../plugins/sdk/src", "sdk/src"), ("../wit", "wit")];

/// The templates, one folder for each language.
const TEMPLATES: &str = "templates";

/// The console's files.
const CONSOLE: &str = "src/console";

/// The migrations.
const MIGRATIONS: &str = "../migrations";

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script everything by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    for path in [MIGRATIONS, "../wit", "../plugins/sdk/src", TEMPLATES, CONSOLE] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=JACKFIELD_BUILD_DIGESTS");

    // The macros that embed single files do not notice one that is added, so the lists are made here.
    let host = env::var("CARGO_MANIFEST_DIR")?;
    let mut list = String::new();
    let mut tables = vec![("KIT".to_owned(), KIT.to_vec())];
    for language in ["rust", "js", "python"] {
        tables.push((language.to_uppercase(), vec![(language, "")]));
    }
    for (name, folders) in tables {
        writeln!(list, "const {name}: &[(&str, &str)] = &[")?;
        for (folder, to) in folders {
            let from = Path::new(&host).join(if name == "KIT" { "" } else { TEMPLATES }).join(folder);
            embed(&from, Path::new(to), &mut list)?;
        }
        writeln!(list, "];")?;
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("kit.rs"), list)?;
    migrations::embed(&Path::new(&host).join(MIGRATIONS), Path::new(&out))?;
    console::embed(&Path::new(&host).join(CONSOLE), Path::new(&out))
}

/// Adds every file of a folder, in the order of their names.
fn embed(folder: &Path, to: &Path, list: &mut String) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            embed(&entry.path(), &to, list)?;
        } else {
            writeln!(list, "    ({:?}, include_str!({:?})),", to.display().to_string(), entry.path().canonicalize()?)?;
        }
    }
    Ok(())
}
