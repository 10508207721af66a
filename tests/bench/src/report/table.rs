//! The tables: scenarios and servers down, measures and ratios across.

use super::figure;
use crate::{
    candidate::FLOOR,
    measure::Measure,
    rounds::{Outcome, Summary},
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

impl Table {
    fn of(outcomes: &[&Outcome]) -> Self {
        let results = || outcomes.iter().flat_map(|outcome| &outcome.results);
        let is_used = |measure: &Measure| results().any(|result| result.medians.contains_key(measure));
        let measures: Vec<Measure> = Measure::ALL.into_iter().filter(is_used).collect();
        let compared: Vec<_> = COMPARED.into_iter().filter(|(measure, _)| is_used(measure)).collect();
        let mut head = vec!["scenario".to_owned(), "per".to_owned(), "server".to_owned()];
        head.extend(measures.iter().map(|measure| measure.name().to_owned()));
        head.extend(compared.iter().map(|(_, name)| format!("{name} ÷ {FLOOR}")));
        head.push("lost, doubled, reordered".to_owned());

        let mut rows = Vec::new();
        for outcome in outcomes {
            for result in &outcome.results {
                let mut row = vec![outcome.name.clone(), outcome.unit.to_owned(), result.candidate.clone()];
                let value =
                    |measure| result.medians.get(measure).map_or(String::new(), |it| figure::text(*it));
                row.extend(measures.iter().map(value));
                let ratio = |measure| ratio(outcome, &result.candidate, FLOOR, measure);
                row.extend(
                    compared.iter().map(|(measure, _)| ratio(*measure).map_or(String::new(), figure::text)),
                );
                let faults = result.faults;
                row.push(format!("{}, {}, {}", faults.lost, faults.doubled, faults.reordered));
                rows.push(row);
            }
        }
        Self { head, rows }
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

/// Whether a column has text, not figures.
fn is_text(column: usize) -> bool {
    column < 3
}

/// How many times as much one server needs as another.
pub fn ratio(outcome: &Outcome, candidate: &str, other: &str, measure: Measure) -> Option<f64> {
    let of = |name| outcome.of(name)?.medians.get(&measure).copied();
    let (own, others) = (of(candidate)?, of(other)?);
    (candidate != other && others > 0.0).then(|| own / others)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Summary, Table, tables};
    use crate::{
        ledger::Faults,
        measure::{Figures, Measure},
        rounds::{Outcome, Result},
    };

    /// A summary of two servers in a scenario of messages and one of memory.
    pub(in crate::report) fn summary() -> Summary {
        let result = |candidate: &str, measure, value| Result {
            candidate: candidate.to_owned(),
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
            "| scenario | per | server | CPU µs | CPU ÷ floor | lost, doubled, reordered |\n\
             | --- | --- | --- | --: | --: | --: |\n\
             | echo & <more> | echo | playground | 30.0 | 7.50 | 0, 0, 0 |\n\
             | echo & <more> | echo | floor | 4.00 |  | 0, 0, 0 |\n"
        );
        assert!(markdown[1].contains("| idle | echo | playground | 5,000 | 5.00 |"), "{markdown:?}");
    }

    #[test]
    fn columns_are_aligned() {
        let plain = tables(&summary())[0].plain();
        let ends: Vec<_> = plain.lines().map(|line| line.find("0, 0, 0")).collect();
        assert_eq!(ends[1], ends[2], "{plain}");
    }
}
