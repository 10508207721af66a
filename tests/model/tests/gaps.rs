//! What the rules do not promise. A denial is one of a user in a room, and not of one request: whoever lifts it ends
//! what it denied. A member who is hostile can lift one too.

use vestibule_model::flow::{Flow, POSSIBLE, Scope};

#[test]
fn a_denial_lifted_at_once_leaves_nothing_to_overrule() {
    gap(Scope { garbage: 0, unblocks: true, ..Scope::small() });
}

#[test]
fn of_two_denied_requests_one_can_be_overruled() {
    let mut scope = Scope { garbage: 1, withdraws: false, ..Scope::small() };
    scope.quotas.cooldown_ms = 1;
    gap(scope);
}

fn gap(scope: Scope) {
    let verdict = Flow::new(scope).verdict();
    println!("{verdict}");
    assert_eq!(verdict.broken.keys().collect::<Vec<_>>(), [&POSSIBLE]);
}
