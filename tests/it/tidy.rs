//! The rules of `docs/architecture.md` that neither Cargo nor clippy checks, read from the sources and the manifests.

mod vendored;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use wit_parser::{Type, TypeDefKind, UnresolvedPackageGroup};

/// Each crate of the host, and the crates of the host that it may depend on.
const CRATES: [(&str, &[&str]); 11] = [
    ("jackfield", &["api", "core", "egress", "files", "sandbox", "service", "signing", "store", "vault"]),
    ("jackfield-api", &["console", "core", "egress", "sandbox", "service", "signing", "store"]),
    ("jackfield-service", &["core", "egress", "files", "sandbox", "signing", "store"]),
    ("jackfield-sandbox", &["core", "egress", "files", "signing"]),
    ("jackfield-signing", &["core", "egress"]),
    ("jackfield-egress", &["core"]),
    ("jackfield-store", &["core", "files", "vault"]),
    ("jackfield-vault", &["core", "files"]),
    ("jackfield-console", &[]),
    ("jackfield-core", &[]),
    ("jackfield-files", &[]),
];

/// The large dependencies, each with the one crate of the host that may depend on it.
const LARGE: [(&str, &str); 16] = [
    ("axum", "jackfield-api"),
    ("jsonwebtoken", "jackfield-api"),
    ("openidconnect", "jackfield-api"),
    ("sqlx", "jackfield-store"),
    ("wasmtime", "jackfield-sandbox"),
    ("wasmtime-wasi", "jackfield-sandbox"),
    ("wasmtime-wasi-http", "jackfield-sandbox"),
    ("reqwest", "jackfield-egress"),
    ("aes-gcm", "jackfield-vault"),
    ("oauth2", "jackfield-service"),
    ("minisign", "jackfield-signing"),
    ("minisign-verify", "jackfield-signing"),
    ("opentelemetry", "jackfield"),
    ("opentelemetry-otlp", "jackfield"),
    ("opentelemetry_sdk", "jackfield"),
    ("tracing-opentelemetry", "jackfield"),
];

/// Words that name a provider.
const PROVIDERS: [&str; 6] = ["slack", "xero", "productive", "google", "remote.com", "scrapin"];

/// The files in which such a word is allowed, with the word.
const PROVIDER_EXCEPTIONS: [(&str, &str); 4] = [
    // The id columns of `user-mappings`, which older clients know by these names, in one table.
    ("host/crates/api/src/routes/mappings.rs", "xero"),
    ("host/crates/api/src/routes/mappings.rs", "productive"),
    ("host/crates/api/src/routes/mappings.rs", "google"),
    // The header by which a cloud's metadata server recognises its callers; egress rejects it.
    ("host/crates/egress/src/headers.rs", "google"),
];

const MAX_LINES: usize = 500;

/// The documents that list tests, each in a list item or a table row of its own.
const TEST_LISTS: [&str; 2] = ["docs/architecture.md", "docs/security.md"];

#[test]
fn no_crate_depends_on_one_above_it() {
    let found: BTreeMap<String, BTreeSet<String>> = host_manifests()
        .into_iter()
        .map(|manifest| {
            let below = manifest.dependencies.iter().filter(|name| name.starts_with("jackfield"));
            (manifest.name, below.cloned().collect())
        })
        .collect();
    let allowed: BTreeMap<String, BTreeSet<String>> = CRATES
        .iter()
        .map(|(name, below)| ((*name).to_owned(), below.iter().map(|name| format!("jackfield-{name}")).collect()))
        .collect();
    assert_eq!(found, allowed, "the crates of the host depend on each other as CRATES says");
}

#[test]
fn each_large_dependency_is_used_by_one_crate() {
    for (dependency, owner) in LARGE {
        let users: Vec<String> = host_manifests()
            .into_iter()
            .filter(|manifest| manifest.dependencies.contains(dependency))
            .map(|manifest| manifest.name)
            .collect();
        assert_eq!(users, [owner], "`{dependency}` is a dependency of exactly one crate");
    }
}

#[test]
fn the_host_names_no_provider() {
    let mut broken = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("host/")) {
        let text = file.text.to_lowercase();
        for provider in PROVIDERS.into_iter().filter(|name| !PROVIDER_EXCEPTIONS.contains(&(&file.path, name))) {
            broken.extend(lines_with_word(&text, provider).map(|line| format!("{}:{line}: {provider}", file.path)));
        }
    }
    assert_none("the host knows no provider by name", &broken);
}

#[test]
fn every_file_opens_with_a_doc_comment() {
    let says =
        |file: &SourceFile| file.text.lines().take(3).any(|line| line.starts_with("//!") || line.starts_with("#!["));
    assert_none("each file opens with one `//!` sentence", &paths(|file| !says(file)));
}

#[test]
fn no_file_is_too_long_to_read() {
    assert_none("no file is longer than 500 lines", &paths(|file| file.text.lines().count() > MAX_LINES));
}

#[test]
fn no_test_is_ignored_or_expected_to_panic() {
    let mut broken = Vec::new();
    for file in sources() {
        for (index, line) in file.text.lines().map(str::trim_start).enumerate() {
            if line.starts_with("#[ignore") || line.starts_with("#[should_panic") {
                broken.push(format!("{}:{}: {line}", file.path, index + 1));
            }
        }
    }
    assert_none("every test runs, and asserts what it expects", &broken);
}

