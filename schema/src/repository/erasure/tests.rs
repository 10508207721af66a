use diesel::dsl::sql;
use diesel::sql_types::BigInt;

use super::*;
use crate::models::{ApproveState, NewNotice, RequestState, Room};
use crate::repository::{approves, denials, devices, notices, rooms};
use crate::tables::denials as denials_table;
use crate::testing::{NOW, add_approve, add_request, close, denial, file, finish, id, plan, room, store};

/// The user who is erased, and who approves everything that [`add_approve`] stores.
const ERASED: u8 = 200;

fn notice(conn: &mut Connection, uid: u8, seq: i64, frame: &[u8]) {
    notices::insert(conn, &NewNotice { uid: &id(uid), rid: &id(1), seq, at: NOW, frame }).unwrap();
}

fn count(conn: &mut Connection, query: &str) -> i64 {
    sql::<BigInt>(query).get_result(conn).unwrap()
}

#[test]
fn erasing_a_user_touches_nobody_else() {
    let mut store = store();
    let conn = &mut store.conn;
    let creator = Some(id(ERASED).to_vec());
    rooms::put(conn, &Room { creator: creator.clone(), founder: creator, ..room(1, "request") }).unwrap();
    let own = add_request(conn, 1, ERASED, 1, 10, NOW + 1000);
    devices::register(conn, own, &[1; 16]).unwrap();
    let bobs = add_request(conn, 1, 2, 2, 11, NOW + 1000);
    devices::register(conn, bobs, &[2; 16]).unwrap();
    add_approve(conn, (1, 2, 2), 7, 12, NOW + 1000);
    denials::put(conn, &denial((1, 3, 3), 13, NOW + 1000)).unwrap();
    denials::put(conn, &denial((1, ERASED, 1), 14, NOW + 1000)).unwrap();
    notice(conn, ERASED, 15, &[1]);
    notice(conn, 2, 16, &[&[0xc4, 32][..], &id(ERASED), &[3]].concat());
    notice(conn, 2, 17, &[4]);

    let waiting = waiting_of(conn, &id(ERASED)).unwrap();
    assert_eq!((waiting.len(), waiting[0].request_id[0]), (1, 1));
    let approves = approves_by(conn, &id(ERASED)).unwrap();
    assert_eq!((approves.len(), approves[0].approve_id[0]), (1, 7));

    let erased = run(conn, &id(ERASED), 0).unwrap();
    assert_eq!(erased, Erased { requests: 1, approves: 1, denials: 1, notices: 2, rooms: 1 });
    assert_eq!(run(conn, &id(ERASED), 0).unwrap(), Erased::default());

    for (table, left) in
        [("rooms", 1), ("requests", 1), ("devices", 1), ("approves", 0), ("denials", 1), ("notices", 1)]
    {
        assert_eq!(count(conn, &format!("SELECT count(*) FROM {table}")), left, "{table}");
    }
    let left = denials::find(conn, &id(1), &id(3)).unwrap().unwrap();
    assert_eq!(left.by_uid, NOBODY);
    let room = rooms::find(conn, &id(1)).unwrap().unwrap();
    assert_eq!((room.creator, room.founder, room.open), (None, None, 1));
}

#[test]
fn finished_rows_go_first_and_open_ones_stay() {
    let mut store = store();
    let conn = &mut store.conn;
    for request in 1..6 {
        let own = add_request(conn, 1, ERASED, request, 10, NOW + 1000);
        if request > 1 {
            finish(conn, own, RequestState::Done, 11, NOW).unwrap();
        }
        add_request(conn, 1, request, request, 12, NOW + 1000);
        add_approve(conn, (1, request, request), request, 13, NOW + 1000);
        notice(conn, ERASED, 14, &[1]);
        denials::put(conn, &denial((1, 50 + request, request), 15, NOW + 1000)).unwrap();
    }
    let first = approves::find(conn, &id(1), &id(1)).unwrap().unwrap();
    close(conn, first.id, ApproveState::Dropped);
    denials::put(conn, &denial((1, ERASED, 1), 16, NOW + 1000)).unwrap();

    let (first, has_more) = some(conn, &id(ERASED), 3).unwrap();
    assert_eq!(
        (first, has_more),
        (Erased { requests: 3, approves: 1, denials: 1, notices: 3, rooms: 0 }, true)
    );
    let (second, has_more) = some(conn, &id(ERASED), 3).unwrap();
    assert_eq!(
        (second, has_more),
        (Erased { requests: 1, approves: 0, denials: 0, notices: 2, rooms: 0 }, false)
    );
    let of_nobody: i64 =
        denials_table::table.filter(denials_table::by_uid.eq(NOBODY)).count().get_result(conn).unwrap();
    assert_eq!(of_nobody, 5);
    assert_eq!(waiting_of(conn, &id(ERASED)).unwrap().len(), 1);
    assert_eq!(approves_by(conn, &id(ERASED)).unwrap().len(), 4);
}

#[test]
fn notices_that_name_the_user_are_found() {
    let mut store = store();
    let conn = &mut store.conn;
    for seq in 1..=3 {
        notice(conn, 2, seq, &id(ERASED));
    }
    notice(conn, ERASED, 4, &id(ERASED));
    let found = naming(conn, &id(ERASED)).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(notices::delete(conn, &found).unwrap(), 3);
    assert_eq!(notices::delete(conn, &found).unwrap(), 0);
    assert_eq!(count(conn, "SELECT count(*) FROM notices"), 1);
}

#[test]
fn newer_notices_are_found_by_their_time() {
    let mut store = store();
    let conn = &mut store.conn;
    // Several writers: neither ids nor seqs grow with the time.
    for (seq, at, frame) in [
        (70, NOW, id(ERASED)),
        (10, NOW + 9, id(ERASED)),
        (90, NOW - 1, id(ERASED)),
        (20, NOW + 9, id(5)),
        (30, NOW + 1, id(ERASED)),
        (80, NOW - 9, id(ERASED)),
    ] {
        let notice = NewNotice { uid: &id(2), rid: &id(1), seq, at, frame: &frame };
        notices::insert(conn, &notice).unwrap();
    }
    assert_eq!(run(conn, &id(ERASED), NOW * 1000 + 999).unwrap().notices, 3);
    let left = notices::page(conn, &id(2), None, 0, 9).unwrap();
    assert_eq!(left.iter().map(|notice| notice.seq).collect::<Vec<_>>(), [20, 80, 90]);
}

#[test]
fn the_bytes_are_gone_from_the_file() {
    let mut store = file();
    let conn = &mut store.conn;
    add_request(conn, 1, ERASED, 1, 10, NOW + 1000);
    notice(conn, 2, 16, &id(ERASED));
    run(conn, &id(ERASED), 0).unwrap();
    diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").execute(conn).unwrap();
    let file = std::fs::read(store.path()).unwrap();
    assert!(!file.windows(32).any(|bytes| bytes == id(ERASED)));
}

#[test]
fn approves_by_the_user_are_found_by_index() {
    let mut store = file();
    let plan = plan(&mut store.conn, |conn| {
        waiting_of(conn, &id(1)).unwrap();
        approves_by(conn, &id(1)).unwrap();
    });
    assert!(plan.contains("requests_of_user (uid=?)") && plan.contains("approves_by_user"), "{plan}");
}
