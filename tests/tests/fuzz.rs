//! A short run of every fuzz target: the stored corpus, and mutations of it from a fixed seed.
//! `make fuzz` runs them for longer.

use std::panic::catch_unwind;

use vestibule_tests::fuzz::{Mutator, TARGETS, corpus};

const MUTATIONS: usize = 60_000;

#[test]
fn no_fuzz_target_breaks_on_mutated_inputs() {
    for (name, target) in TARGETS {
        let mut inputs = corpus(name);
        let kept = inputs.len();
        let mut mutator = Mutator::new(0x7665_7374);
        for round in 0..kept + MUTATIONS {
            let input = if round < kept {
                inputs[round].clone()
            } else {
                let pick = mutator.below(inputs.len());
                mutator.mutate(&inputs[pick])
            };
            let holds = catch_unwind(|| target(&input)).is_ok();
            assert!(holds, "{name} breaks on {:?}", String::from_utf8_lossy(&input));
            // Some mutations are added to the inputs, so that inputs drift away from the corpus.
            if round >= kept && inputs.len() < kept + 500 && input.len() < 4096 && mutator.below(50) == 0 {
                inputs.push(input);
            }
        }
        println!("fuzz {name}: {kept} kept inputs and {MUTATIONS} mutations");
    }
}
