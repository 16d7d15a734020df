//! The results as SVG, drawn from the CSV files alone.

mod curves;
mod frontier;
mod paper;

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};

use super::{GROUPS, Plan};
use crate::results::Results;
use crate::tools::root;

/// Pixels of a whole picture, and of what stands beside the plot.
const WIDTH: u32 = 1040;
const LEGEND_WIDTH: i32 = 290;

pub fn run(plan: &Plan) -> Result<()> {
    let results = |name: &str| -> Result<Option<Results>> {
        let file = plan.results(&format!("{name}.csv"));
        file.exists().then(|| Results::read(&file)).transpose()
    };
    let mut drawn: Vec<PathBuf> = Vec::new();
    if let (Some(sizes), Some(fuel)) = (results("size")?, results("fuel")?) {
        for (group, families) in GROUPS {
            let (title, name) = match group {
                "real" => ("Real programs", "real"),
                "small" => ("Small objects (up to 128 bytes)", "small"),
                _ => ("Small objects and larger blocks", "micro"),
            };
            let points = frontier::points(&sizes, &fuel, families)?;
            if !points.is_empty() {
                let file = plan.results(&format!("{name}.svg"));
                frontier::draw(&file, title, &points)
                    .map_err(|error| anyhow!("{}: {error}", file.display()))?;
                drawn.push(file);
            }
        }
    }
    let kinds: [(&str, curves::Reader, &curves::Titles); 3] = [
        ("growth", curves::growth, &curves::GROWTH),
        ("soak", curves::soak, &curves::SOAK),
        ("long-soak", curves::soak, &curves::LONG_SOAK),
    ];
    for (name, read, titles) in kinds {
        if let Some(results) = results(name)? {
            let file = plan.results(&format!("{name}.svg"));
            let panels = read(&results)?;
            curves::draw(&file, titles, &panels).map_err(|error| anyhow!("{}: {error}", file.display()))?;
            drawn.push(file);
        }
    }
    ensure!(!drawn.is_empty(), "there are no results to draw yet");
    println!();
    for file in drawn {
        println!("drawn: {}", file.strip_prefix(root()).unwrap_or(&file).display());
    }
    Ok(())
}
