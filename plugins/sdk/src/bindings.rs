//! The Rust side of `wit/`, generated. What a provider uses of it is re-exported by hand in `lib.rs`.

/// The world of a provider.
pub mod component {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "jackfield:provider/component",
        additional_derives: [PartialEq],
        generate_unused_types: true,
        pub_export_macro: true,
    });
}

/// What `component-with-alerts` has beside `component`.
///
/// Generated twice, the shared part would define one macro twice; the linker joins the worlds of both parts instead.
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
