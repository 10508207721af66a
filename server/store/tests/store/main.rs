//! The store against the reference: whatever is done to both, they say the same and show the same.
//!
//! A few users, rooms, ids and box keys, small quotas and a clock that is handed in make what is
//! rare elsewhere common here: repeats under other fields, a box key asked for twice, quotas
//! reached, ends passed by a millisecond, a clock that goes back. Between steps the store is
//! stopped or crashes, and is opened again. Several commands may come at once, to share a
//! transaction.
//!
//! With `VESTIBULE_TEST_POSTGRES=postgres://user@host/database` and the feature `postgres` the
//! store is on that server, in a database of its own for each case.
//!
//! `PROPTEST_CASES=10000 cargo test -p vestibule-store --test store` tries more cases. The seeds of
//! those that failed are kept in `regressions.txt`, and are tried first.

mod actions;
mod batches;
mod lists;
mod pools;
mod proxy;
mod regressions;
mod store_under_test;
#[path = "../../src/testing.rs"]
mod testing;
mod world;
mod writers;

use std::env;

use proptest::test_runner::{Config, FileFailurePersistence};
use proptest_state_machine::prop_state_machine;

use store_under_test::Comparison;

/// Cases where the environment does not say how many: in files, and on a server, which is slower.
const CASES: u32 = 200;
const CASES_ON_SERVER: u32 = 40;

fn config() -> Config {
    let defaults = Config::default();
    // The default went by the environment already.
    let wanted = if testing::is_on_server() { CASES_ON_SERVER } else { CASES };
    let cases = if env::var_os("PROPTEST_CASES").is_some() { defaults.cases } else { wanted };
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/regressions.txt");
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)) as _);
    Config { cases, failure_persistence, max_shrink_iters: 4096, ..defaults }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_store_is_as_the_reference(sequential 1..100 => Comparison);
}
