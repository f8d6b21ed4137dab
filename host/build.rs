//! Embeds what `plugin new` writes out: the templates, the SDK and the WIT packages.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

/// What is embedded: a folder beside the host, and where its files go in an author's folder.
const KIT: [(&str, &str); 2] = [("../plugins/sdk/src", "sdk/src"), ("../wit", "wit")];

/// The templates, one folder for each language.
const TEMPLATES: &str = "templates";

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script everything by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../wit", "../plugins/sdk/src", TEMPLATES] {
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
    Ok(fs::write(Path::new(&out).join("kit.rs"), list)?)
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
