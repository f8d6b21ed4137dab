//! Components that are composed of others.

use wasm_encoder::{Component, ComponentInstanceSection, ComponentSectionId, RawSection};

use super::synthetic::{append_sections, well_behaved};

/// Two components, of which one passes a text to the other when the outer one is instantiated. Each has its own memory,
/// so the engine makes code that copies from one to the other.
const PASSES_A_TEXT: &str = r#"(component
    (component $speaks
        (core module $code
            (memory (export "memory") 1)
            (data (i32.const 64) "\50\00\00\00\05\00\00\00")
            (data (i32.const 80) "hello")
            (func (export "speak") (result i32) (i32.const 64)))
        (core instance $code (instantiate $code))
        (func (export "speak") (result string) (canon lift (core func $code "speak") (memory $code "memory"))))
    (component $hears
        (import "speak" (func $speak (result string)))
        (core module $memory
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 128)))
        (core instance $memory (instantiate $memory))
        (core func $speak (canon lower (func $speak) (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $code
            (import "host" "speak" (func $speak (param i32)))
            (import "host" "memory" (memory 1))
            (func $start
                (call $speak (i32.const 32))
                ;; The text arrived: its length is at 36, and its first letter at 128.
                (if (i32.ne (i32.load (i32.const 36)) (i32.const 5)) (then unreachable))
                (if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 104)) (then unreachable)))
            (start $start))
        (core instance (instantiate $code
            (with "host" (instance
                (export "speak" (func $speak))
                (export "memory" (memory $memory "memory")))))))
    (instance $speaks (instantiate $speaks))
    (instance (instantiate $hears (with "speak" (func $speaks "speak")))))"#;

/// A well-behaved provider with two more components inside, which pass a text from one memory to another.
///
/// # Panics
/// If the text of the components does not parse.
#[must_use]
pub fn with_memory_adapter() -> Vec<u8> {
    let (good, inner) = (well_behaved(), wat::parse_str(PASSES_A_TEXT).expect("the text parses"));
    let mut instances = ComponentInstanceSection::new();
    instances
        .instantiate(nested_components(&good), std::iter::empty::<(&str, wasm_encoder::ComponentExportKind, u32)>());
    let mut outer = Component::new();
    outer.section(&RawSection { id: ComponentSectionId::Component as u8, data: &inner }).section(&instances);
    append_sections(good, &outer.finish())
}

/// Counts the components directly in a component, which is the index that the next one gets.
fn nested_components(component: &[u8]) -> u32 {
    let (mut depth, mut count) = (0_u32, 0);
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.expect("a valid component") {
            wasmparser::Payload::ComponentSection { .. } => {
                count += u32::from(depth == 0);
                depth += 1;
            }
            wasmparser::Payload::ModuleSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    count
}
