//! The findings as a table.

use std::fmt::Write as _;

use super::{Finding, Health};

/// A line for each finding: how good it is, what was looked at, and what was found.
pub fn render(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { what, health, says } in findings {
        let word = match health {
            Health::Good => "ok  ",
            Health::Doubtful => "look",
            Health::Bad => "BAD ",
        };
        let _ = writeln!(text, "{word}  {what:width$}  {says}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_columns() {
        let findings = [Finding::good("clock", "it is set"), Finding::bad("data folder", "it is full")];
        assert_eq!(render(&findings), "ok    clock        it is set\nBAD   data folder  it is full\n");
    }
}
