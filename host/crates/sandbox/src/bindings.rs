//! What `wit/` becomes on the host's side, made at compile time. One such module for each published version.

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "component",
    imports: { default: async | trappable },
    exports: { default: async },
});

/// What 0.2.0 has beside 0.1.0: one export of its own, over the same types.
pub(super) mod v0_2 {
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

/// `alerts`, which a component of any version may export, over the same types.
pub(super) mod with_alerts {
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
