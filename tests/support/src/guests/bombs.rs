//! Components that are expensive to compile or to instantiate (T15, T22). Each is valid unless documented otherwise.

use std::fmt::Write;

use wasm_encoder::{
    CodeSection, Component, ComponentSection, Function, FunctionSection, InstanceSection, Instruction, MemorySection,
    MemoryType, Module, ModuleSection, RefType, TableSection, TableType, TypeSection, ValType,
};

use super::synthetic::{append_sections, well_behaved};

/// A component with this many small functions.
#[must_use]
pub fn many_functions(count: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for number in 0..20 {
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::I32Const(number));
        body.instruction(&Instruction::I32Mul);
        body.instruction(&Instruction::LocalSet(0));
    }
    body.instruction(&Instruction::End);
    with_functions(&body, count)
}

/// A component with one function whose blocks are nested this deep. The time to compile it grows faster than the depth.
///
/// Each level has seven bytes. Validators accept function bodies of 7,654,321 bytes (the JavaScript API's limit).
#[must_use]
pub fn deep_nesting(depth: u32) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..depth {
        body.instruction(&Instruction::Block(wasm_encoder::BlockType::Empty));
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::BrIf(0));
    }
    for _ in 0..=depth {
        body.instruction(&Instruction::End);
    }
    with_functions(&body, 1)
}

/// A component with this many distinct function types; validators accept a million. Each 23 bytes take about 2 KB of
/// memory to compile.
#[must_use]
pub fn many_types(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for number in 0..count {
        // The bits of the number, so that every type is distinct.
        let bits = (0..20).map(|bit| if number >> bit & 1 == 1 { ValType::I64 } else { ValType::I32 });
        types.ty().function(bits, []);
    }
    let mut module = Module::new();
    module.section(&types);
    with_section(&ModuleSection(&module))
}

/// A type that nests pairs thirty levels deep: 2^30 values if written out. Validators reject it.
#[must_use]
pub fn exponential_types() -> Vec<u8> {
    let mut text = "(component (component (type $t0 (tuple u8 u8))".to_owned();
    for level in 1..30 {
        write!(text, "(type $t{level} (tuple $t{0} $t{0}))", level - 1).expect("writing to a string");
    }
    text.push_str("))");
    append_sections(well_behaved(), &wat::parse_str(&text).expect("the text parses"))
}

/// Components nested this deep; validators accept any depth.
#[must_use]
pub fn nested_components(depth: u32) -> Vec<u8> {
    let mut inner = Component::new();
    for _ in 0..depth {
        let mut outer = Component::new();
        outer.section(&wasm_encoder::NestedComponentSection(&inner));
        inner = outer;
    }
    append_sections(well_behaved(), &inner.finish())
}

/// This many instances of an empty core module; validators accept a thousand.
#[must_use]
pub fn many_core_instances(count: u32) -> Vec<u8> {
    with_instances(&Module::new(), count)
}

/// This many memories of one page each.
#[must_use]
pub fn many_memories(count: u32) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&memories);
    with_instances(&module, count)
}

/// This many tables with this many elements each.
#[must_use]
pub fn many_tables(count: u32, elements: u32) -> Vec<u8> {
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: u64::from(elements),
        maximum: None,
        shared: false,
    });
    let mut module = Module::new();
    module.section(&tables);
    with_instances(&module, count)
}

/// A well-behaved provider, padded to exactly this many bytes, to test the edge of a limit.
///
/// # Panics
/// If the size is smaller than the provider, or is the one size that the encoding of the padding's length skips.
#[must_use]
pub fn padded_to(bytes: usize) -> Vec<u8> {
    let good = well_behaved();
    let mut padding = bytes.checked_sub(good.len() + 20).expect("the size is larger than the provider");
    loop {
        let custom = wasm_encoder::CustomSection { name: "padding".into(), data: vec![0; padding].into() };
        let mut component = Component::new();
        component.section(&custom);
        let padded = append_sections(good.clone(), &component.finish());
        if padded.len() >= bytes {
            assert_eq!(padded.len(), bytes, "the encoding of a section's length has a variable size");
            return padded;
        }
        padding += bytes - padded.len();
    }
}

fn with_functions(body: &Function, count: u32) -> Vec<u8> {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([ValType::I32], []);
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    with_section(&ModuleSection(&module))
}

fn with_section(section: &impl ComponentSection) -> Vec<u8> {
    let mut component = Component::new();
    component.section(section);
    append_sections(well_behaved(), &component.finish())
}

fn with_instances(module: &Module, count: u32) -> Vec<u8> {
    let good = well_behaved();
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate(core_modules(&good), std::iter::empty::<(&str, _)>());
    }
    let mut component = Component::new();
    component.section(&ModuleSection(module)).section(&instances);
    append_sections(good, &component.finish())
}

/// Counts the core modules directly in a component, which is the index that the next module gets.
fn core_modules(component: &[u8]) -> u32 {
    let mut depth = 0_u32;
    let mut modules = 0;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.expect("a valid component") {
            wasmparser::Payload::ModuleSection { .. } => {
                modules += u32::from(depth == 0);
                depth += 1;
            }
            wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    modules
}
