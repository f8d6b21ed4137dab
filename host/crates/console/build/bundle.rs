//! Bundles the modules of the console's first page into one script, so that a browser requests one file, not twenty. A
//! module that only one other file imports becomes a part of that file.
//!
//! It supports only the import and export forms that our modules and the vendored ones use; any other form fails the
//! build. In the bundle, each module is a function with its own scope, which returns an object with the module's
//! exports. A constant contains this object, and other modules read their imports from it. Modules outside the bundle
//! import that constant.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

/// The placeholder in the page for the path of all other files.
pub(crate) const BASE: &str = "{{base}}";

/// The folder with the vendored libraries.
pub(crate) const VENDOR: &str = "vendor";

/// The script that the page runs. It becomes the bundle.
const ENTRY: &str = "app.js";

/// How a script loads a module later.
const LOAD: &str = "import(\"./";

/// The link with which the page preloads a module.
const PRELOAD: &str = "<link rel=\"modulepreload\" href=\"";

type BundleResult<T> = Result<T, Box<dyn Error>>;
type Files = BTreeMap<String, Vec<u8>>;

/// A parsed module.
struct Module {
    /// Each destructuring pattern of imported names, with the name of the other module.
    imports: Vec<(String, String)>,
    /// Each exported name, with its expression inside the module.
    exports: Vec<(String, String)>,
    /// The code without imports, and without the keyword `export`.
    body: String,
    /// The code without imports, but with its exports.
    code: String,
}

/// Bundles `app.js` and all modules that it or a preloaded module imports into `app.js`.
///
/// The preloaded modules themselves stay separate files.
///
/// # Errors
///
/// A module is missing or uses an unsupported form, or modules import each other in a circle.
pub(crate) fn bundle(page: &str, files: &mut Files) -> BundleResult<()> {
    let mut modules = BTreeMap::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".js")) {
        let module = Module::parse(name, str::from_utf8(bytes)?).map_err(|error| format!("{name}: {error}"))?;
        modules.insert(name.clone(), module);
    }
    let preloaded: BTreeSet<&str> = page
        .split(PRELOAD)
        .skip(1)
        .filter_map(|rest| rest.strip_prefix(BASE)?.strip_prefix('/')?.split('"').next())
        .filter(|name| *name != ENTRY)
        .collect();
    let mut order = Vec::new();
    for name in preloaded.iter().copied().chain([ENTRY]) {
        visit(name, &modules, &mut Vec::new(), &mut order)?;
    }
    order.retain(|name| !preloaded.contains(name.as_str()));

    let owners = find_owners(&modules, &preloaded, &order);
    for (name, module) in &modules {
        if order.contains(name) || owners.contains_key(name) {
            files.remove(name);
            continue;
        }
        let mut parts = Vec::new();
        visit(name, &modules, &mut Vec::new(), &mut parts)?;
        parts.retain(|part| owners.get(part) == Some(name));
        files.insert(name.clone(), module.to_separate_file(&parts, &modules, &order).into_bytes());
    }
    let mut script = String::new();
    for name in &order {
        script += &modules[name].to_bundle_part(name, &order)?;
    }
    let constants: Vec<String> = order.iter().map(|name| constant_of(name)).collect();
    writeln!(script, "export {{ {} }};", constants.join(", "))?;
    files.insert(ENTRY.to_owned(), script.into_bytes());
    Ok(())
}

/// Returns the file of each module that only one separate file imports. The preloaded modules, and those that a script
/// loads later, are files of their own.
fn find_owners(
    modules: &BTreeMap<String, Module>,
    preloaded: &BTreeSet<&str>,
    bundled: &[String],
) -> BTreeMap<String, String> {
    let loads = modules.values().flat_map(|module| module.code.split(LOAD).skip(1));
    let mut pages: BTreeSet<&str> = loads.filter_map(|rest| rest.split('"').next()).collect();
    pages.extend(preloaded);
    let separate = || modules.iter().filter(|(name, _)| !bundled.contains(name));
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let file_of = |name: &String| {
            let mut file = name;
            while let Some(owner) = owners.get(file) {
                file = owner;
            }
            file.clone()
        };
        let free = separate().map(|(name, _)| name).filter(|name| !pages.contains(name.as_str()));
        let found = free.filter(|name| !owners.contains_key(*name)).find_map(|name| {
            let importers = separate().filter(|(_, module)| module.imports.iter().any(|(_, from)| from == name));
            let files: BTreeSet<String> = importers.map(|(importer, _)| file_of(importer)).collect();
            Some((name.clone(), files.first().filter(|_| files.len() == 1)?.clone()))
        });
        let Some((name, file)) = found else {
            return owners.keys().map(|name| (name.clone(), file_of(name))).collect();
        };
        owners.insert(name, file);
    }
}

