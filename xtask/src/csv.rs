//! Results as CSV (RFC 4180).

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
#[cfg(test)]
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
}
