//! Components that import an interface outside the world, one for each interface (T23).

use super::{synthetic::ComponentBuilder, wit::Contract};

/// Interfaces that no component may import. Each gets a single function `take`, whatever the real interface contains,
/// because the import must be rejected by name.
///
/// Two interfaces of `wasi:http` are linked, but have no such function.
pub const UNKNOWN_INTERFACES: [&str; 24] = [
    "jackfield:provider/secrets@0.1.0",
    "jackfield:provider/vault@0.1.0",
    "jackfield:provider/store@0.1.0",
    "jackfield:provider/http@0.2.0",
    "jackfield:admin/connections@0.1.0",
    "wasi:http/outgoing-handler@0.2.0",
    "wasi:http/types@0.2.0",
    "wasi:http/incoming-handler@0.2.0",
    "wasi:http/client@0.3.0",
    "wasi:sockets/types@0.3.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:tls/types@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:blobstore/blobstore@0.2.0-draft",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/runtime@0.2.0-draft",
    "wasi:messaging/producer@0.2.0-draft",
    "wasi:sql/readwrite@0.2.0-draft",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:nn/inference@0.2.0-rc",
    "wasi:webgpu/webgpu@0.0.1",
    "wasi:usb/device@0.2.0",
    "wasmcloud:secrets/store@0.1.0-draft",
];

/// A provider that imports one more interface, from [`UNKNOWN_INTERFACES`] or any other of the form
/// `package/name@version`.
///
/// # Panics
/// If the name does not have that form.
#[must_use]
pub fn unknown_import(interface: &str) -> Vec<u8> {
    let (package, rest) = interface.split_once('/').expect("a package before a slash");
    let (name, version) = rest.split_once('@').expect("a version behind an at sign");
    // The contract's own package cannot be declared twice, so its unknown interface is added to the existing
    // declaration.
    let contract = if package == "jackfield:provider" && version == "0.1.0" {
        let declared =
            format!("interface {name} {{ take: func(); }} world stranger {{ include component; import {name}; }}");
        Contract::with_change(|text| format!("{text}\n{declared}"), "jackfield:provider/stranger")
    } else {
        Contract::with_package(&format!(
            "package jackfield:stranger;
            package {package}@{version} {{ interface {name} {{ take: func(); }} }}
            world stranger {{ include jackfield:provider/component@0.1.0; import {interface}; }}"
        ))
    };
    with_import(contract, interface, "take", "(func)")
}

/// A provider that imports one more function of `http` than exists.
#[must_use]
pub fn with_secret_function() -> Vec<u8> {
    let contract = Contract::with_change(
        |text| text.replace("    send: func(", "    reveal-secret: func() -> u32;\n    send: func("),
        "jackfield:provider/component",
    );
    with_import(contract, "jackfield:provider/http@0.1.0", "reveal-secret", "(func (result i32))")
}

/// A provider for a later, incompatible version of the contract.
#[must_use]
pub fn newer_world() -> Vec<u8> {
    let contract = Contract::with_change(|text| text.replace("@0.1.0", "@0.3.0"), "jackfield:provider/component");
    let mut made = ComponentBuilder::under(contract);
    made.version = "0.3.0";
    made.encode()
}

fn with_import(contract: Contract, interface: &str, function: &str, ty: &str) -> Vec<u8> {
    // An import that nothing uses would be dropped; a reference from an element segment keeps it.
    let imports = format!(r#"(import "{interface}" "{function}" {}"#, ty.replacen("(func", "(func $taken", 1)) + ")";
    ComponentBuilder { imports, fields: "(elem declare func $taken)".to_owned(), ..ComponentBuilder::under(contract) }
        .encode()
}
