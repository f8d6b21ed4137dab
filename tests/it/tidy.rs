//! The rules of `docs/architecture.md` that the compiler does not know, read from the sources; runs nothing else.

mod vendored;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Who may use whom, as the page on the architecture says it.
const SENTENCE: &str = "main → app → api → { people → connections, providers } → { sandbox, store } → model; \
                        sandbox → egress → model; sandbox → signing → egress; store → vault → secret: nothing points \
                        up, nothing in a circle";

/// Each room of the host and the rooms right below it. A room may use what is below those as well.
const ROOMS: [(&str, &[&str]); 20] = [
    ("main", &["cli"]),
    ("cli", &["app"]),
    ("lib", &[]),
    ("app", &["api", "config", "logging"]),
    ("config", &["connections"]),
    ("api", &["people", "providers"]),
    ("people", &["connections"]),
    ("providers", &["sandbox", "store"]),
    ("connections", &["sandbox", "store"]),
    ("sandbox", &["egress", "signing"]),
    ("signing", &["egress"]),
    ("store", &["vault"]),
    ("egress", &[]),
    ("vault", &[]),
    ("logging", &["config"]),
    ("model", &[]),
    ("mac", &[]),
    ("table", &[]),
    ("clock", &[]),
    ("metrics", &[]),
];

/// What every room may use.
const LEAVES: [&str; 6] = ["model", "secret", "mac", "table", "clock", "metrics"];

/// The large dependencies, and the rooms that may name them.
const DOORS: [(&str, &[&str]); 17] = [
    ("axum", &["api", "app", "main"]),
    ("sqlx", &["store"]),
    ("wasmtime", &["sandbox"]),
    ("wasmtime_wasi", &["sandbox"]),
    ("wasmtime_wasi_http", &["sandbox"]),
    ("reqwest", &["egress"]),
    ("aes_gcm", &["vault"]),
    ("jsonwebtoken", &["api"]),
    ("openidconnect", &["api"]),
    ("chrono", &["api"]),
    ("minisign", &["signing"]),
    ("minisign_verify", &["signing"]),
    ("opentelemetry", &["logging"]),
    ("opentelemetry_http", &["logging"]),
    ("opentelemetry_otlp", &["logging"]),
    ("opentelemetry_sdk", &["logging"]),
    ("tracing_opentelemetry", &["logging"]),
];

/// What no word of the host may be.
const PROVIDERS: [&str; 6] = ["slack", "xero", "productive", "google", "remote.com", "scrapin"];

/// Where a word of the host is such a name and yet no provider's: file, word.
const NO_PROVIDERS: [(&str, &str); 4] = [
    // The ids that clients of before know by a name of their own, in one table.
    ("host/src/api/mappings.rs", "xero"),
    ("host/src/api/mappings.rs", "productive"),
    ("host/src/api/mappings.rs", "google"),
    // A header by which a cloud's metadata server knows its own callers, which egress refuses.
    ("host/src/egress/headers.rs", "google"),
];

/// What opens a connection or asks a resolver; the way out alone may name it. (sqlx opens its own, to the database.)
const WAYS_OUT: [&str; 5] = ["TcpStream", "UdpSocket", "UnixStream", "lookup_host", "ToSocketAddrs"];

const LONGEST_FILE: usize = 500;

#[test]
fn no_room_uses_one_above_it() {
    let mut broken = Vec::new();
    for file in host_sources() {
        for (line, used) in crate_paths(&code(&file.text), file.depth()) {
            if !may_use(file.room(), &used) {
                broken.push(format!("{}:{line}: `{}` uses `{used}`", file.path, file.room()));
            }
        }
    }
    none(SENTENCE, &broken);
}

#[test]
fn egress_is_the_only_way_out() {
    let mut broken = Vec::new();
    for file in host_sources().iter().filter(|file| file.room() != "egress") {
        let code = code(&file.text);
        for word in WAYS_OUT {
            broken.extend(lines_with_word(&code, word).map(|line| format!("{}:{line}: `{word}`", file.path)));
        }
    }
    none("no byte leaves the process for a component but through `egress`", &broken);
}

#[test]
fn every_room_has_its_place_in_the_plan() {
    let known = |room: &str| room == "secret" || ROOMS.iter().any(|(name, _)| *name == room);
    let unknown: BTreeSet<String> =
        host_sources().iter().map(|file| file.room().to_owned()).filter(|room| !known(room)).collect();
    none("each room stands in ROOMS, with the rooms right below it", &unknown.into_iter().collect::<Vec<_>>());
}

