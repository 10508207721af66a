//! Rounds that alternate between the servers, and their medians.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::Arc,
    time::Instant,
};

use tempfile::NamedTempFile;

use crate::{
    candidate::{Application, Candidate, FLOOR},
    gauge::Gauge,
    ledger::Faults,
    machine::{self, Busy},
    measure::{Figures, Measure, Sample},
    scenario::{DELIVERED, Scenario, Subject},
    statistics::{median, spread},
    wire::certificate::Certificate,
};

/// The most user instructions that the floor may need for a delivered frame.
const MOST_INSTRUCTIONS: f64 = 150.0;

/// The most bytes that the floor may need for a connection.
const MOST_BYTES: f64 = 1150.0;

/// What all rounds showed of one server in one scenario.
#[derive(Debug, Clone)]
pub struct Result {
    /// The server's name.
    pub candidate: String,
    /// What it has.
    pub application: Application,
    /// The median of each figure.
    pub medians: Figures,
    /// How far the rounds are apart in each figure: the largest divided by the smallest.
    pub spreads: Figures,
    /// What went wrong in all rounds.
    pub faults: Faults,
}

/// The results of a scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The scenario's key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What its figures are per.
    pub unit: &'static str,
    /// The servers, as they were given.
    pub results: Vec<Result>,
}

impl Outcome {
    /// A server's result.
    pub fn of(&self, candidate: &str) -> Option<&Result> {
        self.results.iter().find(|result| result.candidate == candidate)
    }
}

/// The results of all scenarios, and the circumstances.
#[derive(Debug, Clone)]
pub struct Summary {
    /// One for each scenario.
    pub outcomes: Vec<Outcome>,
    /// How many rounds there were.
    pub rounds: usize,
    /// Whether the scenarios had their long form.
    pub is_long: bool,
    /// The machine.
    pub machine: String,
    /// The load average when the run began.
    pub load: f64,
    /// The share of the machine that was busy during the run, the servers and their clients
    /// included.
    pub busy: f64,
}

impl Summary {
    /// The scenarios in which the floor needs so much that it is none.
    pub fn above_floor(&self) -> Vec<&str> {
        let is_above = |outcome: &&Outcome| {
            let Some(floor) = outcome.of(FLOOR) else { return false };
            let exceeds = |measure, most| floor.medians.get(&measure).is_some_and(|figure| *figure > most);
            exceeds(Measure::Bytes, MOST_BYTES)
                || outcome.unit == DELIVERED && exceeds(Measure::Instructions, MOST_INSTRUCTIONS)
        };
        self.outcomes.iter().filter(is_above).map(|outcome| &*outcome.name).collect()
    }

    /// What went wrong altogether.
    pub fn faults(&self) -> Faults {
        let results = self.outcomes.iter().flat_map(|outcome| &outcome.results);
        results.fold(Faults::default(), |sum, result| sum.and(result.faults))
    }
}

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many rounds.
    pub rounds: usize,
    /// Whether the scenarios have their long form.
    pub is_long: bool,
    /// Whether instructions are counted, which needs Valgrind.
    pub counts_instructions: bool,
}

/// Runs the scenarios on the servers.
pub fn run(candidates: &[Candidate], scenarios: &[Box<dyn Scenario>], plan: Plan) -> io::Result<Summary> {
    let (load, before) = (machine::load(), Busy::now());
    let mut outcomes = Vec::new();
    for scenario in scenarios {
        let has = |candidate: &&Candidate| candidate.application.has(scenario.application());
        let able: Vec<&Candidate> = candidates.iter().filter(has).collect();
        if scenario.is_worthwhile(&able) {
            outcomes.push(outcome(&able, &**scenario, plan)?);
        }
    }
    let busy = before.zip(Busy::now()).map_or(0.0, |(before, after)| after.share_since(before));
    let Plan { rounds, is_long, .. } = plan;
    Ok(Summary { outcomes, rounds, is_long, machine: machine::description(), load, busy })
}

