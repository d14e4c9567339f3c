//! Tables for people: aligned columns without lines, by comfy-table.

use std::ops::Range;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table};

/// Spaces between columns.
const GAP: u16 = 2;

/// Renders rows under their headings, text to the left; empty if there are no rows.
pub fn render(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    render_aligned(headings, 0..0, rows)
}

/// Renders rows under their headings; the columns in `numbers` are aligned to the right. Empty if
/// there are no rows.
pub fn render_aligned(
    headings: &[&str],
    numbers: Range<usize>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).add_row(headings.iter().map(Cell::new));
    for row in rows {
        table.add_row(row);
    }
    if table.row_count() < 2 {
        return String::new();
    }
    let last = headings.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { GAP }));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn ok_columns_are_as_wide_as_their_longest_cell() {
        let rows = vec![row(["recalls", "1"]), row(["é", ""])];
        assert_eq!(render(&["facet", "rows"], rows), "facet    rows\nrecalls  1\né\n");
        assert_eq!(render(&["facet"], Vec::new()), "");
    }

    #[test]
    fn ok_numbers_are_aligned_to_the_right() {
        let rows = vec![row(["Škoda", "7"]), row(["BMW", "1200"])];
        let text = render_aligned(&["name", "cars"], 1..2, rows);
        assert_eq!(text, "name   cars\nŠkoda     7\nBMW    1200\n");
    }
}
