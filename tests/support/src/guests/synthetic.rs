//! Builds a complete provider as core WebAssembly: every return value is prepared in its memory.

use std::fmt::Write;

use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::wit::{Contract, INTERFACE, Layout};

/// The address of the first return value.
const BASE: usize = 1024;

/// An endless loop.
pub(super) const LOOP: &str = "(loop $again (br $again)) unreachable";

/// Allocates memory after the return values and never frees it.
const BUMP: &str = "(local $at i32)
    (local.set $at (i32.and
        (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at)";

/// Builds a provider. Each part can be replaced by a faulty one.
pub(super) struct ComponentBuilder {
    pub(super) contract: Contract,
    /// The contract version in the names of the exports.
    pub(super) version: &'static str,
    pub(super) encoding: StringEncoding,
    pub(super) manifest: Value,
    /// The return value of `health`.
    pub(super) health: Value,
    /// The only page that `list-users` returns.
    pub(super) users: Value,
    /// Instructions that replace those of `describe`, of type `[] -> [i32]`.
    pub(super) describe: Option<String>,
    /// Instructions that replace those of `health`; `ANSWER` in them is the address of its return value.
    pub(super) health_body: Option<String>,
    /// Instructions of every post-return function.
    pub(super) post_return: String,
    /// Instructions of `cabi_realloc`, of type `[i32 i32 i32 i32] -> [i32]`.
    pub(super) realloc: String,
    /// Fields that must come first in the core module.
    pub(super) imports: String,
    /// Additional fields of the core module.
    pub(super) fields: String,
    /// A text among the return values, and the bytes that replace it.
    pub(super) patch: Option<(Vec<u8>, Vec<u8>)>,
    /// A byte of a return value to overwrite: function, offset and byte.
    pub(super) poke: Option<(&'static str, usize, u8)>,
}

/// A provider without faults, which is the control for all others.
#[must_use]
pub fn well_behaved() -> Vec<u8> {
    ComponentBuilder::new().encode()
}

/// A provider without faults that returns this manifest; see [`manifest`].
///
/// # Panics
/// If the document is not a manifest of the contract.
#[must_use]
pub fn with_manifest(manifest: &Value) -> Vec<u8> {
    ComponentBuilder { manifest: manifest.clone(), ..ComponentBuilder::new() }.encode()
}

/// A provider that returns this manifest, and this page for every `list-users`. Keys are those of the WIT.
///
/// # Panics
/// If a document does not have the type in the contract.
#[must_use]
pub fn with_users_page(manifest: &Value, page: &Value) -> Vec<u8> {
    ComponentBuilder { manifest: manifest.clone(), users: page.clone(), ..ComponentBuilder::new() }.encode()
}

/// The same for version 0.2.0 of the contract, whose users have a kind.
///
/// # Panics
/// A document is not what the contract has in its place.
#[must_use]
pub fn with_users_page_v0_2(manifest: &Value, page: &Value) -> Vec<u8> {
    let made = ComponentBuilder::under(Contract::next());
    ComponentBuilder { version: "0.2.0", manifest: manifest.clone(), users: page.clone(), ..made }.encode()
}

/// The manifest of [`well_behaved`], to be changed and passed to [`with_manifest`]. Keys and cases are those of the
/// WIT.
#[must_use]
pub fn manifest() -> Value {
    json!({
        "id": "made",
        "title": "Made",
        "version": "1.0.0",
        "auth": "fields",
        "fields": [{
            "name": "token", "label": "Token", "help": "Any text of eight letters or more.", "help-url": null,
            "kind": "text", "secret": true, "required": true, "choices": [], "pattern": null,
        }],
        "endpoints": [{
            "method": "get", "host": "api.made.example.com", "path": "/ok", "credential": {
                "source": {"field": "token"},
                "place": {"header": {"name": "Authorization", "format": "Bearer {}"}},
            },
        }],
        "capabilities": ["users"],
        "on-disconnect": "keep",
    })
}

impl ComponentBuilder {
    pub(super) fn new() -> Self {
        Self::under(Contract::frozen())
    }

    /// A provider for another contract.
    pub(super) fn under(contract: Contract) -> Self {
        Self {
            contract,
            version: "0.1.0",
            encoding: StringEncoding::UTF8,
            manifest: manifest(),
            health: json!({"ok": [{"name": "made", "value": {"text": "made by hand"}}]}),
            users: json!({"users": [], "next-cursor": null}),
            describe: None,
            health_body: None,
            post_return: String::new(),
            realloc: BUMP.to_owned(),
            imports: String::new(),
            fields: String::new(),
            patch: None,
            poke: None,
        }
    }

    /// Encodes the component.
    pub(super) fn encode(self) -> Vec<u8> {
        let text = self.text();
        let mut core = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        embed_component_metadata(&mut core, &self.contract.resolve, self.contract.world, self.encoding)
            .expect("the metadata is embedded");
        let encoded = ComponentEncoder::default().validate(true).module(&core).and_then(|mut encoder| encoder.encode());
        encoded.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Writes the core module as text.
    fn text(&self) -> String {
        let mut layout = Layout::new(&self.contract, self.encoding, BASE);
        let connected = json!({"ok": {"connected": {"org-name": "Made", "account": null, "learned": []}}});
        let answers = [
            ("describe", "", self.manifest.clone()),
            ("connect", CONNECTION, connected),
            ("disconnect", CONNECTION, json!({"ok": {"upstream": "kept", "note": null}})),
            ("health", CONNECTION, self.health.clone()),
            ("list-users", LIST_USERS, json!({"ok": self.users})),
        ];
        let mut functions = String::new();
        let mut pokes = Vec::new();
        for (name, parameters, answer) in answers {
            let at = layout.place(&self.contract.result_of(name), &answer);
            let body = match name {
                "describe" => self.describe.as_ref(),
                "health" => self.health_body.as_ref(),
                _ => None,
            };
            let body = body.map_or_else(|| format!("i32.const {at}"), |body| body.replace("ANSWER", &at.to_string()));
            let (version, post) = (self.version, &self.post_return);
            write!(
                functions,
                r#"(func (export "{INTERFACE}@{version}#{name}") {parameters} (result i32) {body})
                (func (export "cabi_post_{INTERFACE}@{version}#{name}") (param i32) {post})"#
            )
            .expect("writing to a string");
            pokes.extend(self.poke.filter(|poke| poke.0 == name).map(|(_, offset, byte)| (at + offset - BASE, byte)));
        }
        let mut bytes = layout.into_bytes();
        for (index, byte) in pokes {
            bytes[index] = byte;
        }
        if let Some((from, to)) = &self.patch {
            let at = bytes
                .windows(from.len())
                .position(|window| window == from)
                .expect("the text is among the return values");
            bytes[at..][..to.len()].copy_from_slice(to);
        }
        let free = (BASE + bytes.len()).next_multiple_of(16);
        // One MiB after the return values, for the host's arguments.
        let pages = free.div_ceil(64 << 10) + 16;
        let data = bytes.iter().fold(String::new(), |mut data, byte| {
            write!(data, "\\{byte:02x}").expect("writing to a string");
            data
        });
        format!(
            r#"(module {imports}
                (memory (export "memory") {pages})
                (data (i32.const {BASE}) "{data}")
                (global $free (mut i32) (i32.const {free}))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                {functions} {fields})"#,
            imports = self.imports,
            realloc = self.realloc,
            fields = self.fields,
        )
    }
}

/// The flat parameters of a connection: address and length of its fields, whether it has an account, address and length
/// of the account.
const CONNECTION: &str = "(param i32 i32 i32 i32 i32)";

/// The flat parameters of a connection, an optional cursor and the limit.
const LIST_USERS: &str = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32)";

/// Appends the sections of another component. The second must not refer to anything by index.
pub(super) fn append_sections(mut component: Vec<u8>, further: &[u8]) -> Vec<u8> {
    // After the magic number, the version and the layer.
    component.extend_from_slice(&further[8..]);
    component
}
