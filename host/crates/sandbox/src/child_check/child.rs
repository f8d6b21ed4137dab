//! The child process of a check: limits itself, then compiles and describes the component on standard input.

use std::io::{self, Read, Write};

use jackfield_core::manifest::Manifest;
use jackfield_egress::{Egress, EgressConfig};
use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::{CheckOptions, CheckResult};
use crate::{
    cache::Cache,
    compile::compile,
    describe::describe,
    error::LoadError,
    limits::{Limits, Pooling},
    sandbox::Sandbox,
};

/// Maximum number of bytes of writable memory. A component of 18 MB built from Python takes 0.4 GiB. The address space is
/// not limited, because the engine reserves gigabytes that it never uses.
pub(super) const DATA: u64 = 1_536 << 20;

/// Maximum seconds of CPU time of all threads together. A component of 12 MB built from JavaScript takes 15.
pub(super) const CPU_SECONDS: u64 = 60;

/// Seconds of CPU time after which a child is killed that ignores the signal for the limit above.
const CPU_SECONDS_AT_MOST: u64 = 65;

/// Wall-clock time of `describe` per second of its processor time. A busy machine gives a check a small part of its
/// processors, and a guest that only waits must still end.
const DESCRIBE_WALL: u32 = 24;

/// Maximum number of open files: the pipes, and what the runtime needs.
const OPEN_FILES: u64 = 64;

/// Maximum number of bytes of one file. The check writes none, but the engine stores the initial memory of a guest in an
/// anonymous file.
const FILE_BYTES: u64 = 256 << 20;

/// Added to the nice value, so that requests come first. Not more, or a busy machine might never finish a check.
const NICE: i32 = 5;

/// Checks the component on standard input, and writes its code and the result to standard output.
///
/// # Errors
/// The process cannot limit itself, or the parent process has gone away.
pub async fn check_as_child(options: CheckOptions) -> io::Result<()> {
    limit_resources()?;
    if !options.foreground {
        // Every thread that compiles is started by this one, and inherits its nice value.
        nice(NICE)?;
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let limits = Limits {
        pooling: Pooling::Never,
        counts_fuel: options.count_fuel,
        describe_wall: DESCRIBE_WALL,
        ..Limits::default()
    };
    let egress = Egress::new(EgressConfig::default()).map_err(io::Error::other)?;
    let sandbox = Sandbox::new(limits, egress, Cache::none()).map_err(io::Error::other)?;
    let mut output = io::stdout().lock();
    let result = match check(&sandbox, &bytes, &mut output).await? {
        Ok(manifest) => CheckResult::Described(Box::new(manifest)),
        Err(error) => CheckResult::Rejected(error.to_string()),
    };
    output.write_all(&serde_json::to_vec(&result)?)?;
    output.flush()?;
    Ok(())
}

/// Compiles and describes a component. The code is written completely before the first instruction of the guest runs,
/// so that no guest can change it.
async fn check(sandbox: &Sandbox, bytes: &[u8], output: &mut impl Write) -> io::Result<Result<Manifest, LoadError>> {
    let code = match compile(sandbox.engine(), bytes) {
        Ok(code) => code,
        Err(error) => {
            output.write_all(&0_u64.to_be_bytes())?;
            return Ok(Err(error));
        }
    };
    let serialized = code.serialize().map_err(io::Error::other)?;
    output.write_all(&(serialized.len() as u64).to_be_bytes())?;
    output.write_all(&serialized)?;
    output.flush()?;
    drop(serialized);
    Ok(match sandbox.resolve(&code) {
        Ok(exports) => describe(sandbox, &exports).await,
        Err(error) => Err(error),
    })
}

fn limit_resources() -> io::Result<()> {
    let limits = [
        (Resource::Data, DATA, DATA),
        // With equal limits the kernel sends SIGKILL, which says less than SIGXCPU.
        (Resource::Cpu, CPU_SECONDS, CPU_SECONDS_AT_MOST),
        (Resource::Fsize, FILE_BYTES, FILE_BYTES),
        (Resource::Nofile, OPEN_FILES, OPEN_FILES),
    ];
    for (resource, current, maximum) in limits {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    }
    Ok(())
}
