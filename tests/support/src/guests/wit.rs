//! The contract as parsed by `wit-parser`, and values laid out in memory by the canonical ABI.

use serde_json::Value;
use wit_component::{StringEncoding, WitPrinter};
use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind, WorldId};

const PACKAGE: &str = "package jackfield:provider@0.1.0;";
const HOST: &str = include_str!("../../../../wit/host.wit");
const PROVIDER: &str = include_str!("../../../../wit/provider.wit");
const WORLD: &str = include_str!("../../../../wit/world.wit");
const NEXT: &str = include_str!("../../../../wit/v0.2/provider.wit");

/// The name of the exported interface, without its version.
pub(super) const INTERFACE: &str = "jackfield:provider/provider";

/// Prints one version of this repository's contract, without comments and in canonical form.
///
/// # Panics
/// If there is no such version.
#[must_use]
pub fn contract(version: &str) -> String {
    let resolve = Contract::next().resolve;
    let package = resolve.packages.iter().find(|(_, package)| {
        package.name.namespace == "jackfield"
            && package.name.version.as_ref().is_some_and(|is| is.to_string() == version)
    });
    let (package, _) = package.unwrap_or_else(|| panic!("there is no jackfield:provider@{version}"));
    let mut printer = WitPrinter::default();
    printer.emit_docs(false).print(&resolve, package, &[]).expect("the contract can be printed");
    printer.output.to_string()
}

/// A contract, possibly changed, and the world to build a component for.
pub(super) struct Contract {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
    sizes: SizeAlign,
}

impl Contract {
    /// Parses the contract of this repository.
    pub(super) fn frozen() -> Self {
        Self::with_change(str::to_owned, "jackfield:provider/component")
    }

    /// Parses version 0.2.0 together with the contract it builds upon.
    pub(super) fn next() -> Self {
        Self::with_package(NEXT)
    }

    /// Parses the contract after a change to its text, and selects a world by name.
    pub(super) fn with_change(change: impl Fn(&str) -> String, world: &str) -> Self {
        // One file instead of three. Each starts with the package line, which may occur only once.
        let further = [HOST, PROVIDER, WORLD].map(|text| text.replacen(PACKAGE, "", 1)).concat();
        let mut resolve = Resolve::default();
        let text = change(&format!("{PACKAGE}\n{further}"));
        let package = resolve.push_source("contract.wit", &text).expect("the contract resolves");
        Self::of(resolve, package, Some(world))
    }

    /// Parses the frozen contract and another package, and selects the world of that package.
    pub(super) fn with_package(text: &str) -> Self {
        let Self { mut resolve, .. } = Self::frozen();
        let package = resolve.push_source("beside.wit", text).expect("the package resolves");
        Self::of(resolve, package, None)
    }

    fn of(resolve: Resolve, package: wit_parser::PackageId, world: Option<&str>) -> Self {
        let world = resolve.select_world(&[package], world).expect("the world is in the package");
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Self { resolve, world, sizes }
    }

    /// Returns the result type of a function of the latest `provider` interface.
    pub(super) fn result_of(&self, function: &str) -> Type {
        let mut interfaces = self.resolve.interfaces.iter().filter(|(_, one)| one.name.as_deref() == Some("provider"));
        let (_, provider) = interfaces.next_back().expect("the contract has the interface `provider`");
        provider.functions[function].result.expect("every function of `provider` has a result")
    }
}

