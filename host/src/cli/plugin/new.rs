//! `jackfield plugin new`: writes the folder of a new provider, which builds and passes its own test at once.
//!
//! The contract and the Rust kit are embedded in this program, so that the folder needs nothing else of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jackfield_core::ProviderId;

use super::say;

/// The files of the kit and of each language's template, by their paths in the folder.
mod kit {
    include!(concat!(env!("OUT_DIR"), "/kit.rs"));

    pub(super) const SHARED: &[(&str, &str)] = KIT;
    pub(super) const OF_RUST: &[(&str, &str)] = RUST;
    pub(super) const OF_JS: &[(&str, &str)] = JS;
    pub(super) const OF_PYTHON: &[(&str, &str)] = PYTHON;
}

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The provider's id, such as `acme-hr`; also the name of the folder
    name: String,
    /// The language it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Js,
    Python,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = PathBuf::from(&arguments.name);
    let id = ProviderId::parse(&arguments.name)
        .map_err(|error| anyhow::anyhow!("`{}` cannot be the name: {error}", arguments.name))?;
    if folder.exists() {
        bail!("{} is there already; nothing was written", folder.display());
    }
    let template = match arguments.lang {
        Language::Rust => kit::OF_RUST,
        Language::Js => kit::OF_JS,
        Language::Python => kit::OF_PYTHON,
    };
    let names = Names::of(id.as_str());
    for (path, text) in template {
        write(&folder.join(place(&names.put_in(path))), &names.put_in(text))?;
    }
    // The kit for Rust stands in the folder as a crate; every language needs the contract.
    for (path, text) in kit::SHARED {
        if path.starts_with("wit/") || arguments.lang == Language::Rust {
            write(&folder.join(path), &text.replace("\"../../wit\"", "\"../wit\""))?;
        }
    }
    say(&format!("{} is there; its README.md says how it is built and tried", folder.display()));
    Ok(())
}

/// Where a file of a template goes: names that the checkout itself would obey are written otherwise there.
fn place(path: &str) -> &str {
    match path {
        "gitignore" => ".gitignore",
        "sdk-Cargo.toml" => "sdk/Cargo.toml",
        other => other,
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(shown)?;
    }
    fs::write(path, text).with_context(shown)
}

/// What stands in the place of the templates' own provider, `acme-hr`.
struct Names {
    id: String,
    identifier: String,
    kind: String,
    title: String,
}

impl Names {
    fn of(id: &str) -> Self {
        let words: Vec<String> = id
            .split('-')
            .map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_ascii_uppercase() + rest
            })
            .collect();
        Self { id: id.to_owned(), identifier: id.replace('-', "_"), kind: words.concat(), title: words.join(" ") }
    }

    fn put_in(&self, text: &str) -> String {
        text.replace("acme-hr", &self.id)
            .replace("acme_hr", &self.identifier)
            .replace("AcmeHr", &self.kind)
            .replace("Acme HR", &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_each_spelling() {
        let names = Names::of("bamboo-people");
        let text = "acme-hr acme_hr_provider AcmeHr \"Acme HR\" api.acme-hr.example";
        assert_eq!(
            names.put_in(text),
            "bamboo-people bamboo_people_provider BambooPeople \"Bamboo People\" api.bamboo-people.example"
        );
    }

    #[test]
    fn every_language_has_a_template_and_every_folder_the_contract() {
        for template in [kit::OF_RUST, kit::OF_JS, kit::OF_PYTHON] {
            assert!(template.iter().any(|(path, _)| *path == "README.md"));
        }
        let paths: Vec<&str> = kit::SHARED.iter().map(|(path, _)| *path).collect();
        assert!(paths.contains(&"wit/provider.wit") && paths.contains(&"sdk/src/lib.rs"), "{paths:?}");
        let outside = kit::SHARED.iter().find(|(_, text)| text.contains("\"../") && !text.contains("\"../../wit\""));
        assert!(outside.is_none(), "a file of the kit leads out of its folder: {outside:?}");
    }

    #[test]
    fn the_kits_versions_are_those_of_the_workspace() {
        let table = include_str!("../../../../Cargo.toml");
        let (_, kit) = kit::OF_RUST.iter().find(|(path, _)| *path == "sdk-Cargo.toml").expect("a manifest of the kit");
        let (_, dependencies) = kit.split_once("[dependencies]\n").expect("dependencies");
        for line in dependencies.lines().take_while(|line| !line.is_empty()) {
            assert!(table.contains(&format!("\n{line}\n")), "`{line}` stands otherwise in the workspace");
        }
    }
}
