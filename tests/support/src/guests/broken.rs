//! Components that compilers do not produce: exports loop where guest code should not run, or return invalid values.

use serde_json::json;
use wit_component::StringEncoding;

use super::synthetic::{ComponentBuilder, LOOP, manifest};

/// A text among the returned values that is overwritten; no other text contains it.
const MARK: &str = "OVERWRITE-THIS-TEXT";

/// The start function of the core module never returns, so no instance is created (T14).
#[must_use]
pub fn start_loops() -> Vec<u8> {
    ComponentBuilder { fields: format!("(func $start {LOOP}) (start $start)"), ..ComponentBuilder::new() }.encode()
}

/// `describe` never returns (T14, T24).
#[must_use]
pub fn describe_loops() -> Vec<u8> {
    ComponentBuilder { describe: Some(LOOP.to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` traps.
#[must_use]
pub fn describe_traps() -> Vec<u8> {
    ComponentBuilder { describe: Some("unreachable".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `cabi_realloc` never returns, so the host is stuck while it lowers a call's arguments; `describe` works (T14).
#[must_use]
pub fn realloc_loops() -> Vec<u8> {
    ComponentBuilder { realloc: LOOP.to_owned(), ..ComponentBuilder::new() }.encode()
}

/// `cabi_realloc` returns an address outside the memory; `describe` works (T17).
#[must_use]
pub fn realloc_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { realloc: "i32.const -16".to_owned(), ..ComponentBuilder::new() }.encode()
}

/// The post-return functions never return, including the one of `describe` (T14).
#[must_use]
pub fn post_return_loops() -> Vec<u8> {
    ComponentBuilder { post_return: LOOP.to_owned(), ..ComponentBuilder::new() }.encode()
}

/// `describe` returns an address outside the memory (T17).
#[must_use]
pub fn describe_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { describe: Some("i32.const -64".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` returns an unaligned address (T17).
#[must_use]
pub fn describe_unaligned() -> Vec<u8> {
    ComponentBuilder { describe: Some("i32.const 1025".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` returns a manifest whose first list claims 2^32 - 1 elements (T16).
#[must_use]
pub fn describe_endless_list() -> Vec<u8> {
    // With memory full of ones, every length is the maximum and every address is out of bounds.
    let all_ones = "(memory.fill (i32.const 65536) (i32.const 255) (i32.const 4096)) i32.const 65536";
    ComponentBuilder { describe: Some(all_ones.to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `describe` returns a title that is not UTF-8 (T17).
#[must_use]
pub fn describe_invalid_utf8() -> Vec<u8> {
    let mut manifest = manifest();
    manifest["title"] = json!(MARK);
    let patch = Some((MARK.as_bytes().to_vec(), b"\xc3\x28\xff\xed\xa0\x80".to_vec()));
    ComponentBuilder { manifest, patch, ..ComponentBuilder::new() }.encode()
}

/// The component uses UTF-16, and its title contains half a surrogate pair (T17).
#[must_use]
pub fn describe_unpaired_surrogate() -> Vec<u8> {
    let mut manifest = manifest();
    manifest["title"] = json!(MARK);
    let wide = MARK.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let patch = Some((wide, 0xd800_u16.to_le_bytes().to_vec()));
    ComponentBuilder { manifest, patch, encoding: StringEncoding::UTF16, ..ComponentBuilder::new() }.encode()
}

/// `describe` returns an `auth` that is not a case of the variant (T17).
#[must_use]
pub fn describe_bad_discriminant() -> Vec<u8> {
    // After id, title and version, which have eight bytes each.
    ComponentBuilder { poke: Some(("describe", 24, 0xee)), ..ComponentBuilder::new() }.encode()
}

/// `health` returns neither success nor failure; `describe` works (T17).
#[must_use]
pub fn health_bad_discriminant() -> Vec<u8> {
    ComponentBuilder { poke: Some(("health", 0, 0xee)), ..ComponentBuilder::new() }.encode()
}

/// `health` returns an address outside the memory; `describe` works (T17).
#[must_use]
pub fn health_out_of_bounds() -> Vec<u8> {
    ComponentBuilder { health_body: Some("i32.const -64".to_owned()), ..ComponentBuilder::new() }.encode()
}

/// `health` reports a text that is not UTF-8; `describe` works (T17).
#[must_use]
pub fn health_invalid_utf8() -> Vec<u8> {
    let health = json!({"ok": [{"name": "made", "value": {"text": MARK}}]});
    let patch = Some((MARK.as_bytes().to_vec(), b"\xc3\x28\xff\xed\xa0\x80".to_vec()));
    ComponentBuilder { health, patch, ..ComponentBuilder::new() }.encode()
}

/// `health` grows a table until that fails, then returns; above ten million elements it traps (T15).
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
