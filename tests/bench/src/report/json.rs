//! The results as JSON.

use serde_json::{Map, Value, json};

use crate::{
    measure::{Figures, Measure},
    rounds::{Result, Summary},
};

/// All results.
pub fn of(summary: &Summary) -> Value {
    let outcomes = summary.outcomes.iter().map(|outcome| {
        let servers: Map<String, Value> =
            outcome.results.iter().map(|result| (result.candidate.clone(), server(result))).collect();
        json!({ "scenario": outcome.key, "name": outcome.name, "per": outcome.unit, "servers": servers })
    });
    json!({
        "machine": summary.machine,
        "load_before": summary.load,
        "busy_share": summary.busy,
        "rounds": summary.rounds,
        "long": summary.is_long,
        "scenarios": outcomes.collect::<Vec<_>>(),
    })
}

fn server(result: &Result) -> Value {
    let figures = |figures: &Figures| -> Map<String, Value> {
        figures.iter().map(|(measure, value)| (Measure::key(*measure).to_owned(), json!(value))).collect()
    };
    json!({
        "medians": figures(&result.medians),
        "largest_by_smallest": figures(&result.spreads),
        "lost": result.faults.lost,
        "doubled": result.faults.doubled,
        "reordered": result.faults.reordered,
    })
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::report::table::tests::summary;

    #[test]
    fn figures_are_found_by_scenario_and_server() {
        let json = of(&summary());
        let echo = &json["scenarios"][1]["servers"]["playground"];
        assert_eq!((&echo["medians"]["cpu_us"], &echo["lost"]), (&30.0.into(), &0.into()), "{json}");
        assert_eq!(echo["largest_by_smallest"]["cpu_us"], 1.5);
    }
}
