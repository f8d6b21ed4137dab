//! Embeds the console: compresses its files once, and puts all of them under one path with their hash.

#[path = "build/gather.rs"]
mod gather;

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

use self::gather::{BASE, VENDOR};

/// The folder with the console's files.
const FOLDER: &str = "web";

/// The one page.
const PAGE: &str = "index.html";

/// What describes the files and is not one of them.
const NOT_SERVED: [&str; 2] = ["README.md", "manifest.json"];

/// Digits of a hash that are told: 64 bits, which no two versions of a file share by chance.
const DIGITS: usize = 16;

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script everything by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build");
    let package = env::var("CARGO_MANIFEST_DIR")?;
    embed(&Path::new(&package).join(FOLDER), Path::new(&env::var("OUT_DIR")?))
}

/// Writes `console.rs` with a table of the files, and the files that it embeds next to it.
fn embed(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = BTreeMap::new();
    read(folder, "", &mut files)?;
    let page = files.remove(PAGE).ok_or_else(|| format!("{} has no {PAGE}", folder.display()))?;
    let page = String::from_utf8(page)?;
    gather::gather(&page, &mut files)?;
    let mut all = Sha256::new();
    for (name, bytes) in
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).chain([(PAGE, page.as_bytes())])
    {
        for part in [name.as_bytes(), bytes] {
            all.update((part.len() as u64).to_be_bytes());
            all.update(part);
        }
    }
    let hash = digits(all);
    let page = page.replace(BASE, &format!("/console/{hash}"));
    let mut kept = Kept { folder: out.join("console"), used: BTreeSet::new() };
    fs::create_dir_all(&kept.folder)?;
    let mut table = format!("/// Changes with every change of a file.\npub const HASH: &str = {hash:?};\n");
    writeln!(
        table,
        "/// The page that every path of the console answers.\npub static PAGE: File = {};",
        kept.entry(PAGE, page.as_bytes())?
    )?;
    writeln!(table, "/// Every other file.\npub static FILES: &[File] = &[")?;
    for (name, bytes) in &files {
        writeln!(table, "    {},", kept.entry(name, bytes)?)?;
    }
    writeln!(table, "];")?;
    kept.forget_the_rest()?;
    fs::write(out.join("console.rs"), table)?;
    Ok(())
}

/// Reads the files of the folder and of the one inside it.
fn read(folder: &Path, within: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{} is no name", name.display()))?;
        if name.starts_with('.') || NOT_SERVED.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if !within.is_empty() || name != VENDOR {
                return Err(format!("{}: no route serves this folder", entry.path().display()).into());
            }
            read(&entry.path(), "vendor/", files)?;
        } else {
            files.insert(format!("{within}{name}"), fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// What is embedded, by the hash of its content: what did not change is not compressed again.
struct Kept {
    folder: PathBuf,
    used: BTreeSet<PathBuf>,
}

impl Kept {
    /// The entry of a file in the table.
    fn entry(&mut self, name: &str, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
        let bytes = &*shortened(name, bytes);
        let tag = digits(Sha256::new_with_prefix(bytes));
        let plain = self.keep(&tag, || Ok(bytes.to_vec()))?;
        let brotli = self.smaller(bytes, &format!("{tag}.br"), || brotli(bytes))?;
        let gzip = self.smaller(bytes, &format!("{tag}.gz"), || gzip(bytes))?;
        Ok(format!(
            "File {{ name: {name:?}, media_type: {:?}, tag: {tag:?}, plain: include_bytes!({plain:?}), brotli: {brotli}, \
             gzip: {gzip} }}",
            media_type(name)?
        ))
    }

    fn smaller(
        &mut self,
        plain: &[u8],
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
    ) -> Result<String, Box<dyn Error>> {
        let path = self.keep(name, make)?;
        let is_smaller = fs::metadata(&path)?.len() < plain.len() as u64;
        Ok(if is_smaller { format!("Some(include_bytes!({path:?}).as_slice())") } else { "None".to_owned() })
    }

    fn keep(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.folder.join(name);
        if !path.exists() {
            // Under another name first: a build that is ended in the middle leaves no half file behind.
            let begun = self.folder.join(format!("{name}.new"));
            fs::write(&begun, make()?)?;
            fs::rename(begun, &path)?;
        }
        self.used.insert(path.clone());
        Ok(path)
    }

    fn forget_the_rest(&self) -> Result<(), Box<dyn Error>> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !self.used.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// A script or style of ours without the lines that are comments alone and without indentation: whoever reads it reads the
/// source. No text of ours has a line that begins like a comment, or blanks at its beginning that matter.
fn shortened<'a>(name: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let is_ours = !name.starts_with(VENDOR) && (name.ends_with(".js") || name.ends_with(".css"));
    let Some(text) = is_ours.then(|| str::from_utf8(bytes).ok()).flatten() else { return Cow::Borrowed(bytes) };
    let mut kept = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.lines() {
        let comment = match line.trim_start() {
            _ if is_inside => Some(line),
            text if name.ends_with(".js") && text.starts_with("//") => continue,
            text => text.strip_prefix("/*"),
        };
        let rest = match comment.map(|comment| comment.split_once("*/")) {
            None => line,
            Some(Some((_, rest))) => {
                is_inside = false;
                rest
            }
            Some(None) => {
                is_inside = true;
                continue;
            }
        };
        if !rest.trim().is_empty() {
            kept.push_str(rest.trim_start());
            kept.push('\n');
        }
    }
    Cow::Owned(kept.into_bytes())
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The type of a file by its ending.
fn media_type(name: &str) -> Result<&'static str, String> {
    let file = name.rsplit('/').next().unwrap_or(name);
    Ok(match file.rsplit_once('.').map_or("LICENSE", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "LICENSE" => "text/plain; charset=utf-8",
        _ => return Err(format!("{name}: this ending has no type yet; give it one in host/crates/console/build.rs")),
    })
}

fn digits(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..DIGITS / 2])
}
