//! The measurements, as a table for people and as JSON for programs.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
};

use serde_json::{Map, Value};

/// The target of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// The number has no target and is only for comparison.
    None,
}

/// All numbers in the order of measurement.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    key: &'static str,
    value: f64,
    p99: Option<f64>,
    target: Target,
}

impl Report {
    /// Adds a single number.
    pub(crate) fn number(&mut self, key: &'static str, value: f64, target: Target) {
        self.rows.push(Row { key, value, p99: None, target });
    }

    /// Adds a time: its median, which has the target, and its 99th percentile.
    pub(crate) fn time(&mut self, key: &'static str, median: f64, p99: f64, target: Target) {
        self.rows.push(Row { key, value: median, p99: Some(p99), target });
    }

    /// Adds a sentence that explains a measurement.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints the table and the notes.
    pub(crate) fn print(&self) -> io::Result<()> {
        io::stdout().write_all(self.table().as_bytes())
    }

    /// Writes the numbers to `report.json`, and the printed text to `report.txt`.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut numbers = Map::new();
        for row in &self.rows {
            numbers.insert(row.key.to_owned(), Value::from(round_to_digits(row.value)));
            if let Some(p99) = row.p99 {
                numbers.insert(format!("{}_p99", row.key), Value::from(round_to_digits(p99)));
            }
        }
        fs::create_dir_all(folder)?;
        fs::write(folder.join("report.txt"), self.table())?;
        fs::write(folder.join("report.json"), format!("{:#}\n", Value::from(numbers)))
    }

    fn table(&self) -> String {
        let mut table = format!("{:<42}{:>10}{:>10}{:>12}  ok?\n", "", "median", "p99", "target");
        for row in &self.rows {
            let p99 = row.p99.map(|p99| round_to_digits(p99).to_string()).unwrap_or_default();
            let (target, verdict) = match row.target {
                Target::AtMost(most) => (format!("≤ {most}"), row.value <= most),
                Target::AtLeast(least) => (format!("≥ {least}"), row.value >= least),
                Target::None => (String::new(), true),
            };
            let verdict = match row.target {
                Target::None => "",
                _ if verdict => "yes",
                _ => "NO",
            };
            let value = round_to_digits(row.value);
            // Writing to a string does not fail.
            let _written = writeln!(table, "{:<42}{value:>10}{p99:>10}{target:>12}  {verdict}", row.key);
        }
        for note in &self.notes {
            table.push_str("\n- ");
            table.push_str(note);
        }
        table.push('\n');
        table
    }
}

/// Three digits are all that a noisy machine can support.
fn round_to_digits(value: f64) -> f64 {
    let scale = if value.abs() < 10.0 { 1_000.0 } else { 10.0 };
    (value * scale).round() / scale
}
