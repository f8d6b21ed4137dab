//! Makes one script of the modules that the console's first page needs: a browser asks for one file instead of twenty.
//!
//! No bundler. It knows the few forms in which our modules and the vendored ones import and export, and the build fails
//! at any other. Each module keeps a scope of its own and hands out a constant with its exports, from which the others
//! take what they import; modules that stay files of their own import that constant.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

/// What stands in the page for the path of all other files.
pub(crate) const BASE: &str = "{{base}}";

/// The one folder inside the console's, for what was taken over from others.
pub(crate) const VENDOR: &str = "vendor";

/// The script that the page runs, and that all of them become.
const ENTRY: &str = "app.js";

/// How the page names a module that it wants early.
const PRELOAD: &str = "<link rel=\"modulepreload\" href=\"";

type Outcome<T> = Result<T, Box<dyn Error>>;
type Files = BTreeMap<String, Vec<u8>>;

/// A module, taken apart.
struct Module {
    /// Each pattern of names, and the module that they come from.
    imports: Vec<(String, String)>,
    /// Each public name and what it stands for.
    exports: Vec<(String, String)>,
    /// Everything else, without the word `export`.
    body: String,
    /// The same as it stands, without the imports.
    rest: String,
}

/// Puts into `app.js` what it imports and what the modules import that the page preloads; those stay files of their own.
///
/// # Errors
///
/// Where a module is missing, imports itself in a circle, or has a form that is not known here.
pub(crate) fn gather(page: &str, files: &mut Files) -> Outcome<()> {
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

    for (name, module) in &modules {
        if order.contains(name) {
            files.remove(name);
        } else {
            files.insert(name.clone(), module.outside(&order)?.into_bytes());
        }
    }
    let mut script = String::new();
    for name in &order {
        script += &modules[name].inside(name, &order)?;
    }
    let scopes: Vec<String> = order.iter().map(|name| scope(name)).collect();
    writeln!(script, "export {{ {} }};", scopes.join(", "))?;
    files.insert(ENTRY.to_owned(), script.into_bytes());
    Ok(())
}

/// Adds a module behind all that it imports.
fn visit(
    name: &str,
    modules: &BTreeMap<String, Module>,
    above: &mut Vec<String>,
    order: &mut Vec<String>,
) -> Outcome<()> {
    if order.iter().any(|there| there == name) {
        return Ok(());
    }
    if above.iter().any(|there| there == name) {
        return Err(format!("{} import each other in a circle", above.join(", ")).into());
    }
    let module = modules.get(name).ok_or_else(|| format!("{name} is imported, and there is none"))?;
    above.push(name.to_owned());
    for (_, from) in &module.imports {
        visit(from, modules, above, order)?;
    }
    above.pop();
    order.push(name.to_owned());
    Ok(())
}