/// Adds a module to the order, after all modules that it imports.
fn visit(
    name: &str,
    modules: &BTreeMap<String, Module>,
    importers: &mut Vec<String>,
    order: &mut Vec<String>,
) -> BundleResult<()> {
    if order.iter().any(|added| added == name) {
        return Ok(());
    }
    if importers.iter().any(|importer| importer == name) {
        return Err(format!("{} import each other in a circle", importers.join(", ")).into());
    }
    let module = modules.get(name).ok_or_else(|| format!("{name} is imported, but does not exist"))?;
    importers.push(name.to_owned());
    for (_, from) in &module.imports {
        visit(from, modules, importers, order)?;
    }
    importers.pop();
    order.push(name.to_owned());
    Ok(())
}

/// Returns the name of the constant with a module's exports.
fn constant_of(name: &str) -> String {
    format!("${}", name.replace(|character: char| !character.is_ascii_alphanumeric(), "_"))
}

impl Module {
    /// Parses a module. An import or export starts a line; in vendored, minified code it may also follow a statement.
    fn parse(name: &str, text: &str) -> BundleResult<Self> {
        let text = if name.starts_with(VENDOR) {
            text.replace(";export", ";\nexport").replace("}export", "}\nexport")
        } else {
            text.to_owned()
        };
        let mut module = Self { imports: Vec::new(), exports: Vec::new(), body: String::new(), code: String::new() };
        let mut remaining = text.as_str();
        while !remaining.is_empty() {
            let before = remaining;
            if let Some(after) = remaining.strip_prefix("import").filter(|after| after.starts_with([' ', '{'])) {
                let (statement, after) = after.split_once(';').ok_or("an import has no semicolon")?;
                let (names, from) = statement.rsplit_once("from").ok_or("an import has no `from`")?;
                module.imports.push((to_pattern(names)?, resolve(name, from)?));
                remaining = after.strip_prefix('\n').unwrap_or(after);
                continue;
            }
            if let Some(after) = remaining.strip_prefix("export").filter(|after| after.starts_with([' ', '{'])) {
                remaining = module.parse_export(name, after.trim_start_matches(' '))?;
            } else {
                let (line, after) = remaining.split_at(remaining.find('\n').map_or(remaining.len(), |at| at + 1));
                module.body.push_str(line);
                remaining = after;
            }
            module.code.push_str(&before[..before.len() - remaining.len()]);
        }
        if module.body.contains("import.meta") {
            return Err("import.meta is not supported: its URL differs in the bundle".into());
        }
        Ok(module)
    }

    /// Returns the module as a part of the bundle.
    fn to_bundle_part(&self, name: &str, bundled: &[String]) -> BundleResult<String> {
        if let Some((_, from)) = self.imports.iter().find(|(_, from)| !bundled.contains(from)) {
            return Err(format!("{name} imports {from}, which the page preloads as a separate file").into());
        }
        Ok(self.to_constant(name))
    }

    /// Returns a constant with the module's exports. It uses the constants of the modules that it imports.
    fn to_constant(&self, name: &str) -> String {
        let exports: Vec<String> = self.exports.iter().map(|(public, own)| format!("{public}: {own}")).collect();
        format!(
            "const {} = (() => {{\n{}{}\nreturn {{ {} }};\n}})();\n",
            constant_of(name),
            self.to_patterns(),
            self.body,
            exports.join(", ")
        )
    }

    /// Returns the statements that read the imported names from the constants of their modules.
    fn to_patterns(&self) -> String {
        self.imports.iter().map(|(names, from)| format!("const {names} = {};\n", constant_of(from))).collect()
    }

