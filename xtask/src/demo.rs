//! `cargo xtask demo`: real programs on real input, with each of our allocators and with std's default.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::modules::{self, Allocator, Profile};
use crate::node::{self, Outcome};
use crate::tools::{self, progress};
use crate::{inputs, table};

const ROUNDS: u32 = 10;
/// A program is stopped when a round takes this many times as long as with std's default.
const PATIENCE: u64 = 200;

/// The programs: what they are called in the module, and what they do.
pub const PROGRAMS: [(&str, &str); 3] = [
    ("json", "JSON, parsed and written again"),
    ("markdown", "Markdown, rendered to HTML"),
    ("rust", "Rust source, parsed and turned into tokens again"),
];

pub fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        bail!("the demo takes no arguments, but there is `{arg}`");
    }
    let begin = Instant::now();
    let node = tools::need_node()?;
    tools::need_target(tools::WASM)?;

    progress("Collecting the inputs: files of the packages that the programs are built from");
    let inputs = inputs::prepare()?;

    let mut allocators = vec![&modules::STD];
    allocators.extend(&modules::OURS);
    let names = PROGRAMS.map(|(program, _)| program);
    let total = allocators.len() + 1;
    let build = |number: usize, allocator: &Allocator| {
        progress(&format!("Building the module with {} ({number} of {total})", allocator.name));
        modules::build(allocator, &names, Profile::Lto("3"))
    };
    let mut paths = Vec::new();
    for (index, allocator) in allocators.iter().enumerate() {
        paths.push(build(index + 1, allocator)?);
    }
    let bare = size(&build(total, &modules::IMPORTED)?)?;

    progress(&format!("Running {ROUNDS} rounds of each program in Node.js {node}, the allocators in turn"));
    let mut results = Vec::new();
    for program in names {
        results.push(node::run(program, &[inputs.join(program)], &paths, ROUNDS, PATIENCE)?);
    }

    println!();
    let mut rows = vec![vec!["module".into(), "bytes".into(), "allocator adds".into()]];
    for (allocator, path) in allocators.iter().zip(&paths) {
        let bytes = size(path)?;
        rows.push(vec![allocator.name.into(), table::grouped(bytes), table::grouped(bytes - bare)]);
    }
    rows.push(vec!["none (imported)".into(), table::grouped(bare), "-".into()]);
    table::print(&rows);

    let mut wrong = false;
    for ((program, title), outcomes) in PROGRAMS.iter().zip(&results) {
        let input = size(&inputs.join(program))?;
        println!("\n{title} ({} MiB, {ROUNDS} rounds)\n", table::mib(input));
        let expected = match &outcomes[0] {
            Outcome::Done { checksum, .. } => Some(checksum),
            Outcome::Failed { .. } => None,
        };
        let mut rows = vec![
            ["allocator", "ms, median", "to std's", "memory, MiB", "checksum"].map(String::from).to_vec(),
        ];
        for (allocator, outcome) in allocators.iter().zip(outcomes) {
            let mut row = vec![allocator.name.to_owned()];
            match outcome {
                Outcome::Done { median, memories, checksum } => {
                    let same = Some(checksum) == expected;
                    wrong |= !same;
                    row.push(format!("{median:.1}"));
                    row.push(ratio(*median, &outcomes[0]));
                    row.push(memories.last().map_or("-".into(), |bytes| table::mib(*bytes)));
                    row.push(format!("{checksum} {}", if same { "same" } else { "WRONG" }));
                }
                Outcome::Failed { round, error, memories } => {
                    wrong |= error != node::OUT_OF_MEMORY;
                    let memory = memories.last().map_or("-".into(), |bytes| table::mib(*bytes));
                    row.extend(["-".into(), "-".into(), memory]);
                    row.push(format!("FAILED in round {round}: {error}"));
                }
            }
            rows.push(row);
        }
        table::print(&rows);
    }

    println!(
        "\nbytes: at opt-level 3 with LTO, without debug information; \"allocator adds\": compared with the \
         same\nmodule whose allocator is imported from outside. memory: the whole linear memory after the last \
         round,\nthe input and 1 MiB of stack included. Done in {:.0} s.",
        begin.elapsed().as_secs_f64()
    );
    if wrong {
        bail!("not every program gave the same result with every allocator");
    }
    Ok(())
}

fn ratio(median: f64, std: &Outcome) -> String {
    match std {
        Outcome::Done { median: of_std, .. } => format!("{:.2}", median / of_std),
        Outcome::Failed { .. } => "-".into(),
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("there is no {}", path.display()))?.len())
}