#[test]
fn each_large_dependency_lives_in_one_room() {
    let mut broken = Vec::new();
    for file in host_sources() {
        let code = code(&file.text);
        for (dependency, rooms) in DOORS.iter().filter(|(_, rooms)| !rooms.contains(&file.room())) {
            for line in lines_with_word(&code, dependency) {
                broken.push(format!("{}:{line}: `{dependency}` belongs in {}", file.path, rooms.join(", ")));
            }
        }
    }
    none("each large dependency lives in one room", &broken);
}

#[test]
fn the_host_names_no_provider() {
    let mut broken = Vec::new();
    for file in host_sources() {
        let text = file.text.to_lowercase();
        for provider in PROVIDERS.into_iter().filter(|name| !NO_PROVIDERS.contains(&(&file.path, name))) {
            broken.extend(lines_with_word(&text, provider).map(|line| format!("{}:{line}: {provider}", file.path)));
        }
    }
    none("the host knows no provider by name", &broken);
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let says = |file: &Source| file.text.lines().take(3).any(|line| line.starts_with("//!") || line.starts_with("#!["));
    none("each file opens with one `//!` sentence", &paths(sources().iter().filter(|file| !says(file))));
}

#[test]
fn no_file_is_too_long_to_read() {
    let long = |file: &&Source| file.text.lines().count() > LONGEST_FILE;
    none("no file is longer than 500 lines", &paths(sources().iter().filter(long)));
}

#[test]
fn a_module_is_named_by_its_file() {
    let unnamed = |file: &&Source| file.path.ends_with("/mod.rs");
    none("foo.rs + foo/, no mod.rs", &paths(sources().iter().filter(unnamed)));
}

#[test]
fn nothing_is_silenced_or_left_for_later() {
    let marks = ["#[allow", "#![allow", "#[ignore", "#[should_panic", "todo!", "unimplemented!"];
    let mut broken = Vec::new();
    for file in sources() {
        for (index, line) in code(&file.text).lines().enumerate() {
            let found = marks.iter().filter(|mark| line.contains(**mark));
            broken.extend(found.map(|mark| format!("{}:{}: {mark}", file.path, index + 1)));
        }
    }
    none("`expect` with a reason, never `allow`; no test is ignored or may panic; nothing is left for later", &broken);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> { file_names(&root().join("migrations").join(database), "sql") };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "there are no migrations");
    assert_eq!(sqlite, postgres, "migrations/sqlite and migrations/postgres hold the same numbers and names");
    for (index, name) in sqlite.iter().enumerate() {
        let number = format!("{:04}_", index + 1);
        assert!(name.starts_with(&number), "{name}: migrations are numbered from 0001 without a gap: {number}…");
    }
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let mut broken = Vec::new();
    for name in file_names(&root().join("wit"), "wit") {
        let text = read(&root().join("wit").join(&name));
        broken.extend(undocumented(&text).iter().map(|line| format!("wit/{name}:{line}")));
    }
    none("every interface, type and function of the contract has a doc comment", &broken);
}

// ---- what the checks find, shown on small texts ------------------------------------------------------------------

#[test]
fn a_use_of_the_crate_is_found_however_it_is_written() {
    let text = "use crate::{\n    api::{self, Row},\n    model,\n};\nuse super::super::store::Row;\n\
                // crate::none\nfn f() { crate::vault::seal(\"crate::none\"); }\npub(crate) struct S;\n";
    let found: Vec<String> = crate_paths(&code(text), 2).into_iter().map(|(_, room)| room).collect();
    assert_eq!(found, ["api", "model", "vault", "store"]);
}

#[test]
fn a_room_may_use_all_that_is_below_it_and_nothing_beside_it() {
    assert!(may_use("api", "store") && may_use("api", "api") && may_use("egress", "secret"));
    assert!(!may_use("store", "api") && !may_use("store", "sandbox") && !may_use("sandbox", "store"));
    assert!(!may_use("model", "vault") && !may_use("api", "config") && may_use("main", "config"));
}

