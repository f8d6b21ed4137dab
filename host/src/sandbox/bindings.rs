//! What `wit/` becomes on the host's side, made at compile time. One such module for each published version.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    imports: { default: async | trappable },
    exports: { default: async },
});
