//! The account that the server shows beside a request.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};

use crate::issuer::Issuer;
use crate::sessions::{connect, site};
use crate::site::Site;

const SHOWN: &str = "show_accounts = \"on\"";

/// A room, a member of it, and whoever asks.
struct Scene {
    room: Room,
    alice: Person,
    member: Device,
    bob: Person,
    guest: Device,
}

impl Scene {
    /// Bob signs in with a login of this account.
    fn new(site: &Site, issuer: &Issuer, account: &str) -> Self {
        let server = site.server().address();
        let (alice, bob) = (Person::new(Alg::Ed25519), Person::new(Alg::Ed25519));
        let room = Room::created_by(server, &alice, Policy::Request);
        let mut member = Device::connect(server, &alice);
        member.enter(&room);
        let mut guest = connect(site, &bob, &issuer.token(account, 600, &json!([])));
        guest.visit(&room.rid());
        Self { room, alice, member, bob, guest }
    }

    /// Bob asks. Returns what the member is sent.
    fn ask(&mut self) -> Value {
        let request = self.bob.request(&self.room.rid());
        self.guest.call(&self.room.topic(), "request", request).ok();
        self.member.push(&self.room.topic(), "request")
    }

    /// Has the member deny a request, and lift that. Returns the request among the denials, and as
    /// the member is sent it again.
    fn deny_and_unblock(&mut self, asked: &Value) -> [Value; 2] {
        let (topic, bob) = (self.room.topic(), self.bob.uid());
        let request_id = serde_json::from_value(asked["request_id"].clone()).expect("an id");
        let deny = self.room.deny(&self.alice, &bob, &request_id, false);
        self.member.call(&topic, "deny", deny).ok();
        let denials = self.member.call(&topic, "denials", json!({})).ok();
        self.member.call(&topic, "unblock", json!({ "uid": bob })).ok();
        [denials["items"][0]["requests"][0].clone(), self.member.push(&topic, "request")]
    }

    /// What a member who comes later is shown.
    fn pending(&self, site: &Site) -> Value {
        Device::connect(site.server().address(), &self.alice).enter(&self.room)["pending"].clone()
    }
}

#[test]
fn members_see_the_account_now_and_later() {
    let (site, issuer) = site(SHOWN);
    let mut scene = Scene::new(&site, &issuer, "bob@example.com");
    let said = json!({ "account": "bob@example.com" });
    let pushed = scene.ask();
    assert_eq!(pushed["server_says"], said, "{pushed}");
    let pending = scene.pending(&site);
    assert_eq!(pending[0]["server_says"], said, "{pending}");
    let listed = scene.member.call(&scene.room.topic(), "pending", json!({})).ok();
    assert_eq!(listed["items"][0]["server_says"], said);
    let own = scene.guest.call(&scene.room.topic(), "mine", json!({})).ok();
    assert_eq!(own["items"][0]["server_says"], said, "he sees what is said of him");
}

#[test]
fn a_denied_request_shows_its_account_again() {
    let (site, issuer) = site(SHOWN);
    let mut scene = Scene::new(&site, &issuer, "bob@example.com");
    let asked = scene.ask();
    let said = json!({ "account": "bob@example.com" });
    for item in scene.deny_and_unblock(&asked) {
        assert_eq!(item["server_says"], said, "{item}");
    }
}

#[test]
fn accounts_are_not_shown_unless_set() {
    let (site, issuer) = site("");
    let mut scene = Scene::new(&site, &issuer, "bob@example.com");
    assert!(scene.ask().get("server_says").is_none());
    assert!(scene.pending(&site)[0].get("server_says").is_none());
}

#[test]
fn nobody_without_a_login_has_an_account() {
    let (site, issuer) = site(SHOWN);
    let mut scene = Scene::new(&site, &issuer, "bob\u{202e}moc");
    assert!(scene.ask().get("server_says").is_none(), "it could pass for another");
    let server = site.server().address();
    let carol = Person::new(Alg::Ed25519);
    let mut guest = Device::connect(server, &carol);
    guest.visit(&scene.room.rid());
    let mut request = json!(carol.request(&scene.room.rid()));
    request["server_says"] = json!({ "account": "bob@example.com" });
    request["account"] = json!("bob@example.com");
    guest.call(&scene.room.topic(), "request", request).ok();
    let pushed = scene.member.push(&scene.room.topic(), "request");
    assert!(pushed.get("server_says").is_none() && pushed.get("account").is_none(), "{pushed}");
}

#[test]
fn turning_it_off_hides_what_is_stored() {
    let (site, issuer) = site(SHOWN);
    let mut scene = Scene::new(&site, &issuer, "bob@example.com");
    let asked = scene.ask();
    let settings = std::fs::read_to_string(site.path("vestibule.toml")).expect("a file");
    site.reload(&settings.replace(SHOWN, "show_accounts = \"off\""));
    while scene.pending(&site)[0].get("server_says").is_some() {}
    let listed = scene.member.call(&scene.room.topic(), "pending", json!({})).ok();
    assert!(listed["items"][0].get("server_says").is_none());
    for item in scene.deny_and_unblock(&asked) {
        assert_eq!((&item["uid"], item.get("server_says")), (&json!(scene.bob.uid()), None), "{item}");
    }
}

#[test]
fn an_account_is_erased_with_its_request() {
    let (site, issuer) = site(SHOWN);
    let mut scene = Scene::new(&site, &issuer, "bob@example.com");
    scene.ask();
    let erased = site.admin.act("DELETE", &format!("users/{}", scene.bob.uid()));
    assert_eq!(erased.status, 200, "{}", erased.text());
    assert_eq!(scene.pending(&site), json!([]));
}
