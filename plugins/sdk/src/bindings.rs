//! Rust bindings, generated from `wit/`. `types.rs` and `http.rs` re-export the part that plugins use.

/// The world `component`, which every plugin implements.
pub mod component {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "jackfield:provider/component",
        additional_derives: [PartialEq],
        generate_unused_types: true,
        pub_export_macro: true,
    });
}

/// The part of the world `component-with-alerts` that `component` does not have.
///
/// Generating the shared part twice would define a macro twice. Instead, the linker merges both worlds.
pub mod alerts {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package jackfield:sdk;

            world alerts {
                export jackfield:provider/alerts@0.1.0;
            }
        ",
        with: {
            "jackfield:provider/http@0.1.0": super::component::jackfield::provider::http,
            "jackfield:provider/types@0.1.0": super::component::jackfield::provider::types,
        },
        pub_export_macro: true,
    });
}
