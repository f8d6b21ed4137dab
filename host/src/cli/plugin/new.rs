//! `jackfield plugin new`: creates a project for a new plugin, which builds and passes its own test.
//!
//! The templates, the contract and the Rust SDK are embedded in this program, so the project needs no checkout.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jackfield_core::ProviderId;

use super::print_line;

/// The files of the SDK and the contract, and of each language's template, by path in the project.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded_files.rs"));
}

#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// Id of the plugin, such as `acme-hr`; also the name of the project's folder
    name: String,
    /// Programming language
    #[arg(long, value_enum, default_value_t = PluginLanguage::Rust)]
    lang: PluginLanguage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PluginLanguage {
    Rust,
    Js,
    Python,
}

pub(super) fn run(arguments: &NewArguments) -> anyhow::Result<()> {
    let folder = PathBuf::from(&arguments.name);
    let id = ProviderId::parse(&arguments.name)
        .map_err(|error| anyhow::anyhow!("`{}` is not a valid plugin id: {error}", arguments.name))?;
    if id.is_reserved() {
        bail!("`{id}` is reserved for a path of the REST API; choose another id");
    }
    if folder.exists() {
        bail!("{} already exists; nothing was written", folder.display());
    }
    let template = match arguments.lang {
        PluginLanguage::Rust => embedded::RUST_TEMPLATE,
        PluginLanguage::Js => embedded::JS_TEMPLATE,
        PluginLanguage::Python => embedded::PYTHON_TEMPLATE,
    };
    let names = PluginNames::from_id(id.as_str());
    for (path, text) in template {
        write(&folder.join(target_path(&names.replace_in(path))), &names.replace_in(text))?;
    }
    // Every language needs the contract. The SDK is for Rust.
    for (path, text) in embedded::SHARED {
        if path.starts_with("wit/") || arguments.lang == PluginLanguage::Rust {
            write(&folder.join(path), &text.replace("\"../../wit\"", "\"../wit\""))?;
        }
    }
    let test = match arguments.lang {
        PluginLanguage::Rust => "cargo test",
        PluginLanguage::Js => "npm install && npm test",
        PluginLanguage::Python => "cat README.md",
    };
    print_line(&format!("created {}. Next: cd {} && {test}", folder.display(), folder.display()));
    Ok(())
}

/// Returns the path of a template's file in the project.
///
/// In the checkout, Git and Cargo would act on some of the names.
fn target_path(path: &str) -> &str {
    match path {
        "gitignore" => ".gitignore",
        "sdk-Cargo.toml" => "sdk/Cargo.toml",
        other => other,
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    if let Some(folder) = path.parent() {
        create_folder(folder).with_context(shown)?;
    }
    fs::write(path, text).with_context(shown)?;
    // This program creates private files otherwise, but a build in a container can run as another user.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).with_context(shown)
}

/// Creates a folder and those above it that do not exist, for everybody to read.
fn create_folder(path: &Path) -> std::io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), create_folder)?;
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Names that the Rust template uses or that mean something else in Rust, so that its type must not have them.
const TAKEN_NAMES: [&str; 24] = [
    "Box",
    "Choice",
    "ConnectOutcome",
    "Connected",
    "Connection",
    "Err",
    "Error",
    "Field",
    "Manifest",
    "None",
    "Ok",
    "Option",
    "Page",
    "Provider",
    "Report",
    "Result",
    "Self",
    "Some",
    "String",
    "Text",
    "User",
    "Users",
    "Vec",
    "Whoami",
];

/// The spellings of the plugin's name.
///
/// Each replaces a spelling of `acme-hr` in the templates.
struct PluginNames {
    id: String,
    identifier: String,
    type_name: String,
    title: String,
}

