//! What an allocator costs on microcontrollers: flash and RAM, blocks that fit, and instructions under QEMU, which are exact.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS};
use object::read::elf::{ElfFile32, SectionHeader};
use object::{Endianness, Object, ObjectSection};

use super::{Plan, row};
use crate::modules::Allocator;
use crate::tools::{self, progress};
use crate::{qemu, table};

const fn allocator(key: &'static str, name: &'static str, package: &'static str) -> Allocator {
    Allocator { key, name, package: Some(package) }
}

/// The features of `bench/embedded`. Ours come without a lock, and in critical sections, as all the others but the limit.
pub const ALLOCATORS: [Allocator; 19] = [
    allocator("bump", "BumpFreeListAllocator", "lite-alloc-bump"),
    allocator("bump-cs", "  with critical-section", "lite-alloc-bump"),
    allocator("segregated", "SegregatedBumpAllocator", "lite-alloc-segregated"),
    allocator("segregated-cs", "  with critical-section", "lite-alloc-segregated"),
    allocator("freelist", "FreeListAllocator", "lite-alloc-freelist"),
    allocator("freelist-cs", "  with critical-section", "lite-alloc-freelist"),
    allocator("smallest", "SmallestFreeListAllocator", "lite-alloc-freelist"),
    allocator("smallest-cs", "  with critical-section", "lite-alloc-freelist"),
    allocator("bounded", "BoundedFreeListAllocator", "lite-alloc-freelist"),
    allocator("bounded-cs", "  with critical-section", "lite-alloc-freelist"),
    allocator("llff", "embedded-alloc, LLFF", "embedded-alloc"),
    allocator("tlsf", "embedded-alloc, TLSF", "embedded-alloc"),
    allocator("linked-list", "linked_list_allocator", "linked_list_allocator"),
    allocator("emballoc", "emballoc (spin lock)", "emballoc"),
    allocator("talc", "talc", "talc"),
    allocator("rlsf-small", "rlsf, small", "rlsf"),
    allocator("buddy", "buddy_system_allocator", "buddy_system_allocator"),
    allocator("good-memory", "good_memory_allocator", "good_memory_allocator"),
    allocator("limit", "bump, never frees (the limit)", "embedded"),
];

/// What sizes are compared with.
const NULL: Allocator = allocator("null", "none", "embedded");

const TARGETS: [(&str, &str); 3] =
    [("thumbv6m-none-eabi", "v6m"), (RUNS_ON, "v7em"), ("riscv32imac-unknown-none-elf", "rv32")];
const LEVELS: [&str; 3] = ["z", "s", "3"];

/// Where and how instructions are counted.
const RUNS_ON: &str = "thumbv7em-none-eabihf";
const RUNS_AT: &str = "s";

/// The heap in bytes: of what is measured, of the one with holes, where nothing is ever short, and of the JSON program.
const HEAP: usize = 16 << 10;
const HOLES: usize = 64 << 10;
const PLENTY: usize = 8 << 20;
const JSON: usize = 32 << 10;

/// The smallest heap of the JSON program is looked for in steps of this many bytes.
const STEP: usize = 64;

/// Of a churn that ran in more than 16 KiB: how many of its allocations are refused where that is all there is.
const IN_16_KIB: &str = "_refused_in_16_KiB";

/// emballoc contains its heap.
const CONTAINS_ITS_HEAP: &str = "emballoc";

/// What the programs print: names and numbers.
type Numbers = HashMap<String, u64>;

struct Measured {
    allocator: &'static Allocator,
    /// Bytes of flash and of RAM, for each target and level.
    sizes: Vec<(u64, u64)>,
    numbers: Numbers,
    /// Whether 16 KiB were too little for the churn, which then ran in more.
    churn_in_plenty: bool,
    smallest_json: Option<usize>,
}

