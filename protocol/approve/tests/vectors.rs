//! The test vectors of `testdata/signed.json`, which were made by another implementation (the
//! JavaScript client) and are checked by both.

use bip39::Language;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
    hkdf::{HKDF_SHA256, Salt},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value};
use vestibule_approve::{
    base64url::{Blob, Fixed, decode},
    frames::{Approve, Card, Deny, Request, RoomKey},
    ids::{Rid, Uid},
    limits::FieldLimits,
    signed::{Alg, Signature, Signed, box_hash, hand_over, prove, room_id, session, user_id},
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../testdata/signed.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    decode(value.as_str().unwrap()).unwrap()
}

fn fixed<T: DeserializeOwned>(value: &Value) -> T {
    from_value(value.clone()).unwrap()
}

fn alg(value: &Value) -> Alg {
    from_value(value.clone()).unwrap()
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let list = vectors[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name}");
    list
}

#[test]
fn ids_are_hashes_of_public_keys() {
    let vectors = vectors();
    for vector in list(&vectors, "ids") {
        let (alg, key) = (alg(&vector["alg"]), bytes(&vector["pub"]));
        match vector["kind"].as_str().unwrap() {
            "uid" => assert_eq!(user_id(alg, &key), fixed(&vector["id"]), "{vector}"),
            "rid" => assert_eq!(room_id(alg, &key), fixed(&vector["id"]), "{vector}"),
            other => panic!("unknown kind {other}"),
        }
    }
}

#[test]
fn boxes_are_hashes_of_box_keys() {
    let vectors = vectors();
    for vector in list(&vectors, "boxes") {
        let hash = box_hash(vector["box_alg"].as_str().unwrap(), &bytes(&vector["box_pub"]));
        assert_eq!(hash, fixed(&vector["box"]), "{vector}");
    }
}

/// The signed bytes of a vector, made by this crate from the named fields.
fn signed(kind: &str, fields: &Value) -> Signed {
    let text = |name: &str| fields[name].as_str().unwrap();
    match kind {
        "session" => session(text("server"), &fixed(&fields["uid"]), &bytes(&fields["nonce"])),
        "prove" => {
            prove(text("server"), &fixed(&fields["rid"]), &fixed(&fields["uid"]), &bytes(&fields["nonce"]))
        }
        "hand_over" => {
            let [uid, to] = ["uid", "to"].map(|name| fixed(&fields[name]));
            hand_over(text("server"), &fixed(&fields["rid"]), &uid, &to, &bytes(&fields["nonce"]))
        }
        "card" => Card::signed_bytes(
            &fixed(&fields["rid"]),
            fields["version"].as_u64().unwrap(),
            from_value(fields["policy"].clone()).unwrap(),
            fields["name"].as_str(),
        ),
        "request" => request(fields).signed_bytes(&fixed(&fields["rid"]), &fixed(&fields["uid"])),
        "approve" => approve(fields).signed_bytes(&fixed(&fields["rid"]), &fixed(&fields["by"])),
        "deny" => deny(fields).signed_bytes(&fixed(&fields["rid"]), &fixed(&fields["by"])),
        other => panic!("unknown kind {other}"),
    }
}

/// A denial of the named fields.
fn deny(fields: &Value) -> Deny {
    Deny {
        request_id: fixed(&fields["request_id"]),
        to: fixed(&fields["to"]),
        code: fields["code"].as_str().unwrap().to_owned(),
        block: fields["block"].as_bool().unwrap(),
        room_sig: Fixed([0; 64]),
    }
}

/// A request of the named fields; the rest is what its signed bytes do not cover.
fn request(fields: &Value) -> Request {
    Request {
        request_id: fixed(&fields["request_id"]),
        sign_pub: Blob::default(),
        sign_alg: Alg::P256,
        box_pub: Blob(bytes(&fields["box_pub"])),
        box_alg: fields["box_alg"].as_str().unwrap().to_owned(),
        note: fields["note"].as_str().map(str::to_owned),
        exp: fields["exp"].as_i64().unwrap(),
        sig: Fixed([0; 64]),
    }
}

fn approve(fields: &Value) -> Approve {
    Approve {
        approve_id: fixed(&fields["approve_id"]),
        request_id: fixed(&fields["request_id"]),
        to: fixed(&fields["to"]),
        sign_pub: Blob::default(),
        sign_alg: Alg::P256,
        r#box: fixed(&fields["box"]),
        alg: fields["alg"].as_str().unwrap().to_owned(),
        ct: Blob(bytes(&fields["ct"])),
        exp: fields["exp"].as_i64().unwrap(),
        room_sig: Fixed([0; 64]),
        user_sig: Fixed([0; 64]),
    }
}

#[test]
fn signed_bytes_and_signatures() {
    let vectors = vectors();
    let mut kinds = Vec::new();
    for vector in list(&vectors, "signed") {
        let kind = vector["kind"].as_str().unwrap();
        let alg = alg(&vector["alg"]);
        kinds.push((kind, alg));
        let made = signed(kind, &vector["fields"]);
        assert_eq!(made.as_bytes(), bytes(&vector["bytes"]), "{kind}");
        let (key, signature): (_, Signature) = (bytes(&vector["pub"]), fixed(&vector["sig"]));
        assert!(alg.verify(&key, &made, &signature).is_ok(), "{kind}");
        let mut altered = signature;
        altered.0[40] ^= 1;
        assert!(alg.verify(&key, &made, &altered).is_err(), "{kind}");
    }
    for kind in ["session", "prove", "hand_over", "card", "request", "approve", "deny"] {
        for alg in [Alg::Ed25519, Alg::P256, Alg::Secp256k1] {
            assert!(kinds.contains(&(kind, alg)), "no vector of {kind} with {alg}");
        }
    }
}

