//! What `wit/` becomes on the host's side, made at compile time. One such module for each published version.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    imports: { default: async | trappable },
    exports: { default: async },
});

/// What `component-with-alerts` has beside `component`: one more export, over the same types.
pub(super) mod with_alerts {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "component-with-alerts",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "jackfield:provider/http": super::jackfield::provider::http,
            "jackfield:provider/log": super::jackfield::provider::log,
            "jackfield:provider/types": super::jackfield::provider::types,
        },
    });
}
