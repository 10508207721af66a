//! `vestibule backup`, `restore` and `doctor`: copies that are made while people work and put back,
//! and a look at everything that a server depends on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::repository;
use vestibule_tests::scene::Scene;

/// Runs a command of the program on a data folder.
fn run(command: &[&str], data: &Path) -> Output {
    let launch = command.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
    let folder = tempfile::tempdir().expect("a temporary directory");
    launch.arg("--data").arg(data.to_str().expect("UTF-8")).run(folder.path())
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What the program says against it.
#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn back_up(data: &Path, to: &Path) -> Output {
    run(&["backup", to.to_str().expect("UTF-8")], data)
}

fn restore(copy: &Path, data: &Path) -> Output {
    run(&["restore", copy.to_str().expect("UTF-8")], data)
}

/// The ids of the requests of a room, as a member lists them.
fn pending(server: &Server, alice: &Person, room: &Room) -> Vec<Value> {
    let mut member = Device::connect(server.address(), alice);
    member.enter(room);
    let (mut ids, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = member.call(&room.topic(), "pending", json!({ "cursor": cursor })).ok();
        let items = page["items"].as_array().expect("a list");
        ids.extend(items.iter().map(|item| item["request_id"].clone()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return ids;
        }
    }
}

#[test]
fn copies_made_meanwhile_have_all_that_was_answered_ok() {
    let mut server = Server::start(Launch::vestibule());
    let scene = Scene::new(&server);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let is_over = AtomicBool::new(false);
    let (copies, asked) = thread::scope(|scope| {
        // Each asks again and again, and notes what was answered ok.
        let asking = (0..3).map(|_| {
            let (scene, is_over) = (&scene, &is_over);
            scope.spawn(move || {
                let mut asked = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let bob = Person::new(Alg::Ed25519);
                    let mut guest = Device::connect(scene.address, &bob);
                    guest.visit(&scene.room.rid());
                    let request = bob.request(&scene.room.rid());
                    guest.call(&scene.topic, "request", &request).ok();
                    asked.push((Instant::now(), json!(request.request_id)));
                }
                asked
            })
        });
        let asking: Vec<_> = asking.collect();
        let copies: Vec<_> = (0..5)
            .map(|number| {
                let (began, copy) = (Instant::now(), folder.path().join(format!("{number}.db")));
                done(&back_up(&server.data(), &copy));
                (began, copy)
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        let asked: Vec<_> = asking.into_iter().flat_map(|asker| asker.join().expect("no panic")).collect();
        (copies, asked)
    });
    for (began, copy) in copies {
        server.terminate();
        done(&restore(&copy, &server.data()));
        server.restart();
        let there = pending(&server, &scene.alice, &scene.room);
        for (_, id) in asked.iter().filter(|(at, _)| *at < began) {
            assert_eq!(there.iter().filter(|other| *other == id).count(), 1, "{id} in {}", copy.display());
        }
    }
}

#[test]
fn a_restored_copy_is_noticed_and_the_one_before_kept() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let early = scene.ask();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let said = done(&back_up(&server.data(), folder.path()));
    assert!(said.contains("1 rooms, 1 requests, 0 approves"), "{said}");
    let copy = only_file(folder.path());
    scene.approve(&early);

    let in_use = refused(&restore(&copy, &server.data()));
    assert!(in_use.contains("is in use by another vestibule"), "{in_use}");
    server.terminate();
    let said = done(&restore(&copy, &server.data()));
    assert!(said.contains("1 rooms, 1 requests, 0 approves") && said.contains(".replaced-"), "{said}");
    server.restart();
    assert!(server.log().contains("the database was restored from a backup"), "{}", server.log());
    assert_eq!(pending(&server, &scene.alice, &scene.room), [json!(early.request_id)]);

    // The one before can be put back in the same way.
    server.terminate();
    let before = replaced(&server.data());
    let said = done(&restore(&before, &server.data()));
    assert!(said.contains("1 rooms, 1 requests, 1 approves"), "{said}");
    server.restart();
}

/// The only file of a folder.
fn only_file(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("a folder");
    let entry = entries.next().expect("a file").expect("an entry");
    assert!(entries.next().is_none());
    entry.path()
}

/// The database that a restore has left.
fn replaced(data: &Path) -> PathBuf {
    let names = fs::read_dir(data).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut replaced = names.filter(|path| path.to_string_lossy().contains(".db.replaced-"));
    replaced.next().expect("the one before")
}

#[test]
fn a_restore_leaves_the_copy_as_it_is() {
    let launch = Launch::vestibule();
    let mut server = Server::start(launch.clone());
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let folder = tempfile::tempdir().expect("a temporary directory");
    done(&back_up(&server.data(), folder.path()));
    let copy = only_file(folder.path());
    let before = fs::read(&copy).expect("a copy");
    server.terminate();
    done(&restore(&copy, &server.data()));
    assert_eq!(only_file(folder.path()), copy, "nothing else is there");
    assert!(fs::read(&copy).expect("a copy") == before, "the copy was written to");

    // As from a backup that is mounted read-only.
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let mount = format!("mount --bind {0} {0} && mount -o remount,bind,ro {0}", folder.path().display());
    let Some(read_only) = Launch::bare().script(&mount) else { return };
    let command = read_only.arg("restore").arg(&text(&copy)).arg("--data").arg(&text(&server.data()));
    done(&command.run(&server.data()));
    server.restart();
    assert_eq!(pending(&server, &scene.alice, &scene.room), [json!(request.request_id)]);
}

#[test]
fn what_is_no_copy_is_refused_and_changes_nothing() {
    let mut server = Server::start(Launch::vestibule());
    let scene = Scene::new(&server);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let copy = folder.path().join("copy.db");
    done(&back_up(&server.data(), &copy));
    assert!(refused(&back_up(&server.data(), &copy)).contains("copy.db: entity already exists"));
    server.terminate();

    let whole = fs::read(&copy).expect("a copy");
    let text = folder.path().join("text");
    fs::write(&text, "x".repeat(5000)).expect("a file");
    assert!(refused(&restore(&text, &server.data())).contains("text: file is not a database"));
    fs::write(&copy, &whole[..whole.len() - 4096]).expect("a file");
    assert!(refused(&restore(&copy, &server.data())).contains("copy.db: "));
    let missing = folder.path().join("missing.db");
    assert!(refused(&restore(&missing, &server.data())).contains("missing.db: "));
    assert!(refused(&back_up(&missing, &folder.path().join("new.db"))).contains("vestibule.db: "));
    server.restart();
    assert!(!server.log().contains("restored"), "{}", server.log());
    assert_eq!(pending(&server, &scene.alice, &scene.room), Vec::<Value>::new());
}

#[test]
fn a_released_database_is_copied_and_restored() {
    let released = repository::root().join("tests/released/0.1.0/data");
    let mut server = Server::start(Launch::vestibule());
    server.terminate();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let old = folder.path().join("old");
    fs::create_dir(&old).expect("a folder");
    fs::copy(released.join("vestibule.db"), old.join("vestibule.db")).expect("a copy");
    let before = fs::read(old.join("vestibule.db")).expect("a file");
    let copy = folder.path().join("copy.db");
    let said = done(&back_up(&old, &copy));
    assert_eq!(fs::read(old.join("vestibule.db")).expect("a file"), before, "it stays as it is");
    let contents = "3 rooms, 7 requests, 3 approves, 2 denials, 5 notices\n";
    assert!(said.contains(contents), "{said}");
    let said = done(&restore(&copy, &server.data()));
    assert!(said.contains(contents), "{said}");
    server.restart();
    assert!(server.log().contains("database migrated"), "{}", server.log());
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let mut server = Server::start(Launch::vestibule());
    let doctor =
        |server: &Server| run(&["doctor", "--listen", &server.address().to_string()], &server.data());
    let found = done(&doctor(&server));
    for line in ["ok    database", "a server uses it", "ok    listener", "ok    secrets", "ok    clock"] {
        assert!(found.contains(line), "{line} in {found}");
    }
    server.terminate();
    let found = done(&doctor(&server));
    assert!(found.contains("no server uses it") && found.contains(" is free"), "{found}");

    let database = server.data().join("vestibule.db");
    let mut bytes = fs::read(&database).expect("a file");
    bytes[..100].fill(0);
    fs::write(&database, bytes).expect("a file");
    let found = doctor(&server);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let found = String::from_utf8(found.stdout).expect("UTF-8");
    assert!(found.contains("BAD   database") && found.contains("file is not a database"), "{found}");

    let found = run(&["doctor", "--max-frame", "many"], &server.data());
    assert_eq!(found.status.code(), Some(1), "{found:?}");
}
