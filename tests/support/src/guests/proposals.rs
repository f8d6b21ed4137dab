//! Components that need a WebAssembly proposal which the engine does not accept, one for each (T13).

use super::synthetic::{append_sections, well_behaved};

/// The proposals by name, each with a core module or component that uses it.
pub const PROPOSALS: [(&str, &str); 15] = [
    ("memory64", "(core module (memory i64 1) (func (result i32) (i32.load (i64.const 0))))"),
    ("table64", "(core module (table i64 1 funcref) (func (result funcref) (table.get (i64.const 0))))"),
    ("threads", "(core module (memory 1) (func (result i32) (i32.atomic.load (i32.const 0))))"),
    ("shared-memory", "(core module (memory 1 2 shared))"),
    ("gc", "(core module (type $s (struct (field i32))) (func (result (ref $s)) (struct.new $s (i32.const 1))))"),
    ("function-references", "(core module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))"),
    ("exceptions", "(core module (tag $t) (func (throw $t)))"),
    ("legacy-exceptions", "(core module (tag $t) (func try throw $t catch $t end))"),
    ("tail-call", "(core module (func $f (return_call $f)))"),
    ("relaxed-simd", "(core module (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0))))"),
    ("stack-switching", "(core module (type $f (func)) (type $c (cont $f)))"),
    (
        "wide-arithmetic",
        "(core module (func (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1))))",
    ),
    ("custom-page-sizes", "(core module (memory 100 (pagesize 1)))"),
    ("component-async", "(type (stream u8))"),
    ("component-error-context", "(type (func (param \"e\" error-context)))"),
];

/// A well-behaved provider that contains an unused piece of code from the proposal.
///
/// # Panics
/// If the name is not in [`PROPOSALS`].
#[must_use]
pub fn proposal(name: &str) -> Vec<u8> {
    let (_, text) = PROPOSALS.iter().find(|(known, _)| *known == name).expect("one of `PROPOSALS`");
    let further = wat::parse_str(format!("(component {text})")).unwrap_or_else(|error| panic!("{name}: {error}"));
    append_sections(well_behaved(), &further)
}
