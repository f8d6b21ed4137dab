//! Embeds the console: it bundles and compresses the files, and gives them a common path that contains their hash.

#[path = "build/bundle.rs"]
mod bundle;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use self::bundle::{BASE, VENDOR};

/// The folder with the console's files.
const FOLDER: &str = "web";

/// The page that every path of the console returns.
const PAGE: &str = "index.html";

/// Files in the folder that are not served.
const NOT_SERVED: [&str; 2] = ["README.md", "manifest.json"];

/// The number of digits of a shortened hash: 64 bits, which no two versions of a file share by chance.
const DIGITS: usize = 16;

#[expect(clippy::disallowed_methods, reason = "Cargo passes the settings of a build script in its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build");
    let package = env::var("CARGO_MANIFEST_DIR")?;
    embed(&Path::new(&package).join(FOLDER), Path::new(&env::var("OUT_DIR")?))
}

/// Writes `console.rs` with a table of the files, and next to it the files that it embeds.
fn embed(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = BTreeMap::new();
    read_files(folder, "", &mut files)?;
    let page = files.remove(PAGE).ok_or_else(|| format!("{} has no {PAGE}", folder.display()))?;
    let page = String::from_utf8(page)?;
    bundle::bundle(&page, &mut files)?;
    let mut all = Sha256::new();
    for (name, bytes) in
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).chain([(PAGE, page.as_bytes())])
    {
        for part in [name.as_bytes(), bytes] {
            all.update((part.len() as u64).to_be_bytes());
            all.update(part);
        }
    }
    let hash = to_digits(all);
    let page = page.replace(BASE, &format!("/console/{hash}"));
    let mut output = OutputFolder { path: out.join("console"), used: BTreeSet::new() };
    fs::create_dir_all(&output.path)?;
    let mut table = format!(
        "/// The hash of all files, which changes with each change of a file.\npub const HASH: &str = {hash:?};\n"
    );
    writeln!(
        table,
        "/// The page that every path of the console returns.\npub static PAGE: ConsoleFile = {};",
        output.write_entry(PAGE, page.as_bytes())?
    )?;
    writeln!(table, "/// All other files.\npub static FILES: &[ConsoleFile] = &[")?;
    for (name, bytes) in &files {
        writeln!(table, "    {},", output.write_entry(name, bytes)?)?;
    }
    writeln!(table, "];")?;
    output.remove_unused()?;
    fs::write(out.join("console.rs"), table)?;
    Ok(())
}

/// Reads the files of the folder and of its vendor folder.
fn read_files(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?;
        if name.starts_with('.') || NOT_SERVED.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if !prefix.is_empty() || name != VENDOR {
                return Err(format!("{}: no route serves this folder", entry.path().display()).into());
            }
            read_files(&entry.path(), "vendor/", files)?;
        } else {
            files.insert(format!("{prefix}{name}"), fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The embedded files, named by the hash of their content, so that an unchanged file is not compressed again.
struct OutputFolder {
    path: PathBuf,
    used: BTreeSet<PathBuf>,
}

impl OutputFolder {
    /// Writes a file in each encoding, and returns its entry in the table.
    fn write_entry(&mut self, name: &str, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
        let bytes = &*strip_comments(name, bytes);
        let tag = to_digits(Sha256::new_with_prefix(bytes));
        let plain = self.write(&tag, || Ok(bytes.to_vec()))?;
        let brotli = self.write_if_smaller(bytes, &format!("{tag}.br"), || compress_brotli(bytes))?;
        let gzip = self.write_if_smaller(bytes, &format!("{tag}.gz"), || compress_gzip(bytes))?;
        Ok(format!(
            "ConsoleFile {{ name: {name:?}, media_type: {:?}, tag: {tag:?}, plain: include_bytes!({plain:?}), brotli: {brotli}, \
             gzip: {gzip} }}",
            media_type_of(name)?
        ))
    }

    /// Writes an encoding of a file, and returns the expression that embeds it: `None` if it is not smaller.
    fn write_if_smaller(
        &mut self,
        plain: &[u8],
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
    ) -> Result<String, Box<dyn Error>> {
        let path = self.write(name, make)?;
        let is_smaller = fs::metadata(&path)?.len() < plain.len() as u64;
        Ok(if is_smaller { format!("Some(include_bytes!({path:?}).as_slice())") } else { "None".to_owned() })
    }

    /// Writes a file unless it exists, and returns its path.
    fn write(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.path.join(name);
        if !path.exists() {
            // Written under another name first, so that an interrupted build leaves no incomplete file.
            let partial = self.path.join(format!("{name}.new"));
            fs::write(&partial, make()?)?;
            fs::rename(partial, &path)?;
        }
        self.used.insert(path.clone());
        Ok(path)
    }

    /// Removes the files of earlier builds.
    fn remove_unused(&self) -> Result<(), Box<dyn Error>> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if !self.used.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Removes comment lines and indentation from our own scripts and styles.
///
/// This assumes that no template or string of ours contains a line that starts like a comment or needs its indentation.
fn strip_comments<'a>(name: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let is_ours = !name.starts_with(VENDOR) && (name.ends_with(".js") || name.ends_with(".css"));
    let Some(text) = is_ours.then(|| str::from_utf8(bytes).ok()).flatten() else { return Cow::Borrowed(bytes) };
    let mut stripped = String::with_capacity(text.len());
    let mut is_in_comment = false;
    for line in text.lines() {
        let comment = match line.trim_start() {
            _ if is_in_comment => Some(line),
            text if name.ends_with(".js") && text.starts_with("//") => continue,
            text => text.strip_prefix("/*"),
        };
        let rest = match comment.map(|comment| comment.split_once("*/")) {
            None => line,
            Some(Some((_, rest))) => {
                is_in_comment = false;
                rest
            }
            Some(None) => {
                is_in_comment = true;
                continue;
            }
        };
        if !rest.trim().is_empty() {
            stripped.push_str(rest.trim_start());
            stripped.push('\n');
        }
    }
    Cow::Owned(stripped.into_bytes())
}

fn compress_brotli(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn compress_gzip(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Returns the media type of a file, by its extension.
fn media_type_of(name: &str) -> Result<&'static str, String> {
    let file = name.rsplit('/').next().unwrap_or(name);
    Ok(match file.rsplit_once('.').map_or("LICENSE", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "LICENSE" => "text/plain; charset=utf-8",
        _ => return Err(format!("{name}: unknown file extension; add its media type to host/crates/console/build.rs")),
    })
}

/// Returns the first digits of a hash.
fn to_digits(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..DIGITS / 2])
}
