//! Tables for people: columns as wide as their longest cell.

/// Lines of cells under their headings; nothing where there are no lines.
pub fn table(headings: &[&str], lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells =
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let print = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    if lines.is_empty() {
        return String::new();
    }
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let mut text = print(&headings);
    for line in lines {
        text.push('\n');
        text.push_str(&print(line));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_columns_are_as_wide_as_their_longest_cell() {
        let lines =
            vec![vec!["recalls".to_owned(), "1".to_owned()], vec!["é".to_owned(), String::new()]];
        assert_eq!(table(&["facet", "rows"], &lines), "facet    rows\nrecalls  1\né\n");
        assert_eq!(table(&["facet"], &[]), "");
    }
}