pub fn run(plan: &Plan) -> Result<()> {
    ensure!(qemu::ready(), "this needs qemu-system-arm, with the machine mps2-an386");
    let kinds: Vec<_> = TARGETS
        .iter()
        .flat_map(|target| LEVELS.map(|level| (target, level)))
        .filter(|&(target, level)| !plan.quick || (target.1, level) == ("v6m", "z"))
        .map(|(target, level)| (*target, level))
        .collect();
    for ((target, _), _) in &kinds {
        tools::need_target(target)?;
    }
    tools::need_target(RUNS_ON)?;

    let sizes_of = |allocator: &Allocator| -> Result<Vec<(u64, u64)>> {
        kinds
            .iter()
            .map(|((target, _), level)| size(&build(allocator, "size", target, level, HEAP)?))
            .collect()
    };
    progress("Building the programs without an allocator");
    let base = sizes_of(&NULL)?;
    let mut all = Vec::new();
    for (number, allocator) in plan.embedded.iter().enumerate() {
        let place = format!("{} of {}", number + 1, plan.embedded.len());
        progress(&format!("{}: building and running its programs ({place})", allocator.name.trim()));
        let mut sizes = sizes_of(allocator)?;
        for (size, base) in sizes.iter_mut().zip(&base) {
            let own_heap = if allocator.key == CONTAINS_ITS_HEAP { HEAP as u64 } else { 0 };
            *size = (size.0 - base.0, size.1 - base.1 - own_heap);
        }
        all.push(measure(allocator, sizes)?);
    }

    println!(
        "\nBytes of flash added (a program that calls alloc and dealloc), and of RAM besides the heap\n"
    );
    let mut rows = vec![vec!["allocator".to_owned()]];
    rows[0].extend(kinds.iter().map(|((_, target), level)| format!("{target} {level}")));
    rows[0].push("RAM".into());
    for Measured { allocator, sizes, .. } in &all {
        let mut row = vec![allocator.name.to_owned()];
        row.extend(sizes.iter().map(|(flash, _)| flash.to_string()));
        row.extend(sizes.first().map(|(_, ram)| ram.to_string()));
        rows.push(row);
    }
    table::print(&rows);

    println!("\nInstructions on {RUNS_ON} at opt-level {RUNS_AT}; heap of 16 KiB (with 512 holes: 64 KiB)\n");
    let mut rows = vec![row([
        "allocator",
        "fit: 16/24/32/100 B",
        "pair",
        "churn step",
        "worst alloc/free",
        "small step",
        "worst",
        "512 holes",
        "and full",
        "JSON",
        "smallest heap",
    ])];
    rows.extend(all.iter().map(table_row));
    table::print(&rows);
    println!(
        "\nfit: how many blocks of one size fit in the heap. pair: alloc and dealloc of 32 bytes in an empty heap.\n\
         churn: 64 live blocks, 20 000 times a random one is freed and one of 8 to 256 bytes allocated; small: of 8\n\
         to 128 bytes; *: in a heap of 8 MiB, as 16 KiB did not last: r of the 20 000 were refused there. 512 holes of\n\
         16 bytes: the worst alloc and dealloc of 200 blocks of 8 to 256 bytes; and full: when besides the holes only\n\
         two blocks of 1 KiB are free. r: that many of the 200 refused. hangs: the program did not end. JSON:\n\
         thousands of instructions of the program with serde_json, and the smallest heap that it runs in."
    );
    write(plan, &kinds.iter().map(|((target, _), level)| (*target, *level)).collect::<Vec<_>>(), &all)
}

