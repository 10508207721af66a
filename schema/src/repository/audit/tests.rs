use diesel::prelude::*;

use super::{begin, finish, forget, page};
use crate::connection::Connection;
use crate::error::ErrorKind;
use crate::models::NewAct;
use crate::testing::{NOW, file, plan, store};

fn add(conn: &mut Connection, at: i64) -> i64 {
    begin(conn, &NewAct { at, operator: "alice", act: "DELETE", target: "rooms/1" }).unwrap()
}

fn ids(conn: &mut Connection) -> Vec<i64> {
    page(conn, None, 100).unwrap().into_iter().map(|act| act.id).collect()
}

#[test]
fn a_line_gets_its_result_once() {
    let mut store = store();
    let id = add(&mut store.conn, NOW);
    assert_eq!(page(&mut store.conn, None, 1).unwrap()[0].result, None);
    finish(&mut store.conn, id, 200).unwrap();
    assert_eq!(page(&mut store.conn, None, 1).unwrap()[0].result, Some(200));
    assert_eq!(finish(&mut store.conn, id, 500).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(finish(&mut store.conn, id + 1, 200).unwrap_err().kind(), ErrorKind::Conflict);
    let open = add(&mut store.conn, NOW);
    for change in ["result = 500 WHERE id = 1", "operator = 'bob'", "act = '', result = 200", "result = NULL"]
    {
        let changed = diesel::sql_query(format!("UPDATE audit SET {change}")).execute(&mut store.conn);
        assert!(changed.is_err(), "{change}");
    }
    finish(&mut store.conn, open, 403).unwrap();
}

#[test]
fn pages_go_back_in_time() {
    let mut store = store();
    let all: Vec<i64> = (0..5).map(|n| add(&mut store.conn, NOW + n)).collect();
    let page: Vec<i64> =
        page(&mut store.conn, Some(all[4]), 2).unwrap().into_iter().map(|act| act.id).collect();
    assert_eq!(page, [all[3], all[2]]);
}

#[test]
fn old_and_surplus_lines_are_deleted() {
    let mut store = store();
    let all: Vec<i64> = (0..6).map(|n| add(&mut store.conn, NOW + n)).collect();
    assert_eq!(forget(&mut store.conn, NOW + 1, 100, 1).unwrap(), 1, "as many as are wanted at once");
    assert_eq!(forget(&mut store.conn, NOW + 1, 100, 10).unwrap(), 1);
    assert_eq!(ids(&mut store.conn).len(), 4);
    assert_eq!(forget(&mut store.conn, NOW, 3, 10).unwrap(), 1);
    assert_eq!(ids(&mut store.conn), [all[5], all[4], all[3]]);
    forget(&mut store.conn, NOW + 100, 3, 10).unwrap();
    assert!(ids(&mut store.conn).is_empty());
}

#[test]
fn lines_are_read_by_number() {
    let mut store = file();
    let plan = plan(&mut store.conn, |conn| {
        page(conn, Some(1), 10).unwrap();
        finish(conn, 1, 200).ok();
    });
    assert!(plan.contains("INTEGER PRIMARY KEY"), "{plan}");
}
