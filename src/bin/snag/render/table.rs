//! Tables: columns as wide as what is in them, and one that gives way.

use super::Look;
use super::line::{Line, Tone};
use super::safe::Safe;
use super::text::width;

/// Blanks between columns.
pub(super) const GAP: usize = 2;

/// On which side a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// What a column does when the terminal is narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Give {
    /// Keeps its width.
    Never,
    /// Loses its end, down to a width.
    End(usize),
    /// Loses its start, down to a width.
    Start(usize),
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    title: Safe,
    align: Align,
    give: Give,
}

/// A cell: its tone and its text.
pub(super) type Cell = (Tone, Safe);

/// Rows under columns, some with lines of their own below them.
pub(super) struct Table {
    look: Look,
    indent: usize,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

enum Row {
    Cells(Vec<Cell>),
    Line(Line),
}

impl Column {
    /// Words, on the left.
    pub(super) fn words(look: &Look, title: &str, give: Give) -> Self {
        Self { title: look.safe(title), align: Align::Left, give }
    }

    /// Figures, on the right.
    pub(super) fn figures(look: &Look, title: &str) -> Self {
        Self { title: look.safe(title), align: Align::Right, give: Give::Never }
    }

    /// The width of the title.
    pub(super) fn least(&self) -> usize {
        width(&self.title)
    }
}

impl Table {
    /// An empty table; without any title it has no header line.
    pub(super) fn new(look: &Look, indent: usize, columns: Vec<Column>) -> Self {
        Self { look: *look, indent, columns, rows: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line of its own below the row.
    pub(super) fn under(&mut self, line: Line) {
        self.rows.push(Row::Line(line));
    }

    /// The table as lines, as narrow as it has to be.
    pub(super) fn lines(self) -> Vec<Line> {
        let widths = self.widths();
        let Self { look, indent, columns, rows } = self;
        let mut lines = Vec::with_capacity(rows.len() + 1);
        if columns.iter().any(|column| !column.title.as_str().is_empty()) {
            let titles = columns.iter().map(|column| (Tone::Dim, column.title.clone())).collect();
            lines.push(lay_out(&look, indent, &columns, &widths, titles));
        }
        lines.extend(rows.into_iter().map(|row| match row {
            Row::Cells(cells) => lay_out(&look, indent, &columns, &widths, cells),
            Row::Line(line) => line,
        }));
        lines
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<_> = self.columns.iter().map(|column| width(&column.title)).collect();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (widest, (_, text)) in widths.iter_mut().zip(cells) {
                *widest = width(text).max(*widest).min(self.look.width);
            }
        }
        let gaps = GAP * self.columns.len().saturating_sub(1);
        let room = self.look.width.saturating_sub(self.indent + gaps);
        while room < widths.iter().sum() {
            // The widest that can gives first.
            let spare = |at: usize| match self.columns[at].give {
                Give::Never => 0,
                Give::End(least) | Give::Start(least) => widths[at].saturating_sub(least),
            };
            let Some(at) =
                (0..widths.len()).filter(|&at| spare(at) != 0).max_by_key(|&at| widths[at])
            else {
                break;
            };
            widths[at] -= 1;
        }
        widths
    }
}

fn lay_out(
    look: &Look,
    indent: usize,
    columns: &[Column],
    widths: &[usize],
    cells: Vec<Cell>,
) -> Line {
    let mut line = look.line().space(indent);
    for (at, ((column, &most), (tone, text))) in columns.iter().zip(widths).zip(cells).enumerate() {
        let text = match column.give {
            Give::Start(_) => look.cut_start(&text, most),
            _ => look.cut(&text, most),
        };
        let rest = most - width(&text);
        if at != 0 {
            line = line.space(GAP);
        }
        line = match column.align {
            Align::Left => line.tone(tone, text).space(rest),
            Align::Right => line.space(rest).tone(tone, text),
        };
    }
    line
}