fn measure(allocator: &'static Allocator, sizes: Vec<(u64, u64)>) -> Result<Measured> {
    let program = |bin, heap| build(allocator, bin, RUNS_ON, RUNS_AT, heap);
    let refused = |numbers: &Numbers| numbers.get("churn_refused").is_some_and(|&times| times > 0);
    let mut numbers = qemu(&program("run", HEAP)?, HEAP, 0, COUNTING)?;
    let churn_in_plenty = refused(&numbers);
    if churn_in_plenty {
        for name in ["churn", "small"] {
            if let Some(&times) = numbers.get(&format!("{name}_refused")) {
                numbers.insert(format!("{name}{IN_16_KIB}"), times);
            }
        }
        let plenty = qemu(&program("run", PLENTY)?, PLENTY, 0, COUNTING)?;
        numbers.extend(
            plenty.into_iter().filter(|(name, _)| name.starts_with("churn_") || name.starts_with("small_")),
        );
    }
    numbers.extend(qemu(&program("run", HOLES)?, HOLES, 1, COUNTING)?);
    let calibration = numbers.get("calibration");
    ensure!(calibration == Some(&1000), "1000 instructions are counted as {calibration:?}");
    numbers.extend(qemu(&program("json", JSON)?, JSON, 0, FINE)?);

    // Between a heap that does not do and one that does.
    let (mut small, mut large) = (0, JSON / STEP);
    let works = |steps: usize| -> Result<bool> {
        Ok(qemu(&program("json", steps * STEP)?, steps * STEP, 0, FINE)?.contains_key("json"))
    };
    let smallest_json = works(large)?.then_some(());
    while smallest_json.is_some() && large - small > 1 {
        let middle = (small + large) / 2;
        if works(middle)? { large = middle } else { small = middle }
    }
    let smallest_json = smallest_json.map(|()| large * STEP);
    Ok(Measured { allocator, sizes, numbers, churn_in_plenty, smallest_json })
}

/// A line of the table.
fn table_row(measured: &Measured) -> Vec<String> {
    let get = |name: &str| measured.numbers.get(name).map_or("hangs".to_owned(), u64::to_string);
    let in_plenty = if measured.churn_in_plenty { "*" } else { "" };
    let step = |name: &str| {
        let refused = measured.numbers.get(&format!("{name}{IN_16_KIB}"));
        get(&format!("{name}_step")) + &refused.map_or(String::new(), |times| format!("* {times}r"))
    };
    let both = |name: &str| {
        if !measured.numbers.contains_key(&format!("{name}_step")) {
            return "hangs".to_owned();
        }
        let worst = format!("{}/{}", get(&format!("{name}_worst_alloc")), get(&format!("{name}_worst_free")));
        match measured.numbers.get(&format!("{name}_refused")) {
            Some(1..) => format!("{worst} {}r", get(&format!("{name}_refused"))),
            _ => worst,
        }
    };
    let json =
        measured.numbers.get("json").map_or("-".to_owned(), |count| format!("{:.1}", *count as f64 / 1000.0));
    vec![
        measured.allocator.name.to_owned(),
        ["fit_16", "fit_24", "fit_32", "fit_100"].map(get).join("/"),
        get("pair"),
        step("churn"),
        both("churn") + in_plenty,
        step("small"),
        both("small") + in_plenty,
        both("holes"),
        both("full"),
        json,
        measured.smallest_json.map_or("-".to_owned(), |bytes| bytes.to_string()),
    ]
}

fn write(plan: &Plan, kinds: &[(&str, &str)], all: &[Measured]) -> Result<()> {
    let lock = tools::root().join("bench/embedded/Cargo.lock");
    let rustc = tools::rustc_version()?;
    let qemu = tools::output(Command::new(QEMU).arg("--version"))?;
    let qemu = qemu.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let qemu = qemu.unwrap_or("unknown");
    let mut rows = vec![row([
        "allocator",
        "version",
        "target",
        "opt-level",
        "heap",
        "measure",
        "value",
        "rustc",
        "qemu",
    ])];
    for measured in all {
        let key = measured.allocator.key;
        let version = tools::locked_version(&lock, measured.allocator.package.context("it has a package")?)?;
        let mut line = |target, level, heap: usize, measure: &str, value: u64| {
            let (heap, value) = (heap.to_string(), value.to_string());
            rows.push(row([key, &version, target, level, &heap, measure, &value, &rustc, qemu]));
        };
        for ((target, level), (flash, ram)) in kinds.iter().copied().zip(&measured.sizes) {
            line(target, level, HEAP, "flash", *flash);
            line(target, level, HEAP, "ram", *ram);
        }
        let mut numbers: Vec<_> = measured.numbers.iter().collect();
        numbers.sort();
        for (name, value) in numbers {
            let heap = match name.split('_').next() {
                Some("churn" | "small") if measured.churn_in_plenty && !name.ends_with(IN_16_KIB) => PLENTY,
                Some("holes" | "full") => HOLES,
                Some("json") => JSON,
                _ => HEAP,
            };
            line(RUNS_ON, RUNS_AT, heap, name, *value);
        }
        if let Some(bytes) = measured.smallest_json {
            line(RUNS_ON, RUNS_AT, bytes, "smallest heap for json", bytes as u64);
        }
    }
    plan.write("embedded", &rows)
}

