//! The tables: scenarios and servers down, measures and ratios across.

use super::figure;
use crate::{
    candidate::{Application, FLOOR},
    ledger::Faults,
    measure::Measure,
    rounds::{Outcome, Result, Summary},
};

/// The measures that ratios are given of.
const COMPARED: [(Measure, &str); 3] =
    [(Measure::Cpu, "CPU"), (Measure::Instructions, "instructions"), (Measure::Bytes, "bytes")];

/// A table of text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The tables of a summary: what messages cost, and what connections do.
pub fn tables(summary: &Summary) -> Vec<Table> {
    let is_of_memory = |outcome: &&Outcome| {
        outcome.results.iter().any(|result| result.medians.contains_key(&Measure::Bytes))
    };
    let (memory, messages): (Vec<&Outcome>, Vec<&Outcome>) = summary.outcomes.iter().partition(is_of_memory);
    [messages, memory].iter().filter(|of| !of.is_empty()).map(|outcomes| Table::of(outcomes)).collect()
}

/// A column: its head, and its cell for a server's result.
type Column<'a> = (String, Box<dyn Fn(&Outcome, &Result) -> Option<String> + 'a>);

impl Table {
    fn of(outcomes: &[&Outcome]) -> Self {
        let columns = columns();
        let rows = outcomes.iter().flat_map(|outcome| outcome.results.iter().map(|it| (*outcome, it)));
        let rows: Vec<_> = rows.collect();
        let is_used = |(_, cell): &&Column<'_>| rows.iter().any(|(outcome, it)| cell(outcome, it).is_some());
        let columns: Vec<&Column<'_>> = columns.iter().filter(is_used).collect();
        let row = |(outcome, result): &(&Outcome, &Result)| {
            columns.iter().map(|(_, cell)| cell(outcome, result).unwrap_or_default()).collect()
        };
        Self {
            head: columns.iter().map(|(head, _)| head.clone()).collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    /// The table with columns of equal width.
    pub fn plain(&self) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if is_text(column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        all().map(line).collect()
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if is_text(column) { "---" } else { "--:" }.to_owned())
            .collect();
        let rows = self.rows.iter().map(|row| line(row));
        [line(&self.head), line(&rule)].into_iter().chain(rows).collect()
    }
}

/// All columns that a table may have.
fn columns() -> Vec<Column<'static>> {
    let mut columns: Vec<Column<'_>> = vec![
        ("scenario".to_owned(), Box::new(|outcome, _| Some(outcome.name.clone()))),
        ("per".to_owned(), Box::new(|outcome, _| Some(outcome.unit.to_owned()))),
        ("server".to_owned(), Box::new(|_, result| Some(result.candidate.clone()))),
    ];
    for measure in Measure::ALL {
        let cell =
            move |_: &Outcome, result: &Result| result.medians.get(&measure).copied().map(figure::text);
        columns.push((measure.name().to_owned(), Box::new(cell)));
    }
    for (measure, name) in COMPARED {
        let to_floor = move |outcome: &Outcome, result: &Result| {
            ratio(result, outcome.of(FLOOR)?, measure).map(figure::text)
        };
        columns.push((format!("{name} ÷ {FLOOR}"), Box::new(to_floor)));
        let to_playground = move |outcome: &Outcome, result: &Result| {
            let is_product = result.application == Application::Vestibule;
            is_product.then(|| ratio(result, playground(outcome)?, measure).map(figure::text)).flatten()
        };
        columns.push((format!("{name} ÷ playground"), Box::new(to_playground)));
        let to_other = move |outcome: &Outcome, result: &Result| {
            ratio(result, other_revision(outcome, result)?, measure).map(figure::text)
        };
        columns.push((format!("{name} ÷ other revision"), Box::new(to_other)));
    }
    let spread = |_: &Outcome, result: &Result| result.spreads.get(&Measure::Cpu).copied().map(figure::text);
    columns.push(("CPU of rounds, most ÷ least".to_owned(), Box::new(spread)));
    let faults = |_: &Outcome, result: &Result| {
        let Faults { lost, doubled, reordered } = result.faults;
        Some(format!("{lost}, {doubled}, {reordered}"))
    };
    columns.push(("lost, doubled, reordered".to_owned(), Box::new(faults)));
    columns
}

/// Whether a column has text, not figures.
fn is_text(column: usize) -> bool {
    column < 3
}

