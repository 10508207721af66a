//! Which designs of streams tell everybody everything once, in order.

use std::time::Instant;

use vestibule_model::streams::{
    Report, Scope, Variant, run,
    variants::{bad, good, others},
};

#[test]
fn good_variants_tell_all_once_in_order() {
    for variant in good() {
        let report = total(&variant, 1);
        println!("{}: {report:?}", variant.name);
        assert_eq!((report.faults(), report.deadlocks), (0, 0), "{}: {report:?}", variant.name);
        assert!(report.changes > 1000 && report.joins > 1000, "{}: {report:?}", variant.name);
    }
}

#[test]
fn flaws_are_noticed() {
    for variant in bad() {
        let noticed = (1..=60).find(|seed| is_wrong(&both(&variant, *seed)));
        println!("{}: noticed with seed {noticed:?}", variant.name);
        assert!(noticed.is_some(), "{}", variant.name);
    }
}

#[test]
fn a_run_repeats_exactly() {
    let variant = good().pop().expect("there are good variants");
    assert_eq!(both(&variant, 7), both(&variant, 7));
    assert_ne!(both(&variant, 7), both(&variant, 8));
}

#[test]
#[ignore = "takes minutes: `make model`"]
fn all_variants_in_a_table() {
    println!("| variant {}", Report::TITLES);
    println!("|{}", "---|".repeat(14));
    let good = good();
    for (place, variant) in good.iter().chain(&others()).chain(&bad()).enumerate() {
        let start = Instant::now();
        let report = total(variant, 50);
        println!("| {} {report}", variant.name);
        eprintln!("{:.1?}", start.elapsed());
        assert!(place >= good.len() || !is_wrong(&report), "{}", variant.name);
    }
}

fn is_wrong(report: &Report) -> bool {
    report.faults() + report.deadlocks > 0
}

/// A busy and a quiet run.
fn both(variant: &Variant, seed: u64) -> Report {
    run(variant, Scope::busy(), seed).plus(&run(variant, Scope::quiet(), seed))
}

fn total(variant: &Variant, seeds: u64) -> Report {
    (1..=seeds).map(|seed| both(variant, seed)).fold(Report::default(), |all, one| all.plus(&one))
}
