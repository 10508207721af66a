use super::*;
use crate::ErrorKind;
use crate::models::NewNotice;
use crate::repository::{denials, devices, notices, requests};
use crate::testing::{NOW, add_approve, add_request, denial, file, id, open_in_all, plan, room, store};

fn ids(page: &[Room]) -> Vec<u8> {
    page.iter().map(|room| room.rid[0]).collect()
}

#[test]
fn put_replaces_the_row_and_keeps_its_requests() {
    let mut store = store();
    let conn = &mut store.conn;
    assert_eq!(find(conn, &id(1)).unwrap(), None);
    add_request(conn, 1, 2, 3, 4, NOW);
    let changed = Room {
        policy: "secret".to_owned(),
        version: i64::MAX,
        seq: 7,
        created: 8,
        frame: vec![9],
        digest: Some(vec![10; 32]),
        open: 1,
        ..room(1, "open")
    };
    put(conn, &changed).unwrap();
    assert_eq!(find(conn, &id(1)).unwrap(), Some(changed));
    assert!(requests::find(conn, &id(1), &id(2), &id(3)).unwrap().is_some());

    assert_eq!(put(conn, &room(1, "")).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_creator_stays_and_a_count_is_never_put() {
    let mut store = store();
    let conn = &mut store.conn;
    let creator = |n: u8| Some(id(n).to_vec());
    let (founder, digest) = (creator(7), creator(1));
    let first = Room { creator: creator(7), founder, digest, open: 5, denied: 5, ..room(1, "open") };
    put(conn, &first).unwrap();
    let stored = Room { open: 0, denied: 0, ..first.clone() };
    assert_eq!(find(conn, &id(1)).unwrap(), Some(stored.clone()));

    // Of the digest, another card's would be worse than none.
    let (founder, digest) = (creator(8), None);
    put(conn, &Room { creator: creator(8), founder, digest, listed: false, open: 6, ..first }).unwrap();
    let next = Room { digest: None, listed: false, ..stored };
    assert_eq!(find(conn, &id(1)).unwrap(), Some(next));

    // A room of before stays without one, whoever publishes the next card.
    put(conn, &room(2, "open")).unwrap();
    put(conn, &Room { creator: creator(8), ..room(2, "open") }).unwrap();
    assert_eq!(find(conn, &id(2)).unwrap(), Some(room(2, "open")));

    for short in [
        Room { creator: Some(vec![1; 31]), ..room(3, "open") },
        Room { founder: Some(vec![1; 33]), ..room(3, "open") },
        Room { digest: Some(vec![]), ..room(3, "open") },
    ] {
        assert_eq!(put(conn, &short).unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[test]
fn founded_rooms_are_counted_up_to_the_cap() {
    let mut store = store();
    let conn = &mut store.conn;
    for (rid, founder) in [(1, 7), (2, 7), (3, 8), (4, 7)] {
        put(conn, &Room { founder: Some(id(founder).to_vec()), ..room(rid, "secret") }).unwrap();
    }
    put(conn, &room(5, "secret")).unwrap();
    assert_eq!(count_founded_by(conn, &id(7), 100).unwrap(), 3);
    assert_eq!(count_founded_by(conn, &id(7), 2).unwrap(), 2);
    assert_eq!(count_founded_by(conn, &id(8), 100).unwrap(), 1);
    assert_eq!(count_founded_by(conn, &id(9), 100).unwrap(), 0);
}

#[test]
fn pages_hold_the_asked_policies_in_the_order_of_ids() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [9, 3, 6, 1, 4, 7, 2, 5, 8] {
        put(conn, &room(rid, ["open", "request", "secret"][usize::from(rid) % 3])).unwrap();
    }
    let both = ["open", "request"];
    // Ids that 3 divides are open, one more request, two more secret.
    assert_eq!(ids(&page(conn, &both, None, 100).unwrap()), [1, 3, 4, 6, 7, 9]);
    assert_eq!(ids(&page(conn, &["secret"], None, 100).unwrap()), [2, 5, 8]);
    assert_eq!(ids(&page(conn, &both, None, 3).unwrap()), [1, 3, 4]);
    assert_eq!(ids(&page(conn, &both, Some(&id(4)), 3).unwrap()), [6, 7, 9]);
    assert_eq!(ids(&page(conn, &both, Some(&id(5)), 2).unwrap()), [6, 7]);
    assert!(page(conn, &both, Some(&id(9)), 3).unwrap().is_empty());
    assert!(page(conn, &both, None, 0).unwrap().is_empty());
    assert!(page(conn, &[], None, 3).unwrap().is_empty());
    assert_eq!(ids(&page(conn, &["open", "open"], None, 2).unwrap()), [3, 6]);
}

#[test]
fn the_directory_shows_listed_rooms() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in 1..=6 {
        put(conn, &Room { listed: rid % 2 == 0, ..room(rid, ["open", "request"][usize::from(rid) % 2]) })
            .unwrap();
    }
    let both = ["open", "request"];
    assert_eq!(ids(&directory(conn, &both, None, 9).unwrap()), [2, 4, 6]);
    assert_eq!(ids(&directory(conn, &both, Some(&id(2)), 1).unwrap()), [4]);
    assert!(set_listed(conn, &id(3), true, 5).unwrap() && set_listed(conn, &id(4), false, 6).unwrap());
    assert!(!set_listed(conn, &id(9), true, 7).unwrap());
    assert_eq!(ids(&directory(conn, &both, None, 9).unwrap()), [2, 3, 6]);
    assert_eq!(ids(&page(conn, &both, None, 9).unwrap()), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_creator_is_set_and_the_founder_stays() {
    let mut store = store();
    let conn = &mut store.conn;
    let (creator, founder) = (Some(id(7).to_vec()), Some(id(7).to_vec()));
    put(conn, &Room { creator, founder, ..room(1, "open") }).unwrap();
    assert!(set_creator(conn, &id(1), &id(8), 9).unwrap());
    assert!(!set_creator(conn, &id(2), &id(8), 9).unwrap());
    let found = find(conn, &id(1)).unwrap().unwrap();
    assert_eq!((found.creator, found.founder, found.seq), (Some(id(8).to_vec()), Some(id(7).to_vec()), 9));
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    let plan_of_find = plan(conn, |conn| drop(find(conn, &id(1)).unwrap()));
    assert!(plan_of_find.contains("sqlite_autoindex_rooms_1 (rid=?)"), "{plan_of_find}");
    let plan_of_page = plan(conn, |conn| drop(page(conn, &["open", "request"], Some(&id(1)), 9).unwrap()));
    assert!(plan_of_page.contains("rooms_by_policy (policy=? AND rid>?)"), "{plan_of_page}");
    assert!(!plan_of_page.contains("TEMP B-TREE"), "{plan_of_page}");
    let listed = plan(conn, |conn| drop(directory(conn, &["open", "request"], Some(&id(1)), 9).unwrap()));
    assert!(listed.contains("rooms_listed (listed=? AND policy=? AND rid>?)"), "{listed}");
    assert!(!listed.contains("TEMP B-TREE"), "{listed}");
    let count = plan(conn, |conn| {
        count_founded_by(conn, &id(1), 9).unwrap();
    });
    assert!(count.contains("rooms_by_founder (founder=?)"), "{count}");
    let deleted = plan(conn, |conn| {
        notices::delete_of_room(conn, &id(1), 12, 9).unwrap();
        requests::delete_finished_in_room(conn, &id(1), 9).unwrap();
        delete(conn, &id(1)).unwrap();
    });
    assert!(deleted.contains("notices_of_room"), "{deleted}");
}

#[test]
fn deleting_a_room_deletes_its_rows_only() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [1, 2] {
        let request = add_request(conn, rid, 5, 6, 10, NOW + 1000);
        devices::register(conn, request, &[1; 16]).unwrap();
        add_approve(conn, (rid, 5, 6), 9, 11, NOW + 1000);
        denials::put(conn, &denial((rid, 5, 6), 12, NOW + 1000)).unwrap();
        let rid = id(rid);
        notices::insert(conn, &NewNotice { uid: &id(5), rid: &rid, seq: 13, at: NOW, frame: &[1] }).unwrap();
    }
    let kept = requests::kept_in_room(conn, &id(1)).unwrap();
    assert_eq!((kept.len(), &kept[0].uid[..], &kept[0].request_id[..]), (1, &id(5)[..], &id(6)[..]));
    assert_eq!(notices::delete_of_room(conn, &id(1), 12, 9).unwrap(), 0);
    assert_eq!(notices::delete_of_room(conn, &id(1), 13, 9).unwrap(), 1);
    assert_eq!(requests::delete_finished_in_room(conn, &id(1), 9).unwrap(), 0, "it waits");
    assert!(delete(conn, &id(1)).unwrap());
    assert!(!delete(conn, &id(1)).unwrap());
    for table in ["rooms", "requests", "devices", "approves", "denials", "notices"] {
        let left: i64 =
            diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!("SELECT count(*) FROM {table}"))
                .get_result(conn)
                .unwrap();
        assert_eq!(left, 1, "{table}");
    }
    assert_eq!(open_in_all(conn), 1);
}