    /// Returns the module as a separate file with its parts. It imports bundled modules from the bundle.
    fn to_separate_file(&self, parts: &[String], modules: &BTreeMap<String, Module>, bundled: &[String]) -> String {
        let all = parts.iter().filter_map(|part| modules.get(part)).chain([self]);
        let imported: BTreeSet<&String> = all.flat_map(|module| &module.imports).map(|(_, from)| from).collect();
        let others = imported.iter().filter(|from| !bundled.contains(from) && !parts.contains(from));
        let mut text: String =
            others.map(|from| format!("import * as {} from \"./{from}\";\n", constant_of(from))).collect();
        let inside = imported.iter().filter(|from| bundled.contains(from));
        let constants: Vec<String> = inside.map(|from| constant_of(from)).collect();
        text += &format!("import {{ {} }} from \"./{ENTRY}\";\n", constants.join(", "));
        text.extend(parts.iter().filter_map(|part| Some(modules.get(part)?.to_constant(part))));
        text + &self.to_patterns() + &self.code
    }

    /// Parses what follows the keyword `export`, and returns the remaining text.
    fn parse_export<'a>(&mut self, name: &str, text: &'a str) -> BundleResult<&'a str> {
        if let Some(list) = text.strip_prefix('{') {
            let (list, after) = list.split_once('}').ok_or("a list of exports has no end")?;
            let (end, after) = after.split_once(';').ok_or("a list of exports has no end")?;
            let from = match end.trim().strip_prefix("from") {
                Some(from) => {
                    let from = resolve(name, from)?;
                    let prefix = format!("{}.", constant_of(&from));
                    // Without names: it only has to be in the bundle before this module.
                    self.imports.push(("{}".to_owned(), from));
                    prefix
                }
                None if end.trim().is_empty() => String::new(),
                None => return Err(format!("`{end}` follows a list of exports").into()),
            };
            for one in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                let (own, public) = one.split_once(" as ").unwrap_or((one, one));
                self.exports.push((public.to_owned(), format!("{from}{own}")));
            }
            return Ok(after.strip_prefix('\n').unwrap_or(after));
        }
        let (line, after) = text.split_at(text.find('\n').map_or(text.len(), |at| at + 1));
        let (public, own, declaration) = match line.strip_prefix("default function") {
            Some(function) if function.starts_with('(') => {
                ("default", "$default", format!("const $default = function{function}"))
            }
            Some(function) => {
                let own = parse_identifier(function.trim_start()).ok_or("a default function has no name")?;
                ("default", own, line.replacen("default ", "", 1))
            }
            None => {
                let forms = ["async function ", "function ", "class ", "const "];
                let own = forms.iter().find_map(|form| parse_identifier(line.strip_prefix(form)?));
                let own = own.ok_or_else(|| format!("`export {}` is not a supported form", line.trim_end()))?;
                (own, own, line.to_owned())
            }
        };
        self.exports.push((public.to_owned(), own.to_owned()));
        self.body.push_str(&declaration);
        Ok(after)
    }
}

/// Returns the identifier at the start of a text.
fn parse_identifier(text: &str) -> Option<&str> {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && !"_$".contains(character))?;
    (end > 0).then(|| &text[..end])
}

/// Converts the names of an import into a destructuring pattern.
fn to_pattern(names: &str) -> BundleResult<String> {
    let names = names.split_whitespace().collect::<Vec<_>>().join(" ");
    if names.starts_with('{') && names.ends_with('}') {
        return Ok(names.replace(" as ", ": "));
    }
    match parse_identifier(&format!("{names} ")) {
        Some(identifier) if identifier == names => Ok(format!("{{ default: {names} }}")),
        _ => Err(format!("`import {names}` is not a supported form").into()),
    }
}

