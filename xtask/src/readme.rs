//! The tables of both READMEs say what the results in `bench/results` say.

use std::fs;
use std::path::Path;

use crate::bench::GROUPS;
use crate::results::{Results, Row};
use crate::statistics::geomean;
use crate::tools::root;

/// Loads in which an allocator takes more than so many times std's instructions are left out of means with an asterisk.
const MUCH: f64 = 9.0;

/// How the tables call what the results call by a key. In the table of microcontrollers, some keys are others.
const NAMES: [(&str, &str, &str); 13] = [
    ("FreeListAllocator", "freelist", "freelist"),
    ("SegregatedBumpAllocator", "segregated", "segregated"),
    ("BumpFreeListAllocator", "bump", "bump"),
    ("SmallestFreeListAllocator", "smallest", "smallest"),
    ("std's default", "std", ""),
    ("标准库默认", "std", ""),
    ("dlmalloc", "dlmalloc", ""),
    ("talc, dynamic", "talc-dynamic", ""),
    ("rlsf, small", "rlsf-small", "rlsf-small"),
    ("lol_alloc, free list", "lol", ""),
    ("embedded-alloc, LLFF", "", "llff"),
    ("embedded-alloc, TLSF", "", "tlsf"),
    ("talc", "", "talc"),
];

/// The rows of the table that follows a line that begins so; cells without bold type and code marks.
fn table(text: &str, head: &str) -> Vec<Vec<String>> {
    let plain = |cell: &str| cell.trim().replace(['*', '`'], "").replace('，', ", ");
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows: Vec<_> = lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(plain).collect())
        .collect();
    assert!(rows.len() > 3, "no table begins with {head}");
    rows
}

/// The first cells of the tables that are looked at, in English and in Chinese.
const READMES: [(&str, [&str; 3]); 2] = [
    ("README.md", ["| | `FreeListAllocator`", "| | bytes added", "| Cortex-M, heap"]),
    ("README_CN.md", ["| | `FreeListAllocator`", "| | 增加的字节", "| Cortex-M"]),
];

fn readmes() -> impl Iterator<Item = (&'static str, [Vec<Vec<String>>; 3])> {
    READMES.into_iter().map(|(file, heads)| {
        let text = fs::read_to_string(root().join(file)).unwrap();
        (file, heads.map(|head| table(&text, head)))
    })
}

fn results(name: &str) -> Results {
    Results::read(&root().join(Path::new("bench/results")).join(name)).unwrap()
}

/// The number under `column` of the one row that has these cells.
fn one(results: &Results, cells: &[(&str, &str)], column: &str) -> f64 {
    let has = |row: &Row| cells.iter().all(|(name, cell)| row.text(name).unwrap() == *cell);
    let found: Vec<_> = results.rows().filter(has).collect();
    assert_eq!(found.len(), 1, "rows with {cells:?}");
    found[0].number(column).unwrap().unwrap()
}

fn size(sizes: &Results, key: &str, module: &str) -> f64 {
    one(sizes, &[("allocator", key), ("module", module), ("opt-level", "z")], "bytes added")
}

const MODULES: [&str; 3] = ["exports", "exports-realloc", "program"];

#[test]
fn sizes_of_the_strategies_are_those_measured() {
    let sizes = results("size.csv");
    for (file, [strategies, ..]) in readmes() {
        let numbers =
            |row: &Vec<String>| row[1..].iter().map(|cell| cell.parse().ok()).collect::<Option<Vec<f64>>>();
        let found: Vec<_> = strategies.iter().filter_map(numbers).collect();
        let keys = ["freelist", "segregated", "bump"];
        let measured = MODULES.map(|module| keys.map(|key| size(&sizes, key, module)).to_vec());
        assert_eq!(found, measured, "{file}");
    }
}

#[test]
fn ratios_beside_others_are_those_measured() {
    let (sizes, fuel, memory) = (results("size.csv"), results("fuel.csv"), results("quick-memory.csv"));
    let ratio = |key: &str, workload: &str| {
        let row = fuel
            .rows()
            .find(|row| row.text("allocator").unwrap() == key && row.text("workload").unwrap() == workload);
        row.unwrap().number("ratio to std").unwrap()
    };
    for (file, [_, others, _]) in readmes() {
        let mut checked = 0;
        for row in &others[2..] {
            let Some((_, key, _)) = NAMES.iter().find(|(name, key, _)| *name == row[0] && !key.is_empty())
            else {
                assert!(row[0].starts_with("lite-alloc 0.1.0"), "{file} has a row `{}`", row[0]);
                continue;
            };
            for (cell, module) in row[1..4].iter().zip(MODULES) {
                assert_eq!(cell.parse(), Ok(size(&sizes, key, module)), "{file}: {} {module}", row[0]);
                checked += 1;
            }
            let some = row[4].ends_with('\\');
            let counts = |workload: &str| !some || ratio(key, workload).is_some_and(|ratio| ratio <= MUCH);
            let of_instructions = GROUPS.map(|(_, families)| {
                let rows = fuel.rows().filter(|row| row.text("allocator").unwrap() == *key);
                let rows = rows
                    .filter(|row| families.iter().any(|family| family.name() == row.text("family").unwrap()));
                let rows = rows.filter(|row| counts(row.text("workload").unwrap()));
                rows.map(|row| row.number("ratio to std").unwrap()).collect::<Option<Vec<f64>>>()
            });
            let rows = memory.rows().filter(|row| row.text("allocator").unwrap() == *key);
            let rows = rows.filter(|row| counts(row.text("program").unwrap()));
            let of_memory = rows.map(|row| row.number("grown ratio to std").unwrap()).collect();
            for (cell, ratios) in row[4..8].iter().zip(of_instructions.into_iter().chain([of_memory])) {
                let Ok(said) = cell.trim_end_matches('\\').parse::<f64>() else {
                    // In words, why there is none.
                    continue;
                };
                let mean = geomean(&ratios.expect("what fails has no mean")).unwrap();
                assert!((said - mean).abs() < 0.0051, "{file}: {} {said}, {mean} measured", row[0]);
                checked += 1;
            }
        }
        assert_eq!(checked, 9 * 3 + 32, "cells checked in {file}");
    }
}

#[test]
fn figures_of_microcontrollers_are_those_measured() {
    let embedded = results("embedded.csv");
    for (file, [_, _, microcontrollers]) in readmes() {
        assert_eq!(microcontrollers.len(), 2 + 8, "{file}");
        for row in &microcontrollers[2..] {
            let key = NAMES.iter().find(|(name, _, key)| *name == row[0] && !key.is_empty()).unwrap().2;
            let number = |target: &str, level: &str, measure: &str| {
                let cells =
                    [("allocator", key), ("target", target), ("opt-level", level), ("measure", measure)];
                one(&embedded, &cells, "value").to_string()
            };
            let size = |measure| number("thumbv6m-none-eabi", "z", measure);
            let count = |measure| number("thumbv7em-none-eabihf", "s", measure);
            let fit = ["fit_16", "fit_24", "fit_32", "fit_100"].map(count).join(" / ");
            let measured = [
                size("flash"),
                size("ram"),
                fit,
                count("pair"),
                count("churn_step"),
                count("churn_worst_alloc"),
            ];
            let said: Vec<_> =
                row[1..7].iter().map(|cell| cell.trim_end_matches('\\').replace(' ', "")).collect();
            assert_eq!(said, measured.map(|cell| cell.replace(' ', "")), "{file}: {}", row[0]);
        }
    }
}
