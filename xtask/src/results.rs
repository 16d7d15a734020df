//! Results as CSV (RFC 4180).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The text of rows of cells. A cell may hold anything: error messages have commas and line breaks.
pub fn text(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

/// The rows of cells in a text.
fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut inside_quotes = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside_quotes && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => inside_quotes = !inside_quotes,
            ',' if !inside_quotes => row.push(std::mem::take(&mut cell)),
            '\n' if !inside_quotes => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(letter),
        }
    }
    rows
}

/// A file of results, whose first row names the columns.
pub struct Results {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Results {
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("there is no {}", file.display()))?;
        Self::from_text(&text).with_context(|| format!("in {}", file.display()))
    }

    pub fn from_text(text: &str) -> Result<Self> {
        let mut rows = parse(text);
        anyhow::ensure!(!rows.is_empty(), "there are no results");
        Ok(Self { header: rows.remove(0), rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { header: &self.header, cells })
    }
}

#[derive(Clone, Copy)]
pub struct Row<'a> {
    header: &'a [String],
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The cell in the column of that name. There is one, or else the file is not what it is taken for.
    pub fn text(self, column: &str) -> Result<&'a str> {
        let place = self.header.iter().position(|name| name == column);
        let cell = place.and_then(|place| self.cells.get(place));
        Ok(cell.with_context(|| format!("a row of the results has no `{column}`"))?)
    }

    /// A number; none if the cell is empty.
    pub fn number(self, column: &str) -> Result<Option<f64>> {
        let cell = self.text(column)?;
        if cell.is_empty() {
            return Ok(None);
        }
        Ok(Some(cell.parse().with_context(|| format!("`{cell}` under `{column}` is no number"))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect()).collect()
    }

    #[test]
    fn only_special_cells_are_quoted() {
        let rows = rows(&[&["a", "b, c", ""], &["say \"no\"", "two\nlines", "1.5"]]);
        assert_eq!(text(&rows), "a,\"b, c\",\n\"say \"\"no\"\"\",\"two\nlines\",1.5\n");
    }

    #[test]
    fn what_is_written_is_read() {
        let rows = rows(&[
            &["workload", "error"],
            &["json", "panicked at src/json.rs:6:9:\ncalled `unwrap()`, \"so\"\r\n"],
            &["", ""],
            &["\"", "\"\""],
        ]);
        assert_eq!(parse(&text(&rows)), rows);
    }

    #[test]
    fn cells_are_found_by_the_name_of_their_column() -> Result<()> {
        let mut rows = rows(&[&["allocator", "bytes", "ratio"], &["bump", "509", ""]]);
        let results = Results { header: rows.remove(0), rows };
        let row = results.rows().next().context("there is a row")?;
        assert_eq!(row.text("allocator")?, "bump");
        assert_eq!(row.number("bytes")?, Some(509.0));
        assert_eq!(row.number("ratio")?, None);
        assert!(row.number("allocator").is_err());
        assert!(row.text("gzip").is_err());
        Ok(())
    }
}