/// The result of the framework alone, of this revision.
fn playground(outcome: &Outcome) -> Option<&Result> {
    outcome.results.iter().find(|result| result.application == Application::Playground)
}

/// The other revision's result, for this revision's, which comes first.
fn other_revision<'a>(outcome: &'a Outcome, of: &Result) -> Option<&'a Result> {
    let mut revisions = outcome.results.iter().filter(|result| result.application == of.application);
    let first = revisions.next()?;
    revisions.next().filter(|_| first.candidate == of.candidate)
}

/// How many times as much one server needs as another.
fn ratio(result: &Result, other: &Result, measure: Measure) -> Option<f64> {
    let (own, others) = (result.medians.get(&measure)?, other.medians.get(&measure)?);
    (result.candidate != other.candidate && *others > 0.0).then(|| own / others)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{FLOOR, Summary, Table, tables};
    use crate::{
        candidate::Application,
        ledger::Faults,
        measure::{Figures, Measure},
        rounds::{Outcome, Result},
    };

    /// A summary of two servers in a scenario of messages and one of memory.
    pub(in crate::report) fn summary() -> Summary {
        let result = |candidate: &str, measure, value| Result {
            candidate: candidate.to_owned(),
            application: if candidate == FLOOR { Application::Channels } else { Application::Playground },
            medians: Figures::from([(measure, value)]),
            spreads: Figures::from([(measure, 1.5)]),
            faults: Faults::default(),
        };
        let outcome = |name: &str, measure, values: [f64; 2]| Outcome {
            key: name.to_owned(),
            name: name.to_owned(),
            unit: "echo",
            results: vec![result("playground", measure, values[0]), result("floor", measure, values[1])],
        };
        Summary {
            outcomes: vec![
                outcome("idle", Measure::Bytes, [5000.0, 1000.0]),
                outcome("echo & <more>", Measure::Cpu, [30.0, 4.0]),
            ],
            rounds: 3,
            is_long: false,
            machine: "a machine".to_owned(),
            load: 0.5,
            busy: 0.25,
        }
    }

    #[test]
    fn tables_have_a_row_for_each_server() {
        let tables = tables(&summary());
        let markdown: Vec<String> = tables.iter().map(Table::markdown).collect();
        assert_eq!(
            markdown[0],
            "| scenario | per | server | CPU µs | CPU ÷ floor | CPU of rounds, most ÷ least \
             | lost, doubled, reordered |\n\
             | --- | --- | --- | --: | --: | --: | --: |\n\
             | echo & <more> | echo | playground | 30.0 | 7.50 | 1.50 | 0, 0, 0 |\n\
             | echo & <more> | echo | floor | 4.00 |  | 1.50 | 0, 0, 0 |\n"
        );
        assert!(markdown[1].contains("| idle | echo | playground | 5,000 | 5.00 |"), "{markdown:?}");
    }

    #[test]
    fn another_revision_is_compared_with() {
        let mut summary = summary();
        let mut older = summary.outcomes[1].results[0].clone();
        older.candidate = "playground main".to_owned();
        older.medians.insert(Measure::Cpu, 60.0);
        summary.outcomes[1].results.insert(1, older);
        let markdown = tables(&summary)[0].markdown();
        let cells: Vec<&str> = markdown.lines().filter_map(|line| line.split(" | ").nth(5)).collect();
        assert_eq!(cells, ["CPU ÷ other revision", "--:", "0.50", "", ""]);
    }

    #[test]
    fn the_product_is_compared_with_the_playground() {
        let mut summary = summary();
        let mut product = summary.outcomes[1].results[0].clone();
        (product.candidate, product.application) = ("vestibule".to_owned(), Application::Vestibule);
        product.medians.insert(Measure::Cpu, 33.0);
        summary.outcomes[1].results.insert(1, product);
        let markdown = tables(&summary)[0].markdown();
        assert!(!markdown.contains("other revision"), "{markdown}");
        let cells: Vec<&str> = markdown.lines().filter_map(|line| line.split(" | ").nth(5)).collect();
        assert_eq!(cells, ["CPU ÷ playground", "--:", "", "1.10", ""]);
    }

    #[test]
    fn columns_are_aligned() {
        let plain = tables(&summary())[0].plain();
        let ends: Vec<_> = plain.lines().map(|line| line.find("0, 0, 0")).collect();
        assert_eq!(ends[1], ends[2], "{plain}");
    }
}