/// The constant that holds a module's exports.
fn scope(name: &str) -> String {
    format!("${}", name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_"))
}

impl Module {
    /// Takes a module apart: a statement of the two kinds begins a line, in what is vendored also behind another.
    fn parse(name: &str, text: &str) -> Outcome<Self> {
        let text = if name.starts_with(VENDOR) {
            text.replace(";export", ";\nexport").replace("}export", "}\nexport")
        } else {
            text.to_owned()
        };
        let mut module = Self { imports: Vec::new(), exports: Vec::new(), body: String::new(), rest: String::new() };
        let mut left = text.as_str();
        while !left.is_empty() {
            let before = left;
            if let Some(after) = left.strip_prefix("import").filter(|after| after.starts_with([' ', '{'])) {
                let (statement, after) = after.split_once(';').ok_or("an import without an end")?;
                let (names, from) = statement.rsplit_once("from").ok_or("an import of no names")?;
                module.imports.push((pattern(names)?, resolved(name, from)?));
                left = after.strip_prefix('\n').unwrap_or(after);
                continue;
            }
            if let Some(after) = left.strip_prefix("export").filter(|after| after.starts_with([' ', '{'])) {
                left = module.export(name, after.trim_start_matches(' '))?;
            } else {
                let (line, after) = left.split_at(left.find('\n').map_or(left.len(), |at| at + 1));
                module.body.push_str(line);
                left = after;
            }
            module.rest.push_str(&before[..before.len() - left.len()]);
        }
        if module.body.contains("import.meta") {
            return Err("import.meta tells another address where files are gathered".into());
        }
        Ok(module)
    }

    /// The module as a part of the one script, behind all that it imports.
    fn inside(&self, name: &str, gathered: &[String]) -> Outcome<String> {
        let mut text = format!("const {} = (() => {{\n", scope(name));
        for (names, from) in &self.imports {
            if !gathered.contains(from) {
                return Err(format!("{name} needs {from}, which the page preloads as a file of its own").into());
            }
            writeln!(text, "const {names} = {};", scope(from))?;
        }
        let exports: Vec<String> = self.exports.iter().map(|(public, own)| format!("{public}: {own}")).collect();
        writeln!(text, "{}\nreturn {{ {} }};\n}})();", self.body, exports.join(", "))?;
        Ok(text)
    }

    /// The module as a file of its own, which takes from the one script what was gathered there.
    fn outside(&self, gathered: &[String]) -> Outcome<String> {
        let (inside, others): (Vec<_>, Vec<_>) = self.imports.iter().partition(|(_, from)| gathered.contains(from));
        let mut text = String::new();
        for (names, from) in others {
            // Names are told apart by `as` in an import, and by a colon in a pattern.
            writeln!(text, "import {} from \"./{from}\";", names.replace(": ", " as "))?;
        }
        let scopes: BTreeSet<String> = inside.iter().map(|(_, from)| scope(from)).collect();
        let scopes: Vec<String> = scopes.into_iter().collect();
        writeln!(text, "import {{ {} }} from \"./{ENTRY}\";", scopes.join(", "))?;
        for (names, from) in inside {
            writeln!(text, "const {names} = {};", scope(from))?;
        }
        Ok(text + &self.rest)
    }

    /// Takes what follows the word `export`, and gives what is left behind it.
    fn export<'a>(&mut self, name: &str, text: &'a str) -> Outcome<&'a str> {
        if let Some(list) = text.strip_prefix('{') {
            let (list, after) = list.split_once('}').ok_or("a list of exports without an end")?;
            let (end, after) = after.split_once(';').ok_or("a list of exports without an end")?;
            let from = match end.trim().strip_prefix("from") {
                Some(from) => {
                    let from = resolved(name, from)?;
                    let place = format!("{}.", scope(&from));
                    // Under no name, so that it is there before.
                    self.imports.push(("{}".to_owned(), from));
                    place
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
        let (public, own, said) = match line.strip_prefix("default function") {
            Some(function) if function.starts_with('(') => {
                ("default", "$default", format!("const $default = function{function}"))
            }
            Some(function) => {
                let own = word(function.trim_start()).ok_or("a default function without a name")?;
                ("default", own, line.replacen("default ", "", 1))
            }
            None => {
                let forms = ["async function ", "function ", "class ", "const "];
                let own = forms.iter().find_map(|form| word(line.strip_prefix(form)?));
                let own = own.ok_or_else(|| format!("`export {}` is no form that is known here", line.trim_end()))?;
                (own, own, line.to_owned())
            }
        };
        self.exports.push((public.to_owned(), own.to_owned()));
        self.body.push_str(&said);
        Ok(after)
    }
}

/// The identifier at the beginning of a text.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"_$".contains(letter))?;
    (end > 0).then(|| &text[..end])
}

/// The names of an import as a pattern.
fn pattern(names: &str) -> Outcome<String> {
    let names = names.split_whitespace().collect::<Vec<_>>().join(" ");
    if names.starts_with('{') && names.ends_with('}') {
        return Ok(names.replace(" as ", ": "));
    }
    match word(&format!("{names} ")) {
        Some(word) if word == names => Ok(format!("{{ default: {names} }}")),
        _ => Err(format!("`import {names}` is no form that is known here").into()),
    }
}

/// The name of a module, as another one says it.
fn resolved(by: &str, quoted: &str) -> Outcome<String> {
    let quoted = quoted.trim();
    let path = quoted.strip_prefix("\"./").and_then(|path| path.strip_suffix('"'));
    let path = path.ok_or_else(|| format!("{quoted} is no module beside this one"))?;
    let folder = by.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    Ok(format!("{folder}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<link rel=\"modulepreload\" href=\"{{base}}/first.js\">";

    fn gathered(modules: &[(&str, &str)]) -> Outcome<BTreeMap<String, String>> {
        let mut files: Files =
            modules.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        gather(PAGE, &mut files)?;
        Ok(files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).expect("text"))).collect())
    }

    const MODULES: [(&str, &str); 6] = [
        ("app.js", "import { a as b } from \"./part.js\";\nexport const c = b;\n"),
        ("first.js", "import { html } from \"./vendor/door.js\";\nexport default function First() {}\n"),
        ("later.js", "import { a } from \"./part.js\";\nimport First from \"./first.js\";\n  import text\n"),
        ("part.js", "export const a = 1;\n// two\nexport async function two() {}\n"),
        ("vendor/door.js", "import htm from \"./htm.js\";\nexport { h } from \"./h.js\";\nexport const html = htm;\n"),
        ("vendor/htm.js", "var n=1;export default function(s){return n}\n"),
    ];

    #[test]
    fn the_first_pages_modules_become_one_script_and_the_others_take_theirs_from_it() {
        let h = ("vendor/h.js", "var t=1,u=2;export{t as h,u};\n");
        let files = gathered(&[&MODULES[..], &[h]].concat()).expect("each form is known");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["app.js", "first.js", "later.js"]);
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
const $vendor_door_js = (() => {
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
const c = b;

return { c: c };
})();
export { $vendor_htm_js, $vendor_h_js, $vendor_door_js, $part_js, $app_js };
";
        assert_eq!(files["app.js"], script);
        assert_eq!(
            files["first.js"],
            "import { $vendor_door_js } from \"./app.js\";\nconst { html } = $vendor_door_js;\n\
             export default function First() {}\n"
        );
        assert_eq!(
            files["later.js"],
            "import { default as First } from \"./first.js\";\nimport { $part_js } from \"./app.js\";\n\
             const { a } = $part_js;\n  import text\n"
        );
    }

    #[test]
    fn what_is_not_understood_fails_the_build() {
        for (text, told) in [
            ("export let a = 1;\n", "`export let a = 1;` is no form"),
            ("export default 1;\n", "`export default 1;` is no form"),
            ("import * as a from \"./part.js\";\n", "`import * as a` is no form"),
            ("import { a } from \"preact\";\n", "\"preact\" is no module beside this one"),
            ("import { a } from \"./nowhere.js\";\n", "nowhere.js is imported, and there is none"),
            ("import { c } from \"./app.js\";\n", "app.js, part.js import each other in a circle"),
            ("import First from \"./first.js\";\n", "part.js needs first.js, which the page preloads"),
            ("export const a = import.meta.url;\n", "import.meta"),
        ] {
            let first = ("first.js", "export default function First() {}\n");
            let error = gathered(&[MODULES[0], first, ("part.js", text)]).expect_err(text).to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
