//! How much memory this process may use: that of the machine, or the limit of its control group if that is less.

use std::fs;

/// The files with the limit of a control group, version 2 and version 1. In a container they show its own limit.
const CGROUP_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Returns the memory in bytes; `None` if the system does not report it.
pub(super) fn read_usable_memory() -> Option<usize> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| parse_total(&text));
    let limits = CGROUP_LIMITS.iter().filter_map(|path| read(path)?.trim().parse().ok());
    machine.into_iter().chain(limits).min()
}

/// Parses the line `MemTotal:       24603692 kB`.
fn parse_total(meminfo: &str) -> Option<usize> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_the_machine_is_found() {
        let text = "MemFree:  12 kB\nMemTotal:       24603692 kB\nSwapTotal: 0 kB\n";
        assert_eq!(parse_total(text), Some(24_603_692 << 10));
        assert_eq!(parse_total("MemTotal: many\n"), None);
    }
}
