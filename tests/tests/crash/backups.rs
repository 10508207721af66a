//! The power fails right after a backup was made, or put back.

use std::fs;

use vestibule_tests::people::Device;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::random::{self, Random};
use vestibule_tests::scene::Scene;

use crate::power::Power;

const ROUNDS: usize = 8;

/// Runs a command of the program on the server's data folder and its disk.
fn run(power: &Power, server: &Server, command: &str, copy: &str) {
    let data = server.data();
    let launch = Launch::bare().arg(command).arg(copy).arg("--data").arg(data.to_str().expect("UTF-8"));
    let output = power.under(launch).run(data.parent().expect("a folder"));
    assert!(output.status.success(), "{command}: {output:?}");
}

/// Bob asks on a new connection.
fn ask(scene: &mut Scene) {
    scene.guest = Device::connect(scene.address, &scene.bob);
    scene.guest.visit(&scene.room.rid());
    let request = scene.bob.request(&scene.room.rid());
    scene.guest.call(&scene.topic, "request", &request).ok();
}

#[test]
fn finished_backups_and_restores_survive_a_power_loss() {
    let seed = random::seed("POWER_SEED");
    println!("backups: POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let mut power = Power::new();
    let mut server = Server::start(power.under(Launch::vestibule()));
    let mut scene = Scene::new(&server);
    let mut copies: Vec<(String, Vec<u8>)> = Vec::new();
    for round in 0..ROUNDS {
        let before = scene.bobs().0.len();
        // In the data folder, since that is the one which a loss of power changes.
        let copy = server.data().join(format!("copy-{round}.db"));
        let copy = copy.to_str().expect("UTF-8").to_owned();
        run(&power, &server, "backup", &copy);
        copies.push((copy.clone(), fs::read(&copy).expect("a copy")));
        ask(&mut scene);
        server.kill();
        power.fail(&server, &mut random);

        run(&power, &server, "restore", &copy);
        power.fail(&server, &mut random);
        for (copy, content) in &copies {
            assert!(fs::read(copy).is_ok_and(|found| found == *content), "{copy} is another one, or gone");
        }
        server.restart();
        assert_eq!(scene.bobs().0.len(), before, "the copy is not what was put back");
        let noticed = server.log().matches("the database was restored from a backup").count();
        assert_eq!(noticed, round + 1, "{}", server.log());
        ask(&mut scene);
    }
}
