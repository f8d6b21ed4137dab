//! The published versions of the contract, side by side: which one a component exports, and an adapter for each.
//!
//! Everything else in the sandbox speaks the types of the oldest version, to which each adapter brings its own.

pub(super) mod v0_1;
pub(super) mod v0_2;

use wasmtime::{
    Engine, Store,
    component::{Component as Code, InstancePre},
};

use super::{
    LoadError, Operation,
    bindings::{ComponentPre, jackfield::provider::types, v0_2::ComponentPre as ComponentPre02},
    convert,
    guest::Guest,
    operation::Raw,
};

/// What a component exports, without its version.
pub(super) const EXPORT: &str = "jackfield:provider/provider@";

/// The versions that are served, the oldest first.
pub(super) const SERVED: [&str; 2] = [v0_1::VERSION, v0_2::VERSION];

/// The exported `provider` of a component, of the version that it was built for.
#[derive(Clone)]
pub(super) enum Provider {
    V0_1(ComponentPre<Guest>),
    V0_2(ComponentPre02<Guest>),
}

impl Provider {
    /// Finds the version among a component's exports; where there are several, the newest that is served.
    ///
    /// # Errors
    /// It exports none that is served, or not what that version says.
    pub(super) fn of(engine: &Engine, code: &Code, pre: InstancePre<Guest>) -> Result<Self, LoadError> {
        let component = code.component_type();
        let versions: Vec<&str> = component.exports(engine).filter_map(|(name, _)| name.strip_prefix(EXPORT)).collect();
        let found = if versions.contains(&v0_2::VERSION) {
            ComponentPre02::new(pre).map(Self::V0_2)
        } else if versions.contains(&v0_1::VERSION) {
            ComponentPre::new(pre).map(Self::V0_1)
        } else {
            let has = match versions.as_slice() {
                [] => "it exports no version of".to_owned(),
                versions => format!("it exports {}, not", convert::clean(&versions.join(" and "), 100)),
            };
            return Err(LoadError(format!(
                "{has} `jackfield:provider/provider` that is served: {}",
                SERVED.join(" and ")
            )));
        };
        found.map_err(|error| {
            LoadError(format!(
                "it does not export `jackfield:provider/provider` as its version has it: {}",
                convert::clean(&format!("{error:#}"), 500)
            ))
        })
    }

    /// Asks a fresh instance what it is.
    pub(super) async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<types::Manifest> {
        match self {
            Self::V0_1(pre) => v0_1::describe(pre, store).await,
            Self::V0_2(pre) => v0_2::describe(pre, store).await,
        }
    }

    /// Makes a fresh instance and calls the export that an operation stands for.
    pub(super) async fn perform(
        &self,
        store: &mut Store<Guest>,
        connection: &types::Connection,
        operation: Operation,
    ) -> wasmtime::Result<Raw> {
        match self {
            Self::V0_1(pre) => v0_1::perform(pre, store, connection, operation).await,
            Self::V0_2(pre) => v0_2::perform(pre, store, connection, operation).await,
        }
    }
}
