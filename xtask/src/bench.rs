//! `cargo xtask bench`: our allocators and their peers, measured alike.

pub mod embedded;
mod fuel;
mod growth;
mod memory;
mod plots;
pub mod size;
mod soak;
mod time;
mod workloads;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::modules::{self, Allocator, Profile};
use crate::tools;
use crate::{node, results};
use workloads::Family;

const USAGE: &str = "\
usage: cargo xtask bench [--quick] [--only <parts>] [--allocators <keys>] [--workloads <names>] [--rounds <n>]

  --quick        fewer rounds, less patience, modules built without LTO, sizes of small modules at opt-level z only, a
                 soak of the real programs on short inputs only, neither memory nor embedded, and the best known peers
                 only, unless the other options say otherwise
  --only         of: size, fuel (instructions and memory), memory (of the real programs, over several inputs), growth
                 (of instructions with live blocks), time (in Node.js; of JSON with eight documents in turn, too), soak (many
                 repetitions), embedded (flash, RAM and instructions on microcontrollers, under QEMU), plots (of the
                 results that are there)
  --allocators   of those listed below; std is always among them
  --workloads    of those listed below
  --rounds       a long soak: the real programs on tiny inputs, so many times with FreeListAllocator, and a tenth of that
                 with std's default

Lists are separated by commas. On two cores, the quick mode takes ten minutes, and all of it some hours.";

/// What is to be measured.
pub struct Plan {
    pub quick: bool,
    only: Vec<&'static str>,
    pub allocators: Vec<&'static Allocator>,
    pub workloads: Vec<&'static workloads::Workload>,
    /// Rounds of a long soak.
    pub rounds: Option<u32>,
    /// The allocators of the part `embedded`.
    pub embedded: Vec<&'static Allocator>,
    /// Whether something was left out, so that the results are not the ones to keep.
    partial: bool,
}

/// Left out of the quick mode: other settings of an allocator that it has, and the one that takes longest.
const SLOW_OR_SIMILAR: [&str; 5] = ["talc-claim", "talc-no-realloc", "rlsf", "old-bump", "mini"];

type Part = fn(&Plan) -> Result<()>;

const PARTS: [(&str, Part); 8] = [
    ("size", size::run),
    ("fuel", fuel::run),
    ("memory", memory::run),
    ("growth", growth::run),
    ("time", time::run),
    ("soak", soak::run),
    ("embedded", embedded::run),
    ("plots", plots::run),
];

pub fn run(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}\n\nallocators:");
        all_allocators().for_each(|allocator| println!("  {:16} {}", allocator.key, allocator.name));
        println!("\nallocators of the part embedded:");
        embedded::ALLOCATORS
            .iter()
            .for_each(|allocator| println!("  {:16} {}", allocator.key, allocator.name));
        println!("\nworkloads:");
        workloads::ALL.iter().for_each(|workload| println!("  {:16} {}", workload.name, workload.what));
        return Ok(());
    }
    let begin = Instant::now();
    let plan = Plan::from_args(args)?;
    tools::need_target(tools::WASM)?;
    let mut outcome = Ok(());
    for (part, run) in PARTS {
        if plan.only.contains(&part) {
            // What has been measured is kept and drawn even if another part fails.
            outcome = outcome.and(run(&plan));
        }
    }
    println!("\nDone in {:.0} s.", begin.elapsed().as_secs_f64());
    outcome
}

pub fn all_allocators() -> impl Iterator<Item = &'static Allocator> {
    std::iter::once(&modules::STD).chain(modules::ours()).chain(&modules::PEERS)
}

impl Plan {
    fn from_args(args: &[String]) -> Result<Self> {
        let quick = args.iter().any(|arg| arg == "--quick");
        let mut plan = Self {
            quick,
            only: PARTS
                .map(|(part, _)| part)
                .into_iter()
                .filter(|part| !quick || !["memory", "embedded"].contains(part))
                .collect(),
            allocators: all_allocators().collect(),
            workloads: workloads::ALL.iter().collect(),
            rounds: None,
            embedded: embedded::ALLOCATORS.iter().collect(),
            partial: false,
        };
        if quick && !args.iter().any(|arg| arg == "--allocators") {
            plan.allocators.retain(|allocator| !SLOW_OR_SIMILAR.contains(&allocator.key));
        }
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--quick" {
                continue;
            }
            let list = args.next().with_context(|| format!("what follows {arg}?\n\n{USAGE}"))?;
            if arg == "--rounds" {
                let rounds = list.parse().ok().filter(|&rounds| rounds > 0);
                plan.rounds =
                    Some(rounds.with_context(|| format!("--rounds: `{list}` is no number of rounds"))?);
                continue;
            }
            let names: Vec<&str> = list.split(',').collect();
            let known: Vec<&str> = match arg.as_str() {
                "--only" => {
                    plan.only.clear();
                    plan.only.extend(PARTS.map(|(part, _)| part).iter().filter(|part| names.contains(part)));
                    PARTS.map(|(part, _)| part).to_vec()
                }
                "--allocators" => {
                    plan.partial = true;
                    plan.allocators
                        .retain(|allocator| allocator.key == "std" || names.contains(&allocator.key));
                    plan.embedded.retain(|allocator| names.contains(&allocator.key));
                    all_allocators().chain(&embedded::ALLOCATORS).map(|allocator| allocator.key).collect()
                }
                "--workloads" => {
                    plan.partial = true;
                    plan.workloads.retain(|workload| names.contains(&workload.name));
                    workloads::ALL.iter().map(|workload| workload.name).collect()
                }
                _ => bail!("there is no option {arg}\n\n{USAGE}"),
            };
            if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                bail!("{arg}: `{unknown}` is none of {}", known.join(", "));
            }
        }
        Ok(plan)
    }

    pub fn profile(&self) -> Profile {
        if self.quick { Profile::Fast } else { Profile::Lto("3") }
    }

    /// A workload is stopped when it takes this many times what it takes with std's default. With a hundred times, one
    /// that is slow in the largest program would take two hours for that alone.
    pub fn patience(&self) -> u64 {
        if self.quick { 5 } else { 10 }
    }

    /// Where a file of results lies: in `bench/results` if they are whole, or else in the target folder.
    pub fn results(&self, name: &str) -> PathBuf {
        let dir = if self.partial { tools::target_dir() } else { tools::root().to_owned() };
        dir.join("bench/results").join(format!("{}{name}", if self.quick { "quick-" } else { "" }))
    }

    /// Writes results as CSV. The first row names the columns.
    pub fn write(&self, name: &str, rows: &[Vec<String>]) -> Result<()> {
        let file = self.results(&format!("{name}.csv"));
        fs::create_dir_all(file.parent().expect("it lies in a folder"))?;
        fs::write(&file, results::text(rows)?)?;
        println!("\nwritten to {}", file.strip_prefix(tools::root()).unwrap_or(&file).display());
        Ok(())
    }
}

/// Workloads that are summed up together.
pub const GROUPS: [(&str, &[Family]); 3] = [
    ("real", &[Family::Real]),
    ("small", &[Family::Small]),
    ("small and micro", &[Family::Small, Family::Micro]),
];

/// A row of cells.
fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

/// A ratio for the CSV, where nothing stands for none.
fn cell(ratio: Option<f64>) -> String {
    ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"))
}

/// An error for a narrow column, of a workload that was stopped when it took `patience` times what std's default takes.
pub fn short(error: &str, patience: u64) -> String {
    match error {
        node::OUT_OF_MEMORY => "no memory".into(),
        "timeout" => format!("> {patience}"),
        "wrong checksum" => "wrong".into(),
        _ => "trap".into(),
    }
}
