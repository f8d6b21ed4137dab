//! Remembers how long builds took, in `target/build-times.json`, to estimate how long the next one takes.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{atomic_write::write_if_changed, checkout::Checkout, steps::format_duration};

/// How long a build took, and how much it compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BuildTime {
    pub(crate) packages: u64,
    pub(crate) seconds: u64,
}

impl BuildTime {
    /// Formats the time as a phrase: `compiling 455 packages took 6 min 12 s last time`.
    pub(crate) fn describe(self) -> String {
        let duration = format_duration(Duration::from_secs(self.seconds));
        let plural = if self.packages == 1 { "" } else { "s" };
        format!("compiling {} package{plural} took {duration} last time", self.packages)
    }
}

/// The last complete build of each kind, by its name.
#[derive(Debug)]
pub(crate) struct BuildTimes {
    file: PathBuf,
    times: BTreeMap<String, BuildTime>,
}

impl BuildTimes {
    /// Reads the file. A file that is missing or cannot be read counts as empty.
    pub(crate) fn load(checkout: &Checkout) -> Self {
        let file = checkout.target.join("build-times.json");
        let value = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
        let times = value.as_object().into_iter().flatten().filter_map(|(name, time)| {
            let (packages, seconds) = (time["packages"].as_u64()?, time["seconds"].as_u64()?);
            Some((name.clone(), BuildTime { packages, seconds }))
        });
        Self { times: times.collect(), file }
    }

    pub(crate) fn get(&self, name: &str) -> Option<BuildTime> {
        self.times.get(name).copied()
    }

    /// Adds up several builds; `None` where one of them has not run yet.
    pub(crate) fn total(&self, names: &[&str]) -> Option<BuildTime> {
        names.iter().try_fold(BuildTime { packages: 0, seconds: 0 }, |sum, name| {
            let time = self.get(name)?;
            Some(BuildTime { packages: sum.packages + time.packages, seconds: sum.seconds + time.seconds })
        })
    }

    /// Stores the time of a build, unless it only compiled a part of what an earlier one compiled.
    pub(crate) fn record(&mut self, name: &str, time: BuildTime) -> Result<()> {
        if time.packages == 0 || self.get(name).is_some_and(|earlier| time.packages < earlier.packages / 2) {
            return Ok(());
        }
        self.times.insert(name.to_owned(), time);
        let entry = |(name, time): (&String, &BuildTime)| {
            (name.clone(), json!({ "packages": time.packages, "seconds": time.seconds }))
        };
        let value = Value::Object(self.times.iter().map(entry).collect());
        write_if_changed(&self.file, format!("{value:#}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_build_does_not_replace_a_complete_one() {
        let checkout = Checkout { root: "/".into(), target: Checkout::find().unwrap().target.join("build-times-test") };
        fs::create_dir_all(&checkout.target).unwrap();
        fs::write(checkout.target.join("build-times.json"), "{").unwrap();
        let mut times = BuildTimes::load(&checkout);
        assert_eq!(times.get("host"), None);

        let complete = BuildTime { packages: 400, seconds: 372 };
        times.record("host", complete).unwrap();
        times.record("host", BuildTime { packages: 3, seconds: 9 }).unwrap();
        times.record("stand-ins", BuildTime { packages: 0, seconds: 1 }).unwrap();

        let times = BuildTimes::load(&checkout);
        assert_eq!(times.get("host"), Some(complete));
        assert_eq!(times.total(&["host", "stand-ins"]), None);
        assert_eq!(complete.describe(), "compiling 400 packages took 6 min 12 s last time");
    }
}
