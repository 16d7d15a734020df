//! Results as CSV (RFC 4180).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The text of rows of cells. A cell may hold anything: error messages have commas and line breaks.
pub fn text(rows: &[Vec<String>]) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The rows of cells in a text.
fn parse(text: &str) -> Result<Vec<Vec<String>>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.into_deserialize().map(|row| Ok(row?)).collect()
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
        let mut rows = parse(text)?;
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
    fn only_special_cells_are_quoted() -> Result<()> {
        let rows = rows(&[&["a", "b, c", ""], &["say \"no\"", "two\nlines", "1.5"]]);
        assert_eq!(text(&rows)?, "a,\"b, c\",\n\"say \"\"no\"\"\",\"two\nlines\",1.5\n");
        Ok(())
    }

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let rows = rows(&[
            &["workload", "error"],
            &["json", "panicked at src/json.rs:6:9:\ncalled `unwrap()`, \"so\"\r\n"],
            &["", ""],
            &["\"", "\"\""],
        ]);
        assert_eq!(parse(&text(&rows)?)?, rows);
        Ok(())
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
