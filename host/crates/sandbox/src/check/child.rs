//! The child's side of a check: makes itself small, then compiles and describes the component on its standard input.

use std::io::{self, Read, Write};

use jackfield_core::manifest::Manifest;
use jackfield_egress::{Egress, EgressConfig};
use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::Verdict;
use crate::{Cache, Limits, LoadError, Pooling, Sandbox, compiled, describe, guest};

/// Memory that can be written to. One of 18 MB made from Python takes 0.4 GiB; address space is no measure, since the
/// engine reserves gigabytes that it never touches.
const DATA: u64 = 1_536 << 20;

/// Seconds of computing, of all threads together. One of 12 MB made from JavaScript takes 15.
const SECONDS: u64 = 60;

/// Files open at once: the pipes, and what the runtime needs.
const FILES: u64 = 64;

/// Bytes of a file. It writes none, but the engine keeps the first image of a guest's memory in one that has no name.
const FILE: u64 = 256 << 20;

/// How far it steps back behind whatever serves. Not to the end of the scale, or a busy machine would never let it on.
const POLITENESS: i32 = 10;

/// Checks the component on the standard input, and writes code and verdict to the standard output.
///
/// # Errors
/// It cannot be confined, or the parent went away.
pub async fn check_as_child() -> io::Result<()> {
    confine()?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let limits = Limits { pooling: Pooling::Never, ..Limits::default() };
    let egress = Egress::new(EgressConfig::default()).map_err(io::Error::other)?;
    let sandbox = Sandbox::new(limits, egress, Cache::none()).map_err(io::Error::other)?;
    let mut said = io::stdout().lock();
    let verdict = match checked(&sandbox, &bytes, &mut said).await? {
        Ok(manifest) => Verdict::Described(Box::new(manifest)),
        Err(why) => Verdict::Refused(why.to_string()),
    };
    said.write_all(&serde_json::to_vec(&verdict)?)?;
    said.flush()?;
    Ok(())
}

/// The code goes out whole before the guest's first instruction runs, so that no guest can have a hand in it.
async fn checked(sandbox: &Sandbox, bytes: &[u8], said: &mut impl Write) -> io::Result<Result<Manifest, LoadError>> {
    let code = match compiled::compile(&sandbox.0.engine, bytes) {
        Ok(code) => code,
        Err(why) => {
            said.write_all(&0_u64.to_be_bytes())?;
            return Ok(Err(why));
        }
    };
    let serialized = code.serialize().map_err(io::Error::other)?;
    said.write_all(&(serialized.len() as u64).to_be_bytes())?;
    said.write_all(&serialized)?;
    said.flush()?;
    drop(serialized);
    Ok(match guest::exports(&sandbox.0.engine, &sandbox.0.linker, &code) {
        Ok(exports) => describe::run(sandbox, &exports.provider).await,
        Err(why) => Err(why),
    })
}

fn confine() -> io::Result<()> {
    let bounds = [(Resource::Data, DATA), (Resource::Cpu, SECONDS), (Resource::Fsize, FILE), (Resource::Nofile, FILES)];
    for (resource, most) in bounds {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    // Every thread that compiles is begun by this one, and steps back with it.
    nice(POLITENESS)?;
    Ok(())
}
