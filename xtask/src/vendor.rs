//! `cargo xtask vendor`: gets the console's libraries from npm in the versions of their manifest, and notes what they are.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    children,
    components::{hex, write_if_changed},
    tools,
    workspace::Workspace,
};

/// Writes the files of `host/src/console/vendor/manifest.json` anew.
///
/// Another version is one number changed there, and its `integrity` and the digests taken away: both are filled in.
pub(crate) fn vendor(workspace: &Workspace) -> Result<()> {
    tools::node()?;
    let folder = workspace.root.join("host/src/console/vendor");
    let file = folder.join("manifest.json");
    let before: Value = serde_json::from_slice(&fs::read(&file).with_context(|| file.display().to_string())?)?;
    let mut manifest = before.clone();
    let packages = manifest["packages"].as_array_mut().context("the manifest names no packages")?;

    let work = workspace.target.join("vendor");
    let lock = install(&work, packages)?;
    for package in packages {
        let name = text(package, "name")?.to_owned();
        package["integrity"] = lock["packages"][format!("node_modules/{name}")]["integrity"].clone();
        for entry in package["files"].as_array_mut().into_iter().flatten() {
            let source = work.join("node_modules").join(&name).join(text(entry, "from")?);
            let adapted = adapted(&read(&source)?, &entry["replace"]).with_context(|| source.display().to_string())?;
            write_if_changed(&folder.join(text(entry, "to")?), adapted.as_bytes())?;
            entry["sha256"] = json!(hex(&Sha256::digest(adapted.as_bytes())));
        }
    }
    if manifest != before {
        write_if_changed(&file, format!("{manifest:#}\n").as_bytes())?;
        println!("the manifest has changed: {}/README.md names versions and licences too", workspace.shown(&folder));
    }
    println!("{} holds what its manifest names", workspace.shown(&folder));
    Ok(())
}

/// Has npm install the packages, which it holds against their integrity where that is known; gives its lock.
fn install(work: &Path, packages: &[Value]) -> Result<Value> {
    let (mut wanted, mut locked, mut is_locked) = (Map::new(), Map::new(), true);
    for package in packages {
        let (name, version) = (text(package, "name")?, text(package, "version")?);
        wanted.insert(name.to_owned(), json!(version));
        is_locked &= package["integrity"].is_string();
        locked.insert(format!("node_modules/{name}"), json!({ "version": version, "integrity": package["integrity"] }));
    }
    locked.insert(String::new(), json!({ "dependencies": wanted }));
    fs::create_dir_all(work).with_context(|| work.display().to_string())?;
    let lock = work.join("package-lock.json");
    fs::write(work.join("package.json"), json!({ "private": true, "dependencies": wanted }).to_string())?;
    let npm = |command: &[&str]| {
        let mut npm = Command::new("npm");
        npm.args(command).args(["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(work);
        children::run(&mut npm)
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

/// A file as a browser takes it: without the line of a source map that is not here, and with its one replacement.
fn adapted(text: &str, replace: &Value) -> Result<String> {
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("//# sourceMappingURL="));
    let text: String = lines.collect();
    let (Some(from), Some(to)) = (replace[0].as_str(), replace[1].as_str()) else { return Ok(text) };
    ensure!(text.matches(from).count() == 1, "`{from}` does not stand there once");
    Ok(text.replace(from, to))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("the manifest leaves out \"{name}\" of {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_map_is_left_out_and_a_name_replaced_once() {
        let text = "import{options as n}from\"preact\";var t;\n//# sourceMappingURL=hooks.module.js.map\n";
        let replace = json!(["from\"preact\"", "from\"./preact.module.js\""]);
        assert_eq!(adapted(text, &replace).unwrap(), "import{options as n}from\"./preact.module.js\";var t;\n");
        assert_eq!(adapted("var t;", &Value::Null).unwrap(), "var t;");
        assert!(adapted("var t;", &replace).is_err());
    }
}
