//! Components that compilers do not make: their exports loop where no code of a guest should, or answer nonsense.

use serde_json::json;
use wit_component::StringEncoding;

use super::synthetic::{ComponentBuilder, LOOP, manifest};

/// A text that is put among the answers to be overwritten; no other text holds it.
const MARK: &str = "OVERWRITE-THIS-TEXT";

/// The core module's start function never ends, so no instance is ever made (T14).
#[must_use]
pub fn start_loops() -> Vec<u8> {
    ComponentBuilder { fields: format!("(func $start {LOOP}) (start $start)"), ..ComponentBuilder::new() }.encode()
}

/// `describe` never ends (T14, T24).
#[must_use]
pub fn describe_loops() -> Vec<u8> {
    ComponentBuilder { describe: Some(LOOP.to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` traps.
#[must_use]
pub fn describe_traps() -> Vec<u8> {
    ComponentBuilder { describe: Some("unreachable".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `cabi_realloc` never ends: the host stays within the lowering of a call's arguments; `describe` is good (T14).
#[must_use]
pub fn realloc_loops() -> Vec<u8> {
    ComponentBuilder { realloc: LOOP.to_owned(), ..ComponentBuilder::new() }.encode()
}

/// `cabi_realloc` gives an address outside the memory; `describe` is good (T17).
#[must_use]
pub fn realloc_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { realloc: "i32.const -16".to_owned(), ..ComponentBuilder::new() }.encode()
}

/// What runs after every answer was read never ends, after that of `describe` too (T14).
#[must_use]
pub fn post_return_loops() -> Vec<u8> {
    ComponentBuilder { post_return: LOOP.to_owned(), ..ComponentBuilder::new() }.encode()
}

/// `describe` gives an address outside the memory (T17).
#[must_use]
pub fn describe_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { describe: Some("i32.const -64".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` gives an address that is not aligned (T17).
#[must_use]
pub fn describe_unaligned() -> Vec<u8> {
    ComponentBuilder { describe: Some("i32.const 1025".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` gives a manifest whose first list says that it has 2^32 - 1 elements (T16).
#[must_use]
pub fn describe_endless_list() -> Vec<u8> {
    // Memory full of ones: every length is as great as it can be, every address outside.
    let all_ones = "(memory.fill (i32.const 65536) (i32.const 255) (i32.const 4096)) i32.const 65536";
    ComponentBuilder { describe: Some(all_ones.to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` gives a title that is no UTF-8 (T17).
#[must_use]
pub fn describe_invalid_utf8() -> Vec<u8> {
    let mut manifest = manifest();
    manifest["title"] = json!(MARK);
    let patch = Some((MARK.as_bytes().to_vec(), b"\xc3\x28\xff\xed\xa0\x80".to_vec()));
    ComponentBuilder { manifest, patch, ..ComponentBuilder::new() }.encode()
}

/// The component speaks UTF-16, and its title holds half a surrogate pair (T17).
#[must_use]
pub fn describe_unpaired_surrogate() -> Vec<u8> {
    let mut manifest = manifest();
    manifest["title"] = json!(MARK);
    let wide = MARK.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let patch = Some((wide, 0xd800_u16.to_le_bytes().to_vec()));
    ComponentBuilder { manifest, patch, encoding: StringEncoding::UTF16, ..ComponentBuilder::new() }.encode()
}

/// `describe` gives an `auth` that is none of the variant's cases (T17).
#[must_use]
pub fn describe_bad_discriminant() -> Vec<u8> {
    // Behind id, title and version, of eight bytes each.
    ComponentBuilder { poke: Some(("describe", 24, 0xee)), ..ComponentBuilder::new() }.encode()
}

/// `health` answers neither success nor failure; `describe` is good (T17).
#[must_use]
pub fn health_bad_discriminant() -> Vec<u8> {
    ComponentBuilder { poke: Some(("health", 0, 0xee)), ..ComponentBuilder::new() }.encode()
}

/// `health` gives an address outside the memory; `describe` is good (T17).
#[must_use]
pub fn health_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { health_body: Some("i32.const -64".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `health` reports a text that is no UTF-8; `describe` is good (T17).
#[must_use]
pub fn health_invalid_utf8() -> Vec<u8> {
    let health = json!({"ok": [{"name": "made", "value": {"text": MARK}}]});
    let patch = Some((MARK.as_bytes().to_vec(), b"\xc3\x28\xff\xed\xa0\x80".to_vec()));
    ComponentBuilder { health, patch, ..ComponentBuilder::new() }.encode()
}

/// `health` grows a table until that is refused and then answers; past ten million elements it traps (T15).
#[must_use]
pub fn table_grows() -> Vec<u8> {
    let good = ComponentBuilder::new();
    let body = "(loop $again
        (if (i32.ne (table.grow $growing (ref.null func) (i32.const 1000)) (i32.const -1))
            (then
                (if (i32.gt_u (table.size $growing) (i32.const 10000000)) (then unreachable))
                (br $again))))
        i32.const ANSWER";
    ComponentBuilder { health_body: Some(body.to_owned()), fields: "(table $growing 1 funcref)".to_owned(), ..good }
        .encode()
}