/// Returns the name of the module that `importer` imports as `quoted`.
fn resolve(importer: &str, quoted: &str) -> BundleResult<String> {
    let quoted = quoted.trim();
    let path = quoted.strip_prefix("\"./").and_then(|path| path.strip_suffix('"'));
    let path = path.ok_or_else(|| format!("{quoted} is not a module of the same folder"))?;
    let folder = importer.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    Ok(format!("{folder}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<link rel=\"modulepreload\" href=\"{{base}}/first.js\">";

    fn bundle_modules(modules: &[(&str, &str)]) -> BundleResult<BTreeMap<String, String>> {
        let mut files: Files =
            modules.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        bundle(PAGE, &mut files)?;
        Ok(files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text"))).collect())
    }

    const MODULES: [(&str, &str); 9] = [
        (
            "app.js",
            "import { a as b } from \"./part.js\";\n\
             export const c = [b, import(\"./later.js\"), import(\"./other.js\")];\n",
        ),
        ("first.js", "import { html } from \"./vendor/library.js\";\nexport default function First() {}\n"),
        (
            "later.js",
            "import { a } from \"./part.js\";\nimport First from \"./first.js\";\nimport { own } from \"./own.js\";\n  import text\n",
        ),
        ("other.js", "import { both } from \"./both.js\";\n"),
        ("both.js", "export const both = 1;\n"),
        ("own.js", "import { both as all } from \"./both.js\";\nexport const own = all;\n"),
        ("part.js", "export const a = 1;\n// two\nexport async function two() {}\n"),
        (
            "vendor/library.js",
            "import htm from \"./htm.js\";\nexport { h } from \"./h.js\";\nexport const html = htm;\n",
        ),
        ("vendor/htm.js", "var n=1;export default function(s){return n}\n"),
    ];

    #[test]
    fn modules_of_the_first_page_are_bundled_and_others_import_from_the_bundle() {
        let h = ("vendor/h.js", "var t=1,u=2;export{t as h,u};\n");
        let files = bundle_modules(&[&MODULES[..], &[h]].concat()).expect("each form is supported");
        // Two pages use `both.js`. Only one uses `own.js`, so it is a part of that page.
        assert_eq!(files.keys().collect::<Vec<_>>(), ["app.js", "both.js", "first.js", "later.js", "other.js"]);
        let script = "\
const $vendor_htm_js = (() => {
var n=1;
const $default = function(s){return n}

return { default: $default };
})();
const $vendor_h_js = (() => {
var t=1,u=2;

return { h: t, u: u };
})();
const $vendor_library_js = (() => {
const { default: htm } = $vendor_htm_js;
const {} = $vendor_h_js;
const html = htm;

return { h: $vendor_h_js.h, html: html };
})();
const $part_js = (() => {
const a = 1;
// two
async function two() {}

return { a: a, two: two };
})();
const $app_js = (() => {
const { a: b } = $part_js;
const c = [b, import(\"./later.js\"), import(\"./other.js\")];

return { c: c };
})();
export { $vendor_htm_js, $vendor_h_js, $vendor_library_js, $part_js, $app_js };
";
        assert_eq!(files["app.js"], script);
        assert_eq!(
            files["first.js"],
            "import { $vendor_library_js } from \"./app.js\";\nconst { html } = $vendor_library_js;\n\
             export default function First() {}\n"
        );
        assert_eq!(
            files["later.js"],
            "import * as $both_js from \"./both.js\";\nimport * as $first_js from \"./first.js\";\n\
             import { $part_js } from \"./app.js\";\n\
             const $own_js = (() => {\nconst { both: all } = $both_js;\nconst own = all;\n\nreturn { own: own };\n})();\n\
             const { a } = $part_js;\nconst { default: First } = $first_js;\nconst { own } = $own_js;\n  import text\n"
        );
    }

    #[test]
    fn unsupported_forms_fail_the_build() {
        for (text, expected) in [
            ("export let a = 1;\n", "`export let a = 1;` is not a supported form"),
            ("export default 1;\n", "`export default 1;` is not a supported form"),
            ("import * as a from \"./part.js\";\n", "`import * as a` is not a supported form"),
            ("import { a } from \"preact\";\n", "\"preact\" is not a module of the same folder"),
            ("import { a } from \"./nowhere.js\";\n", "nowhere.js is imported, but does not exist"),
            ("import { c } from \"./app.js\";\n", "app.js, part.js import each other in a circle"),
            ("import First from \"./first.js\";\n", "part.js imports first.js, which the page preloads"),
            ("export const a = import.meta.url;\n", "import.meta"),
        ] {
            let first = ("first.js", "export default function First() {}\n");
            let app = ("app.js", "import { a as b } from \"./part.js\";\nexport const c = b;\n");
            let error = bundle_modules(&[app, first, ("part.js", text)]).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
