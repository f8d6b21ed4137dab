//! Embeds the migrations, each with its number and its name.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

/// The folders, which are called as the databases are.
const DATABASES: [&str; 2] = ["sqlite", "postgres"];

/// The folder with one folder for each database.
const MIGRATIONS: &str = "../../../migrations";

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script everything by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    let package = env::var("CARGO_MANIFEST_DIR")?;
    embed(&Path::new(&package).join(MIGRATIONS), Path::new(&env::var("OUT_DIR")?))
}

/// Writes `migrations.rs` with a list for each database: version, description, SQL.
fn embed(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut list = String::new();
    for database in DATABASES {
        writeln!(list, "const {}: &[(i64, &str, &str)] = &[", database.to_uppercase())?;
        let mut files = fs::read_dir(folder.join(database))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        files.sort();
        for file in files {
            let (version, description) =
                named(&file).ok_or_else(|| format!("{}: not NNNN_name.sql", file.display()))?;
            writeln!(list, "    ({version}, {description:?}, include_str!({:?})),", file.canonicalize()?)?;
        }
        writeln!(list, "];")?;
    }
    Ok(fs::write(out.join("migrations.rs"), list)?)
}

/// The version and the description of `0002_some_words.sql`.
fn named(file: &Path) -> Option<(i64, String)> {
    let name = file.file_name()?.to_str()?.strip_suffix(".sql")?;
    let (version, words) = name.split_once('_')?;
    Some((version.parse().ok()?, words.replace('_', " ")))
}
