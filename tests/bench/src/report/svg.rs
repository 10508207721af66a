//! Plots: bars, written by hand.

use std::fmt::Write as _;

use super::figure;
use crate::{measure::Measure, rounds::Summary};

const WIDTH: usize = 900;
/// Where bars begin; names are to the left.
const LEFT: usize = 380;
/// The length of the longest bar, which leaves room for its figure.
const LONGEST: usize = 430;
const BAR: usize = 14;
const GAP: usize = 10;
const TOP: usize = 56;

/// The colours of the servers, legible on white and on black: two revisions of two servers, and the
/// floor, have one each.
const COLOURS: [&str; 6] = ["#3b78c3", "#e08a1e", "#4f9d58", "#a25bb0", "#c0504d", "#6b7a8f"];

/// The plots, each with its name.
const PLOTS: [(Measure, &str, &str); 3] = [
    (Measure::Cpu, "cpu", "Server CPU in µs, each scenario on its own scale"),
    (
        Measure::Instructions,
        "instructions",
        "User instructions of the server, each scenario on its own scale",
    ),
    (Measure::Bytes, "memory", "Bytes of the server's memory for one connection or user"),
];

/// A plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// The name of its file.
    pub file: String,
    /// What it shows.
    pub title: &'static str,
    /// The file's content.
    pub svg: String,
}

/// The plots of all measures that there are figures of.
pub fn plots(summary: &Summary) -> Vec<Plot> {
    let plot = |(measure, name, title)| {
        let svg = bars(summary, measure, title)?;
        Some(Plot { file: format!("{name}.svg"), title, svg })
    };
    PLOTS.into_iter().filter_map(plot).collect()
}

/// The bars of a measure: for each scenario one for each server. Each scenario has its own scale,
/// since one of them costs thousands of times as much as another.
fn bars(summary: &Summary, measure: Measure, title: &str) -> Option<String> {
    let value = |result: &crate::rounds::Result| result.medians.get(&measure).copied();
    let results = || summary.outcomes.iter().flat_map(|outcome| &outcome.results);
    let mut servers: Vec<&str> = Vec::new();
    for result in results().filter(|result| value(result).is_some()) {
        if !servers.contains(&&*result.candidate) {
            servers.push(&result.candidate);
        }
    }
    if servers.is_empty() {
        return None;
    }
    let mut body = format!("<text x=\"10\" y=\"20\" class=\"title\">{}</text>\n", escaped(title));
    let mut x = 10;
    for (server, colour) in servers.iter().zip(COLOURS.iter().cycle()) {
        let name = escaped(server);
        let _ = writeln!(body, "<rect x=\"{x}\" y=\"30\" width=\"10\" height=\"10\" fill=\"{colour}\"/>");
        let _ = writeln!(body, "<text x=\"{}\" y=\"39\">{name}</text>", x + 15);
        x += 40 + 8 * server.chars().count();
    }
    let mut y = TOP;
    for outcome in &summary.outcomes {
        let shown: Vec<_> =
            outcome.results.iter().filter_map(|it| Some((&*it.candidate, value(it)?))).collect();
        if shown.is_empty() {
            continue;
        }
        let largest = shown.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        let middle = y + shown.len() * BAR / 2 + 4;
        let name = escaped(&outcome.name);
        let _ = writeln!(body, "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>", LEFT - 8);
        for (server, value) in shown {
            let place = servers.iter().position(|known| *known == server).unwrap_or_default();
            bar(&mut body, y, value / largest, &figure::text(value), COLOURS[place % COLOURS.len()]);
            y += BAR;
        }
        y += GAP;
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" viewBox=\"0 0 {WIDTH} {y}\">\n\
         <style>text {{ font: 12px sans-serif; fill: #222 }} .title {{ font-weight: bold }}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#fff\"/>\n{body}</svg>\n"
    ))
}

/// A bar of this share of the longest, with its figure.
fn bar(body: &mut String, y: usize, share: f64, text: &str, colour: &str) {
    #[expect(clippy::cast_precision_loss, reason = "a width on a screen")]
    let width = (share * LONGEST as f64).max(1.0);
    let height = BAR - 2;
    let _ = writeln!(
        body,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{colour}\"/>"
    );
    #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
    let x = LEFT as f64 + width + 5.0;
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{}\">{text}</text>", y + height - 2);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::plots;
    use crate::report::table::tests::summary;

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let plots = plots(&summary());
        let files: Vec<&str> = plots.iter().map(|plot| &*plot.file).collect();
        assert_eq!(files, ["cpu.svg", "memory.svg"]);
        for width in ["width=\"430.0\"", "width=\"86.0\""] {
            assert!(plots[1].svg.contains(width), "{}", plots[1].svg);
        }
        assert!(plots[0].svg.contains("echo &amp; &lt;more&gt;"), "{}", plots[0].svg);
    }
}
