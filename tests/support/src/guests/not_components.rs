//! Files that are not components, though some look like one.

use super::synthetic::well_behaved;

/// An empty file.
#[must_use]
pub fn empty() -> Vec<u8> {
    Vec::new()
}

/// A complete, valid core module.
#[must_use]
pub fn core_module() -> Vec<u8> {
    wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "health")))"#).expect("a core module")
}

/// The start of a Linux executable.
#[must_use]
pub fn elf() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0".to_vec();
    bytes.resize(4096, 0);
    bytes
}

/// The text format, which some loaders also compile.
#[must_use]
pub fn text_format() -> Vec<u8> {
    b"(component)".to_vec()
}

/// The magic number, version and layer of a component and nothing more: valid, but not a provider.
#[must_use]
pub fn header_only() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0".to_vec()
}

/// A component in a future version of the format.
#[must_use]
pub fn later_version() -> Vec<u8> {
    let mut bytes = well_behaved();
    bytes[4] = 0xff;
    bytes
}

/// The first half of a component.
#[must_use]
pub fn truncated() -> Vec<u8> {
    truncated_to(well_behaved().len() / 2)
}

/// The first bytes of a component.
#[must_use]
pub fn truncated_to(bytes: usize) -> Vec<u8> {
    let mut component = well_behaved();
    component.truncate(bytes);
    component
}

/// A component followed by bytes that are not a section.
#[must_use]
pub fn trailing_garbage() -> Vec<u8> {
    [well_behaved(), vec![0xff; 64]].concat()
}
