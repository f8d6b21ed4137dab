//! Compiles components to native code, and loads native code that this program compiled before.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component as Code};

use crate::{error::LoadError, text::sanitize};

/// Returns the digest of a component: SHA-256 of its bytes in lower-case hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Checks that bytes start like a component. The seventh byte is the layer: 0 for a core module, 1 for a component.
///
/// # Errors
/// The bytes are something else. The error says what.
pub(crate) fn check_is_component(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', ..] => {
            Err(LoadError::new("it is a core module, not a component; build it for wasm32-wasip2".to_owned()))
        }
        _ => Err(LoadError::new("it is not a WebAssembly component".to_owned())),
    }
}

/// Compiles a component. The component determines how much time and memory this takes; see `child_check`.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Code, LoadError> {
    check_is_component(bytes)?;
    // The compiler gives up on some valid components with a panic.
    match catch_unwind(AssertUnwindSafe(|| Code::from_binary(engine, bytes))) {
        Ok(compiled) => compiled.map_err(|error| {
            LoadError::new(format!("it is not a valid component: {}", sanitize(&format!("{error:#}"), 500)))
        }),
        Err(_panic) => {
            Err(LoadError::new("it uses something that the compiler of this program does not support".to_owned()))
        }
    }
}

/// Loads the code that a child process compiled.
pub(crate) fn deserialize_from_child(engine: &Engine, code: &[u8]) -> Result<Code, LoadError> {
    deserialize(engine, code).map_err(|error| {
        LoadError::new(format!("its compiled code cannot be used: {}", sanitize(&format!("{error:#}"), 500)))
    })
}

/// Loads compiled code. The caller guarantees that this program compiled exactly these bytes; see below.
#[expect(
    unsafe_code,
    reason = "there is no safe way to load compiled code; the comment says where the bytes come from"
)]
pub(crate) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Code> {
    // SAFETY: The bytes are the output of `Component::serialize` of this program. Either `cache` verified a MAC over
    // exactly these bytes and the engine's compatibility hash, and did not read the file again. Or they came through a
    // pipe from a child process of this program, which wrote them before it ran any code of the component.
    unsafe { Code::deserialize(engine, code) }
}