#[test]
fn every_test_in_the_documents_exists() {
    let sources = sources();
    let mut missing = Vec::new();
    for page in TEST_LISTS {
        let text = fs::read_to_string(root().join(page)).expect("the page");
        let names: Vec<&str> = text.lines().filter_map(listed_test).collect();
        assert!(names.len() > 20, "{page} lists {} tests", names.len());
        for name in names {
            let (place, path) = match name.strip_prefix("host: ") {
                Some(path) => ("host/".to_owned(), path),
                None => (format!("tests/it/{}.rs", module_of(name).replace("::", "/")), name),
            };
            let function = format!("fn {}()", path.rsplit("::").next().unwrap_or(path));
            if !sources.iter().any(|file| file.path.starts_with(&place) && file.text.contains(&function)) {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert_none("every test that a document lists exists", &missing);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> { file_names(&root().join("migrations").join(database), "sql") };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "there are no migrations");
    assert_eq!(sqlite, postgres, "migrations/sqlite and migrations/postgres have the same numbers and names");
    let mut numbers = BTreeSet::new();
    for name in &sqlite {
        let number = name.split('_').next().filter(|number| number.len() == 4).and_then(|number| number.parse().ok());
        let number: u32 = number.unwrap_or_else(|| panic!("{name}: a migration starts with a number of four digits"));
        assert!(numbers.insert(number), "{name}: another migration has this number");
    }
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let contract = UnresolvedPackageGroup::parse_dir(root().join("wit")).expect("the WIT package");
    let undocumented = undocumented(&contract);
    assert_none("every interface, world, type and function of the contract has a doc comment", &undocumented);
}

#[test]
fn an_undocumented_item_is_found() {
    let text = "package a:b;\n/// An interface.\ninterface a {\n    record b {\n        c: u8,\n    }\n\n    \
                /// A function.\n    d: func();\n    e-f: func();\n}\ninterface g {\n    use a.{b};\n}\n";
    let parsed = UnresolvedPackageGroup::parse("a.wit", text).expect("a WIT package");
    assert_eq!(undocumented(&parsed), ["type b", "function e-f", "interface g"]);
}

#[test]
fn a_word_is_found_only_as_a_whole_word() {
    let found = |text: &str, word: &str| lines_with_word(text, word).count();
    assert_eq!(found("use slack::Row;\nlet slack_row = 1;\nslack", "slack"), 2);
    assert_eq!(found("remote.company xremote.com", "remote.com"), 0);
}

/// Returns the Rust test that a line of a document lists, such as `` - `http::audit::the_audit_log_is_paged` ``.
fn listed_test(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if !line.starts_with("- `") && !line.starts_with('|') {
        return None;
    }
    let name = line.split('`').nth(1)?;
    let path = name.strip_prefix("host: ").unwrap_or(name);
    let is_path =
        path.contains("::") && path.chars().all(|character| matches!(character, 'a'..='z' | '0'..='9' | '_' | ':'));
    (is_path && !path.starts_with("browser::")).then_some(name)
}

/// Returns the module of a path of a test.
fn module_of(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(module, _)| module)
}

/// One source file, with its path from the root of the checkout.
struct SourceFile {
    path: String,
    text: String,
}

/// A crate of the host and everything that it depends on outside its tests.
struct CrateManifest {
    name: String,
    dependencies: BTreeSet<String>,
}

/// The manifests of the crates of the host.
fn host_manifests() -> Vec<CrateManifest> {
    let metadata = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let host = root().join("host").display().to_string();
    packages
        .filter(|package| package["manifest_path"].as_str().is_some_and(|path| path.starts_with(&host)))
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let kept = all.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
            CrateManifest {
                name: package["name"].as_str().expect("a name").to_owned(),
                dependencies: kept.filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect(),
            }
        })
        .collect()
}

/// Fails with the rule that was broken, and where.
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}\n", broken.join("\n  "));
}

/// The files for which `is_broken`, each with its number of lines.
fn paths(is_broken: impl Fn(&SourceFile) -> bool) -> Vec<String> {
    let broken = sources().into_iter().filter(|file| is_broken(file));
    broken.map(|file| format!("{} ({} lines)", file.path, file.text.lines().count())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout").to_owned()
}

/// Every `.rs` file of the checkout, except build output and hidden folders.
fn sources() -> Vec<SourceFile> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(".rs") {
                let path = entry.path().strip_prefix(&root).expect("inside").to_string_lossy().into_owned();
                files.push(SourceFile { path, text: fs::read_to_string(entry.path()).expect("a text") });
            }
        }
    }
    assert!(!files.is_empty(), "the checkout has no Rust file");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file_names(folder: &Path, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| Path::new(name).extension().is_some_and(|found| found == extension)).collect()
}

/// The numbers of the lines that contain the word, with no letter, digit or underscore next to it.
fn lines_with_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let contains = move |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    text.lines().enumerate().filter(move |(_, line)| contains(line)).map(|(index, _)| index + 1)
}

/// What a WIT package declares without a doc comment.
fn undocumented(group: &UnresolvedPackageGroup) -> Vec<String> {
    let package = &group.main;
    let mut missing = Vec::new();
    let mut check = |kind: &str, name: &str, docs: &wit_parser::Docs| {
        if docs.contents.is_none() {
            missing.push(format!("{kind} {name}"));
        }
    };
    for (_, found) in &package.types {
        // `use` declares a type again, without documentation.
        let is_imported = match found.kind {
            TypeDefKind::Type(Type::Id(id)) => package.types[id].owner != found.owner,
            TypeDefKind::Unknown => true,
            _ => false,
        };
        // Types without a name are parts of others.
        if let Some(name) = found.name.as_ref().filter(|_| !is_imported) {
            check("type", name, &found.docs);
        }
    }
    for (_, interface) in &package.interfaces {
        for (name, function) in &interface.functions {
            check("function", name, &function.docs);
        }
        check("interface", interface.name.as_deref().unwrap_or_default(), &interface.docs);
    }
    for (_, world) in &package.worlds {
        check("world", &world.name, &world.docs);
    }
    missing
}
