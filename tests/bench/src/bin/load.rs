//! Measures servers side by side. `make bench` runs it.

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use vestibule_bench::{
    candidate::Candidate,
    report::{document, json, table},
    rounds::{self, Plan},
    scenario,
};

/// Measures servers side by side, in rounds that alternate between them
#[derive(Debug, Parser)]
struct Options {
    /// A playground, as NAME=PATH; can be given several times, for several revisions
    #[arg(long, value_parser = Candidate::playground)]
    playground: Vec<Candidate>,
    /// The server of the product, as NAME=PATH; can be given several times
    #[arg(long, value_parser = Candidate::vestibule)]
    vestibule: Vec<Candidate>,
    /// The floor, as its path
    #[arg(long, value_parser = Candidate::floor)]
    floor: Option<Candidate>,
    /// Runs only scenarios whose key contains one of these, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs the long form, which takes many minutes
    #[arg(long)]
    long: bool,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Does not count instructions, which needs Valgrind
    #[arg(long)]
    no_instructions: bool,
    /// Writes the results here, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the results into this document, and plots beside it
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let mut scenarios = scenario::all(options.long);
    scenarios.retain(|scenario| {
        options.only.is_empty() || options.only.iter().any(|part| scenario.key().contains(part))
    });
    let plan = Plan {
        rounds: options.rounds.max(1),
        is_long: options.long,
        counts_instructions: !options.no_instructions,
    };
    let servers = [options.playground, options.vestibule].concat();
    let servers: Vec<Candidate> = servers.into_iter().chain(options.floor).collect();
    let summary = rounds::run(&servers, &scenarios, plan)?;
    for table in table::tables(&summary) {
        println!("{}", table.plain());
    }
    println!("load average at the start: {:.1}, machine busy: {:.0} %", summary.load, summary.busy * 100.0);
    if let Some(path) = &options.json {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, serde_json::to_string_pretty(&json::of(&summary))?)?;
    }
    if let Some(path) = &options.document {
        document::write(path, &summary)?;
    }
    let above_floor = summary.above_floor();
    if !above_floor.is_empty() {
        eprintln!("the floor needs too much to be one: {}", above_floor.join("; "));
    }
    if !summary.faults().is_none() {
        eprintln!("messages were lost, doubled or reordered");
    }
    let is_good = above_floor.is_empty() && summary.faults().is_none();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