/// Forms of keys and signatures that one library takes and another does not.
#[test]
fn keys_and_signatures_are_judged_alike() {
    let vectors = vectors();
    for vector in list(&vectors, "judged") {
        let made = signed(vector["kind"].as_str().unwrap(), &vector["fields"]);
        let judged = alg(&vector["alg"]).verify(&bytes(&vector["pub"]), &made, &fixed(&vector["sig"]));
        assert_eq!(judged.is_ok(), vector["good"].as_bool().unwrap(), "{}", vector["about"]);
    }
}

/// A frame checks whole: with the signer's key and the ids that belong to it.
#[test]
fn a_signed_request_checks_and_an_altered_one_does_not() {
    let vectors = vectors();
    let signed = list(&vectors, "signed");
    for vector in signed.iter().filter(|vector| vector["kind"] == "request") {
        let fields = &vector["fields"];
        let mut frame = request(fields);
        frame.sign_pub = Blob(bytes(&vector["pub"]));
        frame.sign_alg = alg(&vector["alg"]);
        frame.sig = fixed(&vector["sig"]);
        let (rid, uid) = (fixed(&fields["rid"]), user_id(frame.sign_alg, &frame.sign_pub.0));
        let before = frame.exp - 1;
        assert_eq!(uid, fixed(&fields["uid"]), "a request is signed by its own user");
        assert!(frame.check(&rid, &uid, &FieldLimits::default(), before).is_ok());
        assert!(frame.check(&Rid([1; 32]), &uid, &FieldLimits::default(), before).is_err(), "another room");
        assert!(frame.check(&rid, &Uid([1; 32]), &FieldLimits::default(), before).is_err(), "another user");
        assert!(frame.check(&rid, &uid, &FieldLimits::default(), frame.exp).is_err(), "expired");
    }
}

#[test]
fn a_key_of_another_form_verifies_nothing() {
    let vectors = vectors();
    for vector in list(&vectors, "signed") {
        let made = signed(vector["kind"].as_str().unwrap(), &vector["fields"]);
        let signature = fixed(&vector["sig"]);
        let key = bytes(&vector["pub"]);
        for wrong in [&key[1..], &key[..key.len() - 1], &[]] {
            assert!(alg(&vector["alg"]).verify(wrong, &made, &signature).is_err());
        }
        let room = RoomKey { alg: alg(&vector["alg"]), room_pub: Blob(key) };
        assert!(room.alg.verify(&room.room_pub.0, &Signed::new("other"), &signature).is_err());
    }
}

/// The field list, written once more: the crate's own serves what the server signs and checks, and
/// this is not for servers.
fn field_list(fields: &[&[u8]]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|field| [&u32::try_from(field.len()).unwrap().to_le_bytes(), *field].concat())
        .collect()
}

/// Eight words of 11 bits.
fn words(tag: &str, fields: &[&[u8]]) -> String {
    let hash = digest(&SHA256, &field_list(&[&[tag.as_bytes()], fields].concat()));
    let bits = hash.as_ref().iter().fold(String::new(), |bits, byte| format!("{bits}{byte:08b}"));
    let word = |at: usize| usize::from_str_radix(&bits[11 * at..11 * (at + 1)], 2).unwrap();
    let words: Vec<_> = (0..8).map(|at| Language::English.word_list()[word(at)]).collect();
    words.join(" ")
}

#[test]
fn fingerprints_are_words() {
    let vectors = vectors();
    for vector in list(&vectors, "fingerprints") {
        let found = if vector["rid"].is_null() {
            words("vestibule/1/fingerprint", &[&bytes(&vector["uid"]), &bytes(&vector["box"])])
        } else {
            words("vestibule/1/room-fingerprint", &[&bytes(&vector["rid"])])
        };
        assert_eq!(found, vector["words"].as_str().unwrap(), "{vector}");
    }
}

#[test]
fn messages_open_with_the_room_key() {
    let vectors = vectors();
    for vector in list(&vectors, "messages") {
        let (rid, room_key, sealed) =
            (bytes(&vector["rid"]), bytes(&vector["room_key"]), bytes(&vector["sealed"]));
        let tag = b"vestibule/1/message";
        let derived = Salt::new(HKDF_SHA256, &rid).extract(&room_key);
        let key: UnboundKey = derived.expand(&[tag], &AES_256_GCM).unwrap().into();
        let aad = Aad::from(field_list(&[tag, &rid, vector["event"].as_str().unwrap().as_bytes()]));
        let (nonce, ciphertext) = sealed.split_at(12);
        let mut ciphertext = ciphertext.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
        let content = LessSafeKey::new(key).open_in_place(nonce, aad, &mut ciphertext).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(content).unwrap(), vector["content"]);
    }
}