/// Builds a program and returns where it lies.
fn build(allocator: &Allocator, bin: &str, target: &str, level: &str, heap: usize) -> Result<PathBuf> {
    let profile = format!("embedded-{level}");
    let target_dir = tools::target_dir().join("bench-embedded");
    let mut cargo = tools::cargo();
    cargo
        .args(["build", "--quiet", "--bin", bin, "--profile", &profile])
        .args(["--target", target, "--features", allocator.key])
        .arg("--manifest-path")
        .arg(tools::root().join("bench/embedded/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir);
    if allocator.key == CONTAINS_ITS_HEAP {
        cargo.env("HEAP_BYTES", heap.to_string());
    }
    tools::run(&mut cargo)?;
    Ok(target_dir.join(target).join(profile).join(bin))
}

const QEMU: &str = "qemu-system-arm";
/// How QEMU's time goes: an instruction takes `1 << shift` ns.
const COUNTING: &str = "shift=10";
const FINE: &str = "shift=0";

/// Runs a program, and returns what it printed until it ended or was ended.
fn qemu(program: &Path, heap: usize, number: u32, icount: &str) -> Result<Numbers> {
    let word = |place: usize, data: usize| {
        format!("loader,addr={:#x},data={data},data-len=4", 0x2100_0000 + 4 * place)
    };
    let mut qemu = Command::new(QEMU);
    qemu.args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native", "-icount", icount])
        .args(["-device", &word(0, heap), "-device", &word(1, number as usize), "-kernel"])
        .arg(program);
    let output = tools::within("20", &qemu).output().context("it does not start; is there a `timeout`?")?;
    let mut numbers = Numbers::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((name, value)) = line.split_once(' ') {
            numbers.insert(name.to_owned(), value.parse().with_context(|| format!("what is `{line}`?"))?);
        }
    }
    Ok(numbers)
}

/// The bytes of flash and of RAM that a program takes, as its section headers tell.
fn size(elf: &Path) -> Result<(u64, u64)> {
    let bytes = fs::read(elf)?;
    let file = ElfFile32::<Endianness>::parse(&*bytes).with_context(|| format!("in {}", elf.display()))?;
    let (mut flash, mut ram) = (0, 0);
    for section in file.sections() {
        let header = section.elf_section_header();
        let (endian, size) = (file.endian(), section.size());
        let flags = header.sh_flags(endian);
        if flags & SHF_ALLOC != 0 {
            flash += if header.sh_type(endian) == SHT_NOBITS { 0 } else { size };
            ram += if flags & SHF_WRITE != 0 { size } else { 0 };
        }
    }
    Ok((flash, ram))
}

/// The name of an allocator, and bytes of flash that it adds on the first target at the first level.
pub fn flash(key: &str) -> Result<(&'static str, u64)> {
    let ((target, _), level) = (TARGETS[0], LEVELS[0]);
    tools::need_target(target)?;
    let allocator = ALLOCATORS.iter().find(|allocator| allocator.key == key);
    let allocator = allocator.with_context(|| format!("there is no allocator {key}"))?;
    let flash = |allocator| Ok::<_, anyhow::Error>(size(&build(allocator, "size", target, level, HEAP)?)?.0);
    Ok((allocator.name, flash(allocator)? - flash(&NULL)?))
}
