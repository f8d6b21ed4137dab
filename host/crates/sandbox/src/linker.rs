//! Links the host functions that a component may import, and resolves a component's imports and exports.

use wasmtime::{
    Engine,
    component::{Component as Code, HasSelf, Linker},
};

use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;

use crate::{bindings::Component, contract::Exports, error::LoadError, guest::Guest, text::sanitize};

/// Creates the linker of all components. A component that imports anything else cannot be used.
pub(crate) fn new_linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    // The guest's own timers replace those of wasmtime.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    linker.allow_shadowing(false);
    // Adds `outgoing-handler` and the types that it needs, and nothing else of `wasi:http`.
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Component::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// Resolves a component's imports and exports once, for all its calls.
///
/// # Errors
/// The component imports something that is not linked, or does not export `provider`. The error names it.
pub(crate) fn resolve(engine: &Engine, linker: &Linker<Guest>, code: &Code) -> Result<Exports, LoadError> {
    let pre = linker.instantiate_pre(code).map_err(|error| {
        LoadError::new(format!("it imports something that is not allowed: {}", sanitize(&format!("{error:#}"), 500)))
    })?;
    Exports::find(engine, code, pre)
}