/// Values laid out in memory from a base address.
pub(super) struct Layout<'a> {
    contract: &'a Contract,
    encoding: StringEncoding,
    base: usize,
    bytes: Vec<u8>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(contract: &'a Contract, encoding: StringEncoding, base: usize) -> Self {
        Self { contract, encoding, base, bytes: Vec::new() }
    }

    /// Returns the bytes; they belong at the base address.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Lays a value out and returns its address.
    ///
    /// A record is an object with the names of the WIT. A variant is the name of its case, or an object with that one
    /// key. An option is null or its value. Flags are a list of names.
    pub(super) fn place(&mut self, ty: &Type, value: &Value) -> usize {
        let at = self.reserve(self.contract.sizes.size(ty).size_wasm32(), self.align(ty));
        self.write(ty, value, at);
        at
    }

    fn align(&self, ty: &Type) -> usize {
        self.contract.sizes.align(ty).align_wasm32()
    }

    fn reserve(&mut self, size: usize, align: usize) -> usize {
        let at = (self.base + self.bytes.len()).next_multiple_of(align);
        self.bytes.resize(at + size - self.base, 0);
        at
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at - self.base..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Writes a pointer and a length.
    fn put_span(&mut self, at: usize, pointer: usize, length: usize) {
        for (offset, number) in [(0, pointer), (4, length)] {
            self.put(at + offset, &u32::try_from(number).expect("an address of 32 bits").to_le_bytes());
        }
    }

    fn write(&mut self, ty: &Type, value: &Value, at: usize) {
        match ty {
            Type::Bool => self.put(at, &[u8::from(value.as_bool().expect("a flag"))]),
            Type::U16 => self.put(at, &u16::try_from(number(value)).expect("16 bits").to_le_bytes()),
            Type::U32 => self.put(at, &u32::try_from(number(value)).expect("32 bits").to_le_bytes()),
            Type::F64 => self.put(at, &value.as_f64().expect("a number").to_le_bytes()),
            Type::String => {
                let text = value.as_str().expect("a text");
                let (bytes, units, align) = match self.encoding {
                    StringEncoding::UTF8 => (text.as_bytes().to_vec(), text.len(), 1),
                    StringEncoding::UTF16 | StringEncoding::CompactUTF16 => {
                        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                        let length = units.len() / 2;
                        (units, length, 2)
                    }
                };
                let text = self.reserve(bytes.len(), align);
                self.put(text, &bytes);
                self.put_span(at, text, units);
            }
            Type::Id(id) => {
                let contract = self.contract;
                self.write_defined(&contract.resolve.types[*id].kind, value, at);
            }
            other => unreachable!("the contract has no {other:?} in what a component returns"),
        }
    }

    fn write_defined(&mut self, kind: &TypeDefKind, value: &Value, at: usize) {
        match kind {
            TypeDefKind::Type(ty) => self.write(ty, value, at),
            TypeDefKind::Record(record) => {
                let offsets = self.contract.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                for (field, (offset, ty)) in record.fields.iter().zip(offsets) {
                    let held = value.get(&field.name).unwrap_or_else(|| panic!("`{}` in {value}", field.name));
                    self.write(ty, held, at + offset.size_wasm32());
                }
            }
            TypeDefKind::Option(ty) => match value {
                Value::Null => {}
                some => self.write_case(1, [None, Some(ty)], Some(some), at),
            },
            TypeDefKind::Result(result) => {
                let (index, held) = match value.get("ok") {
                    Some(held) => (0, held),
                    None => (1, &value["err"]),
                };
                self.write_case(index, [result.ok.as_ref(), result.err.as_ref()], Some(held), at);
            }
            TypeDefKind::Variant(variant) => {
                let (name, held) = case(value);
                let index = variant.cases.iter().position(|case| case.name == name).expect("a case of the variant");
                self.write_case(index, variant.cases.iter().map(|case| case.ty.as_ref()), held, at);
            }
            TypeDefKind::Enum(cases) => {
                let name = value.as_str().expect("a case");
                let index = cases.cases.iter().position(|case| case.name == name).expect("a case of the enum");
                self.put(at, &[u8::try_from(index).expect("less than 256 cases")]);
            }
            TypeDefKind::Flags(flags) => {
                let set = value.as_array().expect("a list of flags");
                let bits = flags.flags.iter().enumerate().filter(|(_, flag)| set.contains(&flag.name.as_str().into()));
                self.put(at, &[bits.fold(0_u8, |bits, (index, _)| bits | 1 << index)]);
            }
            TypeDefKind::List(ty) => {
                let elements = value.as_array().expect("a list");
                let (size, align) = (self.contract.sizes.size(ty).size_wasm32(), self.align(ty));
                let start = self.reserve(size * elements.len(), align);
                for (index, element) in elements.iter().enumerate() {
                    self.write(ty, element, start + index * size);
                }
                self.put_span(at, start, elements.len());
            }
            other => unreachable!("the contract has no {} in what a component returns", other.as_str()),
        }
    }

    fn write_case<'t>(
        &mut self,
        index: usize,
        cases: impl IntoIterator<Item = Option<&'t Type>> + Clone,
        held: Option<&Value>,
        at: usize,
    ) {
        self.put(at, &[u8::try_from(index).expect("less than 256 cases")]);
        if let (Some(ty), Some(held)) = (cases.clone().into_iter().nth(index).flatten(), held) {
            let payload = self.contract.sizes.payload_offset(wit_parser::Int::U8, cases).size_wasm32();
            self.write(ty, held, at + payload);
        }
    }
}

fn case(value: &Value) -> (&str, Option<&Value>) {
    match value {
        Value::String(name) => (name, None),
        object => {
            let mut entries = object.as_object().expect("a case, by name or with its value").iter();
            entries.next().map(|(name, held)| (name.as_str(), Some(held))).expect("one case")
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a non-negative integer")
}