/// Runs a scenario on servers that can do it.
fn outcome(able: &[&Candidate], scenario: &dyn Scenario, plan: Plan) -> io::Result<Outcome> {
    let begin = Instant::now();
    let mut samples = vec![Vec::new(); able.len()];
    for round in 0..scenario.rounds(plan.rounds) {
        // Another one begins each round: whoever comes first finds a machine that was just idle.
        for place in 0..able.len() {
            let number = (round + place) % able.len();
            samples[number].push(sample(able[number], scenario, &Gauge::Time)?);
        }
    }
    if plan.counts_instructions && scenario.is_counted() {
        for (number, candidate) in able.iter().enumerate() {
            let folder = tempfile::tempdir()?;
            let gauge = Gauge::Callgrind(folder.path().to_owned());
            samples[number].push(sample(candidate, scenario, &gauge)?);
        }
    }
    eprintln!("{}: {:.0} s", scenario.name(), begin.elapsed().as_secs_f64());
    let results = able.iter().zip(samples).map(|(candidate, samples)| result(candidate, &samples)).collect();
    Ok(Outcome { key: scenario.key(), name: scenario.name(), unit: scenario.unit(), results })
}

/// One run against a fresh server.
fn sample(candidate: &Candidate, scenario: &dyn Scenario, gauge: &Gauge) -> io::Result<Sample> {
    let is_secured = scenario.application() == Application::VestibuleOverTls;
    let certificate = is_secured.then(Certificate::generate).transpose()?.map(Arc::new);
    let settings = scenario.settings().map(|text| settings_file(&text)).transpose()?;
    let settings = settings.as_ref().map(NamedTempFile::path);
    let mut server = candidate.start(gauge, certificate.as_deref(), settings);
    let application = candidate.application;
    scenario.run(&mut Subject { application, server: &mut server, gauge, certificate }).map_err(|error| {
        let what = format!("{}, {}: {error}", candidate.name, scenario.name());
        io::Error::new(error.kind(), what)
    })
}

fn settings_file(text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn result(candidate: &Candidate, samples: &[Sample]) -> Result {
    let mut values: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    let mut faults = Faults::default();
    for sample in samples {
        faults = faults.and(sample.faults);
        for (measure, value) in &sample.figures {
            values.entry(*measure).or_default().push(*value);
        }
    }
    let each =
        |figure: fn(&[f64]) -> f64| values.iter().map(|(measure, of)| (*measure, figure(of))).collect();
    let Candidate { name, application, .. } = candidate.clone();
    Result { candidate: name, application, medians: each(median), spreads: each(spread), faults }
}

#[cfg(test)]
mod tests {
    use super::{
        Application, Candidate, DELIVERED, FLOOR, Faults, Figures, Measure, Outcome, Result, Sample, Summary,
        result,
    };

    #[test]
    fn a_floor_that_needs_much_is_none() {
        let outcome = |unit, measure, figure| Outcome {
            key: String::new(),
            name: format!("{measure:?} {figure}"),
            unit,
            results: vec![Result {
                candidate: FLOOR.to_owned(),
                application: Application::Channels,
                medians: Figures::from([(measure, figure)]),
                spreads: Figures::new(),
                faults: Faults::default(),
            }],
        };
        let summary = Summary {
            outcomes: vec![
                outcome(DELIVERED, Measure::Instructions, 149.0),
                outcome(DELIVERED, Measure::Instructions, 151.0),
                outcome("echo", Measure::Instructions, 1200.0),
                outcome("connection", Measure::Bytes, 1149.0),
                outcome("connection", Measure::Bytes, 1151.0),
            ],
            rounds: 1,
            is_long: false,
            machine: String::new(),
            load: 0.0,
            busy: 0.0,
        };
        assert_eq!(summary.above_floor(), ["Instructions 151", "Bytes 1151"]);
    }

    #[test]
    fn rounds_become_medians_and_faults_add_up() {
        let (name, program) = ("floor".to_owned(), "floor".into());
        let candidate = Candidate { name, program, application: Application::Channels };
        let sample = |cpu, lost| Sample {
            figures: Figures::from([(Measure::Cpu, cpu)]),
            faults: Faults { lost, ..Faults::default() },
        };
        let counted = Sample { figures: Figures::from([(Measure::Instructions, 5.0)]), ..Sample::default() };
        let result = result(&candidate, &[sample(4.0, 1), sample(2.0, 0), sample(3.0, 2), counted]);
        let medians = Figures::from([(Measure::Cpu, 3.0), (Measure::Instructions, 5.0)]);
        assert_eq!((result.medians, result.faults.lost), (medians, 3));
        assert_eq!(result.spreads[&Measure::Cpu].to_bits(), 2.0_f64.to_bits());
    }
}
