use super::*;
use crate::testing::{NOW, add_approve, add_request, file, finish, plan, room, set_state, store};

#[test]
fn expired_and_finished_rows_do_not_count() {
    let mut store = store();
    let conn = &mut store.conn;
    assert_eq!((pending(conn, NOW).unwrap(), approves(conn, NOW).unwrap()), ((0, None), 0));
    add_request(conn, 1, 2, 10, 1, NOW + 2);
    add_request(conn, 1, 3, 11, 2, NOW + 1);
    let approved = add_request(conn, 1, 4, 12, 3, NOW + 2);
    let finished = add_request(conn, 2, 5, 13, 4, NOW + 2);
    add_approve(conn, (1, 4, 12), 20, 5, NOW + 1);
    set_state(conn, approved, RequestState::Approved, 5).unwrap();
    finish(conn, finished, RequestState::Withdrawn, 6, NOW).unwrap();
    crate::repository::rooms::put(conn, &room(9, "secret")).unwrap();

    assert_eq!(rooms(conn).unwrap(), 3);
    assert_eq!(pending(conn, NOW).unwrap(), (2, Some(NOW)));
    assert_eq!(pending(conn, NOW + 1).unwrap(), (1, Some(NOW)));
    assert_eq!((approves(conn, NOW).unwrap(), approves(conn, NOW + 1).unwrap()), (1, 0));
    assert!(bytes(conn).unwrap() >= 4096);
}

#[test]
fn approves_that_are_over_are_passed_over() {
    let mut store = file();
    let plan = plan(&mut store.conn, |conn| assert_eq!(approves(conn, NOW).unwrap(), 0));
    assert!(plan.contains("INDEX approves_ending (exp>?)"), "{plan}");
}
