//! `cargo xtask vendor`: downloads the console's libraries from npm in the versions that their manifest pins.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    atomic_write::write_if_changed,
    checkout::{CONSOLE_WEB, Checkout},
    components::to_hex,
    process, tools,
};

/// Writes the files that `vendor/manifest.json` of the console lists.
///
/// To upgrade a library, change its version in the manifest, and remove its `integrity` and its digests: this command
/// fills them in.
pub(crate) fn vendor(checkout: &Checkout) -> Result<()> {
    tools::ensure_node()?;
    let folder = checkout.root.join(CONSOLE_WEB).join("vendor");
    let file = folder.join("manifest.json");
    let before: Value = serde_json::from_str(&read(&file)?)?;
    let mut manifest = before.clone();
    let packages = manifest["packages"].as_array_mut().context("the manifest has no \"packages\"")?;

    let work = checkout.target.join("vendor");
    let lock = install(&work, packages)?;
    for package in packages {
        let name = text(package, "name")?.to_owned();
        package["integrity"] = lock["packages"][format!("node_modules/{name}")]["integrity"].clone();
        for entry in package["files"].as_array_mut().into_iter().flatten() {
            let source = work.join("node_modules").join(&name).join(text(entry, "from")?);
            let content = adapt(&read(&source)?, &entry["replace"])
                .with_context(|| format!("cannot adapt {}", source.display()))?;
            write_if_changed(&folder.join(text(entry, "to")?), content.as_bytes())?;
            entry["sha256"] = json!(to_hex(&Sha256::digest(content.as_bytes())));
        }
    }
    if manifest != before {
        write_if_changed(&file, format!("{manifest:#}\n").as_bytes())?;
        let folder = checkout.display(&folder);
        println!("the manifest has changed: update the versions and licenses in {folder}/README.md too");
    }
    println!("{} is up to date with its manifest", checkout.display(&folder));
    Ok(())
}

/// Runs npm to install the packages and to verify the integrity of those that have one. Returns npm's lock file.
fn install(work: &Path, packages: &[Value]) -> Result<Value> {
    let (mut dependencies, mut locked, mut is_locked) = (Map::new(), Map::new(), true);
    for package in packages {
        let (name, version) = (text(package, "name")?, text(package, "version")?);
        dependencies.insert(name.to_owned(), json!(version));
        is_locked &= package["integrity"].is_string();
        locked.insert(format!("node_modules/{name}"), json!({ "version": version, "integrity": package["integrity"] }));
    }
    locked.insert(String::new(), json!({ "dependencies": dependencies }));
    fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
    let lock = work.join("package-lock.json");
    fs::write(work.join("package.json"), json!({ "private": true, "dependencies": dependencies }).to_string())?;
    let npm = |command: &[&str]| {
        let mut npm = Command::new("npm");
        npm.args(command).args(["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(work);
        process::run(&mut npm)
    };
    if is_locked {
        fs::write(&lock, json!({ "lockfileVersion": 3, "packages": locked }).to_string())?;
    } else {
        if lock.exists() {
            fs::remove_file(&lock)?;
        }
        npm(&["install", "--package-lock-only"])?;
    }
    npm(&["ci"])?;
    Ok(serde_json::from_str(&read(&lock)?)?)
}

/// Removes the reference to a source map, which is not vendored, and applies the replacement of the manifest.
fn adapt(text: &str, replace: &Value) -> Result<String> {
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("//# sourceMappingURL="));
    let text: String = lines.collect();
    let (Some(from), Some(to)) = (replace[0].as_str(), replace[1].as_str()) else { return Ok(text) };
    let count = text.matches(from).count();
    ensure!(count == 1, "`{from}` occurs {count} times instead of once: adapt \"replace\" in the manifest");
    Ok(text.replace(from, to))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("the manifest has no \"{name}\" in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_map_is_removed_and_a_name_is_replaced_once() {
        let text = "import{options as n}from\"preact\";var t;\n//# sourceMappingURL=hooks.module.js.map\n";
        let replace = json!(["from\"preact\"", "from\"./preact.module.js\""]);
        assert_eq!(adapt(text, &replace).unwrap(), "import{options as n}from\"./preact.module.js\";var t;\n");
        assert_eq!(adapt("var t;", &Value::Null).unwrap(), "var t;");
        assert!(adapt("var t;", &replace).is_err());
    }
}
