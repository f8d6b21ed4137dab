//! Embeds the migrations: version, description, recorded checksum and SQL of each.
//!
//! The recorded checksums are in `migrations/checksums.txt`, because comments of a released migration may change but its
//! checksum must not. The build fails if a migration is not in the list, or if its statements have changed.

use std::{collections::BTreeMap, env, error::Error, fmt::Write as _, fs, path::Path};

use sha2::{Digest, Sha256, Sha384};

/// The folders, named like the databases.
const DATABASES: [&str; 2] = ["sqlite", "postgres"];

/// The folder with the list of checksums and one folder for each database.
const MIGRATIONS: &str = "../../../migrations";

/// The checksums of one migration, in hexadecimal digits.
struct Checksums<'a> {
    /// The SHA-384 that databases have stored for it.
    recorded: &'a str,
    /// The SHA-256 of its statements.
    statements: &'a str,
}

#[expect(clippy::disallowed_methods, reason = "Cargo passes everything to a build script in its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    let package = env::var("CARGO_MANIFEST_DIR")?;
    embed(&Path::new(&package).join(MIGRATIONS), Path::new(&env::var("OUT_DIR")?))
}

/// Writes `migrations.rs` with a list for each database: version, description, recorded checksum, SQL.
fn embed(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let list = fs::read_to_string(folder.join("checksums.txt"))?;
    let checksums = parse_checksums(&list)?;
    let mut code = String::new();
    for database in DATABASES {
        writeln!(code, "const {}: &[(i64, &str, [u8; 48], &str)] = &[", database.to_uppercase())?;
        let mut files = fs::read_dir(folder.join(database))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        files.sort();
        for file in files {
            let (version, description) =
                parse_name(&file).ok_or_else(|| format!("{}: the name is not NNNN_name.sql", file.display()))?;
            let checksum = recorded_checksum(&file, folder, &checksums)?;
            writeln!(
                code,
                "    ({version}, {description:?}, {checksum:?}, include_str!({:?})),",
                file.canonicalize()?
            )?;
        }
        writeln!(code, "];")?;
    }
    Ok(fs::write(out.join("migrations.rs"), code)?)
}

/// Parses the list of checksums by the path of each migration.
fn parse_checksums(list: &str) -> Result<BTreeMap<&str, Checksums<'_>>, Box<dyn Error>> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [path, recorded, statements] => Ok((path, Checksums { recorded, statements })),
            _ => Err(format!("checksums.txt: not a path and two checksums: {line}").into()),
        })
        .collect()
}

/// Returns the recorded checksum of a migration after comparing its statements with the list.
fn recorded_checksum(
    file: &Path,
    folder: &Path,
    checksums: &BTreeMap<&str, Checksums<'_>>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let path = file.strip_prefix(folder)?.to_str().ok_or("the path is not UTF-8")?;
    let sql = fs::read_to_string(file)?;
    let statements = hex::encode(Sha256::digest(without_comments(&sql)));
    let Some(checksums) = checksums.get(path) else {
        let recorded = hex::encode(Sha384::digest(&sql));
        return Err(format!(
            "{path} is new: add this line to migrations/checksums.txt: {path} {recorded} {statements}"
        )
        .into());
    };
    if statements != checksums.statements {
        return Err(format!("the statements of {path} have changed: undo that, and write a new migration").into());
    }
    let recorded = hex::decode(checksums.recorded).ok().filter(|checksum| checksum.len() == 48);
    recorded.ok_or_else(|| format!("checksums.txt: not a SHA-384 checksum of {path}").into())
}

/// Removes the comment lines and the blank lines. No statement contains a line that starts like a comment.
fn without_comments(sql: &str) -> String {
    let is_statement = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("--");
    sql.lines().filter(is_statement).flat_map(|line| [line, "\n"]).collect()
}

/// Parses the version and the description of `0002_some_words.sql`.
fn parse_name(file: &Path) -> Option<(i64, String)> {
    let name = file.file_name()?.to_str()?.strip_suffix(".sql")?;
    let (version, words) = name.split_once('_')?;
    Some((version.parse().ok()?, words.replace('_', " ")))
}