#[test]
fn comments_and_texts_are_no_code() {
    let text = "a /* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# 'i' '\\'' &'j k // l\nm";
    let left: Vec<String> = code(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(left, ["a", "&'j", "k", "m"]);
}

#[test]
fn a_word_is_found_only_as_a_word() {
    let found = |text: &str, word: &str| lines_with_word(text, word).count();
    assert_eq!(found("use sqlx::Row;\nlet sqlx_row = 1;\nsqlx", "sqlx"), 2);
    assert_eq!(found("remote.company xremote.com", "remote.com"), 0);
}

#[test]
fn an_item_without_a_comment_is_found() {
    let text = "/// An interface.\ninterface a {\n    record b {\n        c: u8,\n    }\n\n    /// A function.\n    \
                @since(version = 0.1.0)\n    d: func();\n    e-f: func();\n}\n";
    assert_eq!(undocumented(text), [3, 10]);
}

// ---- how they look ----------------------------------------------------------------------------------------------

/// One source file, its path from the root of the checkout.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn inside_host(&self) -> &str {
        self.path.strip_prefix("host/src/").and_then(|path| path.strip_suffix(".rs")).expect("a file of the host")
    }

    /// The room that a file of the host belongs to.
    fn room(&self) -> &str {
        self.inside_host().split('/').next().unwrap_or_default()
    }

    /// How many `super` lead from a file of the host to the root of the crate.
    fn depth(&self) -> usize {
        self.inside_host().split('/').count()
    }
}

/// Fails with the sentence that was broken, and where.
fn none(sentence: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{sentence}\n  {}\n", broken.join("\n  "));
}

fn paths<'a>(files: impl Iterator<Item = &'a Source>) -> Vec<String> {
    files.map(|file| format!("{} ({} lines)", file.path, file.text.lines().count())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout").to_owned()
}

fn host_sources() -> Vec<Source> {
    let files: Vec<Source> = sources().into_iter().filter(|file| file.path.starts_with("host/src/")).collect();
    assert!(!files.is_empty(), "host/src holds no file");
    files
}

/// Every `.rs` file of the checkout, but what was built and what is hidden.
fn sources() -> Vec<Source> {
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
                files.push(Source { path, text: read(&entry.path()) });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file_names(folder: &Path, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| Path::new(name).extension().is_some_and(|found| found == extension)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn may_use(room: &str, used: &str) -> bool {
    if room == used || LEAVES.contains(&used) || room == "lib" {
        return true;
    }
    let below = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, below)| *below);
    below.iter().any(|next| may_use(next, used))
}

/// The rooms that a file names, each with its line: by `crate::…`, by `jackfield::…` in the program, or by as many
/// `super` as lead to the root.
fn crate_paths(code: &str, depth: usize) -> Vec<(usize, String)> {
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for start in ["crate::", "jackfield::", up.as_str()] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|letter| is_word(letter) || letter == ':' || letter == '$') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            for name in first_names(&code[at + start.len()..]) {
                // `super` may just as well lead to an item around a nested module, and `jackfield` into the contract.
                if start == "crate::" || ROOMS.iter().any(|(room, _)| *room == name) {
                    found.push((line, name));
                }
            }
        }
    }
    found.retain(|(_, name)| name.starts_with(|letter: char| letter.is_ascii_lowercase()));
    found
}

/// The names that a path or a group of paths begins with.
fn first_names(text: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|letter| is_word(*letter)).collect::<String>();
    let Some(group) = text.strip_prefix('{') else { return vec![name(text)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn lines_with_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole = move |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    text.lines().enumerate().filter(move |(_, line)| whole(line)).map(|(index, _)| index + 1)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// A Rust file with its comments and its texts blanked out, line for line.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let blank = match letter {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, 1),
            'r' if !after_word => raw_text(rest, 1),
            'b' if !after_word && rest.starts_with("br") => raw_text(rest, 2),
            '\'' => character(rest),
            _ => 0,
        };
        if blank == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..blank].chars().filter(|letter| *letter == '\n'));
            rest = &rest[blank..];
        }
    }
    code
}

/// The length of a comment that may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of a text that begins with `opening` bytes and ends at a quote without a backslash.
fn quoted(text: &str, opening: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(opening) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of a raw text whose `r` or `br` has this length; 0 where it is none.
fn raw_text(text: &str, prefix: usize) -> usize {
    let hashes = text[prefix..].bytes().take_while(|byte| *byte == b'#').count();
    if text.as_bytes().get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = prefix + hashes + 1;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// The length of a character in quotes; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some(_)) => letters.find(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// The lines of a WIT file that declare something without a doc comment right above.
fn undocumented(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut documented = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let keyword = line.split([' ', '{']).next().unwrap_or_default();
        let declares = ["interface", "world", "record", "variant", "enum", "flags", "resource", "type"];
        if (declares.contains(&keyword) || line.contains(": func(")) && !documented {
            lines.push(index + 1);
        }
        // An attribute stands between the comment and what it speaks of.
        documented = line.starts_with("///") || (documented && line.starts_with('@'));
    }
    lines
}
