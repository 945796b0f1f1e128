//! Tables: columns as wide as their widest cell, cut at the terminal's edge.

use std::fmt::Write as _;

use super::text::visible;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heading: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(heading: &[(&'static str, Side)]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column. What would disturb a terminal is shown by its number.
    pub(crate) fn row<const N: usize>(&mut self, cells: &[String; N]) {
        debug_assert_eq!(N, self.heading.len(), "a cell for each column");
        self.rows.push(cells.iter().map(|cell| visible(cell)).collect());
    }

    /// Whether it has no rows.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line no wider than `width` characters where that is given.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let heading: Vec<_> = self.heading.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines = || std::iter::once(&heading).chain(&self.rows);
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|column| lines().map(|row| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        lines().fold(String::new(), |mut text, row| {
            let mut line = String::new();
            for ((cell, &wide), (_, side)) in row.iter().zip(&widths).zip(&self.heading) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                // Writing to a `String` cannot fail.
                let _infallible = match side {
                    Side::Left => write!(line, "{cell:<wide$}"),
                    Side::Right => write!(line, "{cell:>wide$}"),
                };
            }
            text.push_str(&cut(line.trim_end(), width));
            text.push('\n');
            text
        })
    }
}

/// The line, its end replaced by `…` where it is too long.
fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_lines_as_the_terminal() {
        let mut table = Table::new(&[("JOB", Side::Right), ("STATE", Side::Left)]);
        assert!(table.is_empty());
        table.row(&["7".into(), "ok".into()]);
        table.row(&["12345".into(), "a\nb".into()]);
        assert_eq!(table.render(None), "  JOB  STATE\n    7  ok\n12345  a\\nb\n");
        assert_eq!(table.render(Some(9)), "  JOB  S…\n    7  ok\n12345  a…\n");
    }
}
