//! The inputs of the real programs: files of the packages that the programs themselves are built from.
//!
//! The lock file of `bench` fixes those packages, so the inputs, and the checksums of what the
//! programs make of them, are the same on every machine.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::tools;

/// The packages whose sources are read.
const PACKAGES: [&str; 6] = ["syn", "serde_json", "pulldown-cmark", "proc-macro2", "quote", "memchr"];
/// The package whose source is the Rust parser's input and, word by word, the JSON document.
const PARSED: &str = "syn";

/// Writes the inputs and returns their folder. The input of a program has the name of the program.
pub fn prepare() -> Result<PathBuf> {
    Files::read()?.write("inputs")
}

/// How many other inputs there are besides.
pub const OTHERS: usize = 8;

/// Writes other inputs, from a third as long to nearly whole, of the same files in other orders, and returns their folders.
pub fn prepare_others() -> Result<Vec<PathBuf>> {
    let all = Files::read()?;
    let prepare = |number: usize| {
        let mut files = all.clone();
        shuffle(&mut files.sources, number as u64);
        shuffle(&mut files.documents, number as u64);
        files.keep(|bytes| bytes / 3 + bytes * number / (OTHERS + 4));
        files.write_with_script(&format!("other-inputs-{number}"), &(800 + 450 * number).to_string())
    };
    (0..OTHERS).map(prepare).collect()
}

/// The same with less, so that a program takes milliseconds.
pub fn prepare_short() -> Result<PathBuf> {
    write_short("short-inputs", 20_000, "100")
}

/// The same with so little that a program can be run a hundred thousand times.
pub fn prepare_tiny() -> Result<PathBuf> {
    write_short("tiny-inputs", 5000, "30")
}

/// Writes inputs that are made of at most so many bytes of files, and how many orders the script makes up.
fn write_short(name: &str, bytes: usize, orders: &str) -> Result<PathBuf> {
    let mut files = Files::read()?;
    files.keep(|_| bytes);
    files.write_with_script(name, orders)
}

/// What the inputs are made of.
#[derive(Clone)]
struct Files {
    /// Rust files, with their paths.
    sources: Vec<(String, String)>,
    /// Markdown.
    documents: Vec<String>,
}

impl Files {
    fn read() -> Result<Self> {
        let packages = packages()?;
        let mut sources = Vec::new();
        let mut documents = Vec::new();
        for name in PACKAGES {
            let dir =
                packages.get(name).with_context(|| format!("`bench` does not use the package {name}"))?;
            for path in files(&dir.join("src"), "rs")? {
                let text = fs::read_to_string(&path)?;
                documents.push(documentation(&text));
                if name == PARSED {
                    sources.push((relative(&path, dir), text));
                }
            }
            for path in ["README.md", "CHANGELOG.md"].map(|file| dir.join(file)) {
                if path.exists() {
                    documents.push(fs::read_to_string(path)?);
                }
            }
        }
        Ok(Self { sources, documents })
    }

    /// Keeps at most `room(all)` of all the bytes of either kind.
    fn keep(&mut self, room: impl Fn(usize) -> usize) {
        let size = |(_, text): &(String, String)| text.len();
        let (sources, documents) =
            (self.sources.iter().map(size).sum(), self.documents.iter().map(String::len).sum());
        keep(&mut self.sources, size, room(sources));
        keep(&mut self.documents, String::len, room(documents));
    }

    /// Writes the inputs that are made of these, and returns their folder.
    fn write(&self, name: &str) -> Result<PathBuf> {
        let texts: Vec<&str> = self.sources.iter().map(|(_, text)| text.as_str()).collect();
        let dir = tools::target_dir().join("bench").join(name);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("json"), index(&self.sources).to_string())?;
        fs::write(dir.join("markdown"), self.documents.join("\0"))?;
        fs::write(dir.join("rust"), texts.join("\0"))?;
        Ok(dir)
    }

    /// The same with how many orders the script makes up.
    fn write_with_script(&self, name: &str, orders: &str) -> Result<PathBuf> {
        let dir = self.write(name)?;
        fs::write(dir.join("script"), orders)?;
        Ok(dir)
    }
}

/// Keeps as many of the items, from the first on, as fit in the room.
fn keep<T>(items: &mut Vec<T>, size: fn(&T) -> usize, mut room: usize) {
    items.retain(|item| {
        let fits = size(item) <= room;
        room -= if fits { size(item) } else { 0 };
        fits
    });
}

/// Puts items into an order of which there is one for each seed, the same everywhere.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut random = seed;
    for last in (1..items.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (random >> 33) as usize % (last + 1));
    }
}

/// The folders of the packages that the programs are built from.
fn packages() -> Result<HashMap<String, PathBuf>> {
    let metadata = tools::output(
        tools::cargo()
            .args(["metadata", "--format-version", "1", "--filter-platform", tools::WASM])
            .args(["--features", "json,markdown,rust", "--manifest-path"])
            .arg(tools::root().join("bench/programs/Cargo.toml")),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut dirs = HashMap::new();
    for package in packages {
        if let (Some(name), Some(manifest)) = (package["name"].as_str(), package["manifest_path"].as_str()) {
            dirs.insert(name.to_owned(), Path::new(manifest).with_file_name(""));
        }
    }
    Ok(dirs)
}

/// All files below `dir` with that extension, in the same order everywhere.
fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A path as it is written on every system.
fn relative(path: &Path, dir: &Path) -> String {
    let path = path.strip_prefix(dir).unwrap_or(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The Markdown in a source file: its doc comments.
fn documentation(source: &str) -> String {
    let mut markdown = String::new();
    for line in source.lines() {
        let line = line.trim_start();
        match line.strip_prefix("//!").or(line.strip_prefix("///")) {
            Some(text) => markdown.push_str(text.strip_prefix(' ').unwrap_or(text)),
            // Between two comments there is an empty line, which ends a paragraph.
            None if markdown.ends_with("\n\n") => continue,
            None => {}
        }
        markdown.push('\n');
    }
    markdown
}

/// A JSON document of several megabytes: the words of each line of each file, as a search service would send it.
fn index(sources: &[(String, String)]) -> Value {
    let files = sources.iter().map(|(path, text)| {
        let lines =
            text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).map(|(line, number)| {
                let words: Vec<&str> = line.split_whitespace().collect();
                json!({ "line": number, "indent": line.len() - line.trim_start().len(), "words": words })
            });
        json!({ "path": path, "bytes": text.len(), "lines": lines.collect::<Vec<_>>() })
    });
    json!({ "package": PARSED, "files": files.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_orders_of_all_items() {
        let order = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            shuffle(&mut items, seed);
            items
        };
        let mut sorted = order(1);
        assert_ne!(sorted, order(2));
        sorted.sort();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn what_fits_is_kept() {
        let mut items = vec!["four", "seventeen", "two", "one", ""];
        keep(&mut items, |item| item.len(), 7);
        assert_eq!(items, ["four", "two", ""]);
        keep(&mut items, |item| item.len(), usize::MAX);
        assert_eq!(items.len(), 3);
    }
}
