//! Tables of text in columns.

use std::fmt::Write as _;
use std::ops::Range;

/// The columns of a table; some hold numbers and stand to the right.
pub struct Table {
    names: Vec<String>,
    numbers: Range<usize>,
}

impl Table {
    /// Columns of these names.
    pub fn of(names: &[&str], numbers: Range<usize>) -> Self {
        Self { names: names.iter().map(|name| (*name).to_owned()).collect(), numbers }
    }

    /// The table, or nothing where there are no rows.
    pub fn text(&self, rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            return None;
        }
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).chain(self.names.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.names.len()).map(width).collect();
        let mut text = String::new();
        for row in std::iter::once(&self.names).chain(&rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = if self.numbers.contains(&column) {
                    write!(line, "  {cell:>width$}")
                } else {
                    write!(line, "  {cell:<width$}")
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_aligned() {
        let table = Table::of(&["name", "cars"], 1..2);
        let row = |name: &str, cars: &str| vec![name.to_owned(), cars.to_owned()];
        let text = table.text([row("Škoda", "7"), row("BMW", "1200")].into_iter());
        assert_eq!(text.as_deref(), Some("  name   cars\n  Škoda     7\n  BMW    1200\n"));
        assert!(table.text(std::iter::empty()).is_none());
    }
}
