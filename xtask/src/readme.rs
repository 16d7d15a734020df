//! The tables of both READMEs say what the results in `bench/results` say.

use std::fs;

use crate::bench::{GROUPS, all_allocators, embedded};
use crate::modules::{Allocator, STD};
use crate::results::{Results, Row};
use crate::statistics::Ratios;
use crate::tools::root;

/// Loads in which an allocator takes more than so many times std's instructions are left out of means with an asterisk.
const MUCH: f64 = 9.0;

/// For both READMEs, the rows of the table whose head begins so, in English and in Chinese, without the head. Cells are without bold
/// type and code marks.
fn tables(heads: [&'static str; 2]) -> impl Iterator<Item = (&'static str, Vec<Vec<String>>)> {
    ["README.md", "README_CN.md"].into_iter().zip(heads).map(|(file, head)| {
        let plain = |cell: &str| cell.trim().replace(['*', '`'], "").replace('，', ", ");
        let text = fs::read_to_string(root().join(file)).unwrap();
        let lines = text.lines().skip_while(|line| !line.starts_with(head));
        let rows: Vec<_> = lines
            .take_while(|line| line.starts_with('|'))
            .skip(2)
            .map(|line| line.trim_matches('|').split('|').map(plain).collect())
            .collect();
        assert!(rows.len() > 1, "no table of {file} begins with {head}");
        (file, rows)
    })
}

/// Each of their rows, with the README that it is of. Both have so many.
fn rows_of(heads: [&'static str; 2], count: usize) -> impl Iterator<Item = (&'static str, Vec<String>)> {
    tables(heads).flat_map(move |(file, rows)| {
        assert_eq!(rows.len(), count, "{file}");
        rows.into_iter().map(move |row| (file, row))
    })
}

fn results(name: &str) -> Results {
    Results::read(&root().join("bench/results").join(name)).unwrap()
}

fn has(row: Row, cells: &[(&str, &str)]) -> bool {
    cells.iter().all(|(name, cell)| row.text(name).unwrap() == *cell)
}

/// The number under `column` of the one row that has these cells; none if it failed.
fn one(results: &Results, cells: &[(&str, &str)], column: &str) -> Option<f64> {
    let found: Vec<_> = results.rows().filter(|&row| has(row, cells)).collect();
    assert_eq!(found.len(), 1, "rows with {cells:?}");
    found[0].number(column).unwrap()
}

fn size(sizes: &Results, key: &str, module: &str, level: &str) -> f64 {
    one(sizes, &[("allocator", key), ("module", module), ("opt-level", level)], "bytes added").unwrap()
}

/// The ratios of an allocator to std's default in each group of workloads, as far as these count.
fn by_group<'a>(
    results: &'a Results,
    key: &'a str,
    counts: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Ratios> + 'a {
    GROUPS.into_iter().map(move |(_, families)| {
        let families: Vec<_> = families.iter().map(|family| family.name()).collect();
        results
            .rows()
            .filter(|&row| has(row, &[("allocator", key)]))
            .filter(|row| families.contains(&row.text("family").unwrap()))
            .filter(|row| counts(row.text("workload").unwrap()))
            .map(|row| row.number("ratio to std").unwrap())
            .collect()
    })
}

/// The allocator that a row of a table begins with, in English or in Chinese.
fn named(cell: &str) -> Option<&'static Allocator> {
    let name = if cell == "标准库默认" { STD.name } else { cell };
    all_allocators().find(|allocator| allocator.name == name)
}

const MODULES: [&str; 3] = ["exports", "exports-realloc", "program"];

#[test]
fn sizes_of_the_strategies_are_those_measured() {
    let sizes = results("size.csv");
    for (file, strategies) in tables(["| | `FreeListAllocator`"; 2]) {
        let numbers =
            |row: &Vec<String>| row[1..].iter().map(|cell| cell.parse().ok()).collect::<Option<Vec<f64>>>();
        let found: Vec<_> = strategies.iter().filter_map(numbers).collect();
        let keys = ["freelist", "segregated", "bump"];
        let measured = MODULES.map(|module| keys.map(|key| size(&sizes, key, module, "z")).to_vec());
        assert_eq!(found, measured, "{file}");
    }
}