impl PluginNames {
    fn from_id(id: &str) -> Self {
        let words: Vec<String> = id
            .split('-')
            .map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_ascii_uppercase() + rest
            })
            .collect();
        let mut type_name = words.concat();
        if TAKEN_NAMES.contains(&type_name.as_str()) {
            type_name.push_str("Plugin");
        }
        Self { id: id.to_owned(), identifier: id.replace('-', "_"), type_name, title: words.join(" ") }
    }

    fn replace_in(&self, text: &str) -> String {
        text.replace("acme-hr", &self.id)
            .replace("acme_hr", &self.identifier)
            .replace("AcmeHr", &self.type_name)
            .replace("Acme HR", &self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_name_is_replaced() {
        let names = PluginNames::from_id("bamboo-people");
        let text = "acme-hr acme_hr_provider AcmeHr \"Acme HR\" api.acme-hr.example";
        assert_eq!(
            names.replace_in(text),
            "bamboo-people bamboo_people_provider BambooPeople \"Bamboo People\" api.bamboo-people.example"
        );
    }

    #[test]
    fn the_type_of_a_new_plugin_hides_no_name_of_its_template() {
        let (_, source) = embedded::RUST_TEMPLATE.iter().find(|(path, _)| *path == "src/lib.rs").expect("its source");
        let imports = source.lines().filter(|line| line.starts_with("use jackfield_sdk"));
        let names: Vec<&str> = imports
            .flat_map(|line| line.split(|character: char| !character.is_ascii_alphanumeric()))
            .filter(|word| word.starts_with(|first: char| first.is_ascii_uppercase()))
            .collect();
        assert!(names.contains(&"Manifest"), "{names:?}");
        assert!(names.iter().all(|name| TAKEN_NAMES.contains(name)), "{names:?}");
        assert_eq!(PluginNames::from_id("error").type_name, "ErrorPlugin");
        assert_eq!(PluginNames::from_id("self").type_name, "SelfPlugin");
        assert_eq!(PluginNames::from_id("error-log").type_name, "ErrorLog");
    }

    #[test]
    fn every_language_has_a_template_and_every_project_the_contract() {
        for template in [embedded::RUST_TEMPLATE, embedded::JS_TEMPLATE, embedded::PYTHON_TEMPLATE] {
            assert!(template.iter().any(|(path, _)| *path == "README.md"));
        }
        let paths: Vec<&str> = embedded::SHARED.iter().map(|(path, _)| *path).collect();
        assert!(paths.contains(&"wit/provider.wit") && paths.contains(&"sdk/src/lib.rs"), "{paths:?}");
        let outside =
            embedded::SHARED.iter().find(|(_, text)| text.contains("\"../") && !text.contains("\"../../wit\""));
        assert!(outside.is_none(), "a file of the SDK refers to a path outside the project: {outside:?}");
    }

    #[test]
    fn the_sdk_has_the_same_dependencies_as_the_workspace() {
        /// The dependencies of a manifest, each with its version, features and whether it has the default ones.
        fn dependencies(manifest: &str, table: &[&str]) -> toml::Table {
            let manifest = toml::from_str::<toml::Table>(manifest).expect("a manifest");
            let found = table.iter().fold(&manifest, |found, key| found[*key].as_table().expect("a table"));
            let in_full = |value: &toml::Value| match value {
                toml::Value::String(version) => {
                    toml::Table::from_iter([("version".to_owned(), version.clone().into())])
                }
                value => value.as_table().expect("a dependency").clone(),
            };
            found.iter().map(|(name, value)| (name.clone(), in_full(value).into())).collect()
        }
        let workspace = dependencies(include_str!("../../../../Cargo.toml"), &["workspace", "dependencies"]);
        let mut sdk = dependencies(include_str!("../../../../plugins/sdk/Cargo.toml"), &["dependencies"]);
        for (name, dependency) in &mut sdk {
            let dependency = dependency.as_table_mut().expect("a dependency");
            assert_eq!(dependency.remove("workspace"), Some(true.into()), "{name}");
            // A member of the workspace can add features.
            let mut inherited = workspace[name].as_table().expect("a dependency").clone();
            let features = [inherited.remove("features"), dependency.remove("features")];
            let features: Vec<toml::Value> =
                features.into_iter().flatten().flat_map(|list| list.as_array().expect("a list").clone()).collect();
            dependency.extend(inherited);
            if !features.is_empty() {
                dependency.insert("features".to_owned(), features.into());
            }
        }
        let (_, manifest) =
            embedded::RUST_TEMPLATE.iter().find(|(path, _)| *path == "sdk-Cargo.toml").expect("a manifest of the SDK");
        assert_eq!(dependencies(manifest, &["dependencies"]), sdk);
    }
}
