//! The Rust types and traits that wasmtime generates from `wit/`, one module for each published version.

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "component",
    imports: { default: async | trappable },
    exports: { default: async },
});

/// Version 0.2.0, which has its own `provider` interface and uses the other types of 0.1.0.
pub(crate) mod v0_2 {
    wasmtime::component::bindgen!({
        path: ["../../../wit", "../../../wit/v0.2"],
        world: "jackfield:provider/component@0.2.0",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "jackfield:provider/http@0.1.0": super::jackfield::provider::http,
            "jackfield:provider/log@0.1.0": super::jackfield::provider::log,
            "jackfield:provider/types@0.1.0": super::jackfield::provider::types,
        },
    });
}

/// The interface `alerts`, which a component of any version may also export.
pub(crate) mod with_alerts {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        inline: "
            package jackfield:host;

            world alerts {
                import jackfield:provider/http@0.1.0;
                export jackfield:provider/alerts@0.1.0;
            }
        ",
        world: "jackfield:host/alerts",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "jackfield:provider/http@0.1.0": super::jackfield::provider::http,
            "jackfield:provider/types@0.1.0": super::jackfield::provider::types,
        },
    });
}