#[test]
fn ratios_beside_others_are_those_measured() {
    let (sizes, fuel, memory) = (results("size.csv"), results("fuel.csv"), results("quick-memory.csv"));
    for (file, others) in tables(["| | bytes added", "| | 增加的字节"]) {
        let mut checked = 0;
        for row in &others {
            let name = &row[0];
            let Some(allocator) = named(name) else {
                assert!(name.starts_with("lite-alloc 0.1.0"), "{file} has a row `{name}`");
                continue;
            };
            let key = allocator.key;
            for (cell, module) in row[1..4].iter().zip(MODULES) {
                assert_eq!(cell.parse(), Ok(size(&sizes, key, module, "z")), "{file}: {name} {module}");
                checked += 1;
            }
            let some = row[4].ends_with('\\');
            let counts = |workload: &str| {
                let cells = [("allocator", key), ("workload", workload)];
                !some || one(&fuel, &cells, "ratio to std").is_some_and(|ratio| ratio <= MUCH)
            };
            let of_memory: Ratios = memory
                .rows()
                .filter(|&row| has(row, &[("allocator", key)]))
                .filter(|row| counts(row.text("program").unwrap()))
                .map(|row| row.number("grown ratio to std").unwrap())
                .collect();
            for (cell, ratios) in row[4..8].iter().zip(by_group(&fuel, key, counts).chain([of_memory])) {
                let Ok(said) = cell.trim_end_matches('\\').parse::<f64>() else {
                    // In words, why there is none.
                    continue;
                };
                assert_eq!(ratios.failed(), 0, "{file}: {name}: what fails has no mean");
                let mean = ratios.mean().unwrap();
                assert!((said - mean).abs() < 0.0051, "{file}: {name} {said}, {mean} measured");
                checked += 1;
            }
        }
        assert_eq!(checked, 9 * 3 + 32, "cells checked in {file}");
    }
}

#[test]
fn times_are_those_measured() {
    let times = results("time.csv");
    for (file, row) in rows_of(["| time in Node.js", "| Node.js 中的时间"], 6) {
        let key = named(&row[0]).unwrap().key;
        let means = by_group(&times, key, |_| true).map(|ratios| {
            assert_eq!(ratios.failed(), 0, "{file}: {key}: what fails has no mean");
            ratios.mean().unwrap()
        });
        let alone = ["json", "json_in_turn", "mixed_20000"].map(|workload| {
            one(&times, &[("allocator", key), ("workload", workload)], "ratio to std").unwrap()
        });
        let measured: Vec<_> = means.chain(alone).map(|ratio| format!("{ratio:.2}")).collect();
        assert_eq!(row[1..], measured, "{file}: {key}");
    }
}

#[test]
fn sizes_of_large_programs_are_those_measured() {
    let sizes = results("size.csv");
    for (file, row) in rows_of(["| bytes added to a large program", "| 给大程序增加的字节"], 9) {
        let key = named(&row[0]).unwrap().key;
        let measured = ["z", "s", "3"].map(|level| size(&sizes, key, "demo", level).to_string());
        let said: Vec<_> = row[1..].iter().map(|cell| cell.replace(' ', "").replace('−', "-")).collect();
        assert_eq!(said, measured, "{file}: {}", row[0]);
    }
}

#[test]
fn figures_of_microcontrollers_are_those_measured() {
    let results = results("embedded.csv");
    for (file, row) in rows_of(["| Cortex-M, heap", "| Cortex-M"], 9) {
        let allocator = embedded::ALLOCATORS.iter().find(|allocator| allocator.name == row[0]).unwrap();
        let number = |target: &str, level: &str, measure: &str| {
            let key = allocator.key;
            let cells = [("allocator", key), ("target", target), ("opt-level", level), ("measure", measure)];
            one(&results, &cells, "value").unwrap().to_string()
        };
        let size = |measure| number("thumbv6m-none-eabi", "z", measure);
        let count = |measure| number("thumbv7em-none-eabihf", "s", measure);
        let measured = [
            size("flash"),
            size("ram"),
            ["fit_16", "fit_24", "fit_32", "fit_100"].map(count).join("/"),
            count("pair"),
            count("churn_step"),
            count("churn_worst_alloc"),
        ];
        let said: Vec<_> =
            row[1..7].iter().map(|cell| cell.trim_end_matches('\\').replace(' ', "")).collect();
        assert_eq!(said, measured, "{file}: {}", row[0]);
    }
}
