use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use vestibule_store::clock::UnixMicros;

use super::*;

/// A public key of 2048 bits.
const RSA: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAv/FZcesZ14C0H5trX7f/\n\
S7oc1Pd4GRGavGViPXlux8O0DwY0QgXsLqoVKa6oyXDJDlX7RD26Lg8mhngVCESS\n\
Z+UBrzjloJSXgshTE5txI4n/5SFtSJW0mpsHOH3+M7IpYm2xE5rxUtOfUlt9O2BQ\n\
2PMatB0uhJzaa4oIGkYS1BSL1/D9FC3kkBD9OBTVYzEGvcNFeWauX5o7Msokvikf\n\
w0Pp0RyUZhGVD3QQIPFrtr91Nt0mQl4lfmTx5Yq0OuDMauuZATh1ht2ibptPYKlN\n\
QHZ2LlNPvsrYodp4o6tkoC64c1riX/MUVWNbmsDYWzgF4qigx4Jp2OtKbBuL9AUM\n\
uwIDAQAB\n\
-----END PUBLIC KEY-----";

/// Its modulus.
const RSA_MODULUS: &str = "\
    v_FZcesZ14C0H5trX7f_S7oc1Pd4GRGavGViPXlux8O0DwY0QgXsLqoVKa6oyXDJDlX7RD26Lg8mhngVCESSZ-UBrz\
    jloJSXgshTE5txI4n_5SFtSJW0mpsHOH3-M7IpYm2xE5rxUtOfUlt9O2BQ2PMatB0uhJzaa4oIGkYS1BSL1_D9FC3k\
    kBD9OBTVYzEGvcNFeWauX5o7Msokvikfw0Pp0RyUZhGVD3QQIPFrtr91Nt0mQl4lfmTx5Yq0OuDMauuZATh1ht2ibp\
    tPYKlNQHZ2LlNPvsrYodp4o6tkoC64c1riX_MUVWNbmsDYWzgF4qigx4Jp2OtKbBuL9AUMuw";

/// A token that its private key, which nobody has any more, has signed for `rsa`, until 2100.
const BY_RSA: &str = "\
    eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiAicnNhIiwgImV4cCI6IDQxMDI0NDQ4MDB9.gwJZE0geWk2D1Kl1gIaG2tRG\
    nDowOR4LKpdUnsr9q4N2d0oAh3jEalny8Lxv470VjTrZpaYJyNxlF4H37LH2QAD2C8kQX5FXvzoI7x8fnXZATrTu1y\
    7_VGsjQQWWpfY2A2sym9YPQa-u018Qz3FrVra8Gf70e1olajyUYIYkzvDxUU-SYGDjxpN0C37JZ2wr6SPm7Ij-PtmU\
    j7JBQQlzHI6QQ8h7oQ6a6lBBEH1YXeLeJSFGvVlrE0hPoAczZzHir2FRDPRdMLd-G3GFMgKp8Ks3cm0dYEbA4ilJO9\
    pZauKn37v3UdKauDiuqm1Zy4oDaIy8r8APwax08tctYCKkpQ";

/// A public key of 1024 bits.
const SHORT_RSA: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDmcqh38fbgDkJrfo9oFMYh70Q9\n\
tEXnXFwaIZ66pKTqLJSBDNloiaDXMTO35KyMPxmW2cakJTsezCvKK6yeAa5+zoeJ\n\
NA0A5bdSiQfe3LX7OH+36a6t2xivnnfsboGeJxaETxZpw3Ci8HGn3yYePAyedIU4\n\
EkSBnP8rPlm2OVb09QIDAQAB\n\
-----END PUBLIC KEY-----";

/// A public key on P-384.
const P384: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAET2ta3Cnvzi8acd5uFqgWICewtJTPSZ8C\n\
EXnMnEFIopZlmqoyGBxsqAmmlS9SzwL9T+8vz0/D19icJSgX14AckoMBX5hCPmR4\n\
z4VoIykr+gQYUrolXjXL64/LyEMb38PQ\n\
-----END PUBLIC KEY-----";

const SECRET: [u8; 32] = [7; 32];

/// Now, in Unix seconds.
const NOW: i64 = 1_800_000_000;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Keys of each kind, to sign with.
struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
        }
    }

    fn ed_jwk(&self) -> Value {
        let x = base64(self.ed.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "ed", "use": "sig" })
    }

    fn ec_jwk(&self) -> Value {
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y), "kid": "ec", "alg": "ES256" })
    }

    /// A token with this header and these claims, signed as the key named `with` does.
    fn sign(&self, header: &Value, claims: &Value, with: &str) -> String {
        let signed = base64(header.to_string()) + "." + &base64(claims.to_string());
        let signature = match with {
            "ed" => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            "ec" => self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
            "secret" => hmac_of(&SECRET, &signed),
            _ => Vec::new(),
        };
        signed + "." + &base64(signature)
    }
}

fn hmac_of(secret: &[u8], signed: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec()
}

fn secret_jwk(secret: &[u8]) -> Value {
    json!({ "kty": "oct", "k": base64(secret), "kid": "secret" })
}

fn logins(keys: &str, change: impl FnOnce(&mut Issuers)) -> Logins {
    let mut issuers = Issuers {
        keys: KeySource::File(Arc::new(KeySet::parse(keys).unwrap())),
        audiences: Vec::new(),
        issuers: Vec::new(),
        leeway: Duration::from_secs(30),
        topics_claim: "topics".to_owned(),
    };
    change(&mut issuers);
    Logins::new(Some(issuers), Clock::new(|| UnixMicros(NOW * 1_000_000)))
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn claims() -> Value {
    json!({ "sub": "alice", "exp": NOW + 60 })
}

#[test]
fn each_algorithm_is_accepted_with_its_key() {
    let issuer = Issuer::new();
    let rsa = json!({ "kty": "RSA", "n": RSA_MODULUS, "e": "AQAB", "kid": "rsa" });
    let logins = logins(&set(&[issuer.ed_jwk(), issuer.ec_jwk(), secret_jwk(&SECRET), rsa]), |_| {});
    for (algorithm, key) in [("EdDSA", "ed"), ("ES256", "ec"), ("HS256", "secret")] {
        for header in [json!({ "alg": algorithm, "kid": key }), json!({ "alg": algorithm })] {
            let login = logins.check(&issuer.sign(&header, &claims(), key)).unwrap();
            assert_eq!((&*login.account, login.expires), ("alice", (NOW + 90) * 1000));
        }
    }
    assert_eq!(logins.check(BY_RSA).unwrap().account, "rsa");
    let by_pem = self::logins(RSA, |_| {});
    assert_eq!(by_pem.check(BY_RSA).unwrap().account, "rsa");
}

#[test]
fn the_key_decides_on_the_algorithm() {
    let issuer = Issuer::new();
    let public = issuer.ec.public_key().as_ref().to_vec();
    let of_ec = logins(&set(&[issuer.ec_jwk()]), |_| {});
    let none = json!({ "alg": "none" });
    // RFC 8725, section 2.1: `none`, and a public key taken for a secret.
    assert!(of_ec.check(&issuer.sign(&none, &claims(), "")).is_err());
    for secret in [&public[..], &public[1..], RSA.as_bytes()] {
        for logins in [&of_ec, &logins(RSA, |_| {})] {
            let header = base64(json!({ "alg": "HS256", "kid": "ec" }).to_string());
            let signed = header + "." + &base64(claims().to_string());
            let token = format!("{signed}.{}", base64(hmac_of(secret, &signed)));
            assert!(logins.check(&token).is_err());
        }
    }
    // Another algorithm of the same family, and another's key.
    for (algorithm, with) in [("ES384", "ec"), ("HS384", "secret"), ("EdDSA", "ed"), ("RS256", "ec")] {
        assert!(of_ec.check(&issuer.sign(&json!({ "alg": algorithm }), &claims(), with)).is_err());
    }
}

#[test]
fn forged_tokens_are_refused() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk(), secret_jwk(&SECRET)]), |_| {});
    let header = json!({ "alg": "EdDSA", "kid": "ed" });
    let good = issuer.sign(&header, &claims(), "ed");
    assert!(logins.check(&good).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let other = base64(json!({ "sub": "bob", "exp": NOW + 60 }).to_string());
    let forged = [
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}.{good}"),
        format!("{good}="),
        String::new(),
        "..".to_owned(),
        good.replace('.', ". "),
        issuer.sign(&header, &claims(), "secret"),
    ];
    for token in forged {
        assert!(logins.check(&token).is_err(), "{token}");
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk()]), |_| {});
    for kid in ["../../etc/passwd", "ed' OR 1", "", "ec", &"x".repeat(4000)] {
        let token = issuer.sign(&json!({ "alg": "EdDSA", "kid": kid }), &claims(), "ed");
        assert!(logins.check(&token).is_err(), "{kid}");
    }
    // Keys that a token brings along do not count (RFC 8725, section 3.10).
    let other = Issuer::new();
    let header = json!({
        "alg": "EdDSA", "jwk": other.ed_jwk(), "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/"
    });
    assert!(logins.check(&other.sign(&header, &claims(), "ed")).is_err());
}

#[test]
fn tokens_have_their_time() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk()]), |_| {});
    let check = |claims: Value| logins.check(&issuer.sign(&json!({ "alg": "EdDSA" }), &claims, "ed")).is_ok();
    for (exp, is_good) in [
        (json!(NOW - 29), true),
        (json!(NOW - 30), false),
        (json!(1_800_000_000.5), true),
        (json!((NOW + 60).to_string()), false),
        (json!(null), false),
        (json!(-1), false),
        (json!(1e300), false),
    ] {
        assert_eq!(check(json!({ "sub": "alice", "exp": exp })), is_good, "exp {exp}");
    }
    assert!(!check(json!({ "sub": "alice" })), "a token that never ends");
    for (nbf, is_good) in
        [(json!(NOW + 30), true), (json!(NOW + 31), false), (json!("soon"), false), (json!(NOW - 1), true)]
    {
        assert_eq!(check(json!({ "sub": "alice", "exp": NOW + 60, "nbf": nbf })), is_good, "nbf {nbf}");
    }
}

#[test]
fn tokens_are_for_an_audience_and_of_an_issuer() {
    let issuer = Issuer::new();
    let keys = set(&[issuer.ed_jwk()]);
    let of = |audiences: &[&str], issuers: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        logins(&keys, |set| (set.audiences, set.issuers) = (owned(audiences), owned(issuers)))
    };
    let token = |aud: Value, iss: Value| {
        let mut claims = claims();
        for (name, value) in [("aud", aud), ("iss", iss)] {
            if !value.is_null() {
                claims[name] = value;
            }
        }
        issuer.sign(&json!({ "alg": "EdDSA" }), &claims, "ed")
    };
    let nothing = || json!(null);
    for (logins, aud, iss, is_good) in [
        (of(&["chat"], &[]), json!("chat"), nothing(), true),
        (of(&["chat"], &[]), json!(["shop", "chat"]), nothing(), true),
        (of(&["chat"], &[]), json!("shop"), nothing(), false),
        (of(&["chat"], &[]), nothing(), nothing(), false),
        (of(&[], &[]), json!("shop"), nothing(), false),
        (of(&[], &["us"]), nothing(), json!("us"), true),
        (of(&[], &["us"]), nothing(), json!("them"), false),
        (of(&[], &["us"]), nothing(), nothing(), false),
        (of(&[], &["us"]), nothing(), json!(7), false),
    ] {
        assert_eq!(logins.check(&token(aud.clone(), iss.clone())).is_ok(), is_good, "{aud} {iss}");
    }
}

#[test]
fn accounts_and_tokens_have_a_size() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk()]), |_| {});
    let check = |claims: Value| logins.check(&issuer.sign(&json!({ "alg": "EdDSA" }), &claims, "ed")).is_ok();
    for (length, is_good) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(check(json!({ "sub": "x".repeat(length), "exp": NOW + 60 })), is_good, "{length}");
    }
    assert!(!check(json!({ "sub": 7, "exp": NOW + 60 })));
    let padded = |length: usize| {
        let mut claims = claims();
        claims["pad"] = json!("x".repeat(length));
        issuer.sign(&json!({ "alg": "EdDSA" }), &claims, "ed")
    };
    let least = padded(0).len();
    let fits = (MAX_TOKEN - least) / 4 * 3;
    assert!(padded(fits).len() <= MAX_TOKEN && logins.check(&padded(fits)).is_ok());
    assert!(padded(fits + 4).len() > MAX_TOKEN && logins.check(&padded(fits + 4)).is_err());
}

#[test]
fn a_claim_grants_topics_and_rights() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk()]), |_| {});
    let granted = |topics: Value| {
        let claims = json!({ "sub": "alice", "exp": NOW + 60, "topics": topics });
        let login = logins.check(&issuer.sign(&json!({ "alg": "EdDSA" }), &claims, "ed")).ok()?;
        let allowed = |topic, right| login.grants.allow(topic, right);
        let rights = [Right::Join, Right::Publish, Right::Presence];
        Some(["chat:1", "news"].map(|topic| rights.map(|right| allowed(topic, right))))
    };
    assert_eq!(granted(json!(["chat:*"])), Some([[true; 3], [false; 3]]));
    let some = json!({ "news": ["join"], "chat:1": ["publish", "presence"] });
    assert_eq!(granted(some), Some([[false, true, true], [true, false, false]]));
    assert_eq!(granted(json!([])), Some([[false; 3]; 2]));
    for bad in
        [json!("chat:*"), json!([7]), json!({ "news": ["read"] }), json!({ "news": "join" }), json!([""])]
    {
        assert_eq!(granted(bad.clone()), None, "{bad}");
    }
    let many: Vec<String> = (0..101).map(|number| format!("chat:{number}")).collect();
    assert!(granted(json!(many[..100])).is_some() && granted(json!(many)).is_none());
}

#[test]
fn unusable_keys_are_refused_at_once() {
    let issuer = Issuer::new();
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        set(&[jwk])
    };
    for (keys, says) in [
        (set(&[]), "there is no key for signatures in it"),
        (with(issuer.ed_jwk(), "use", json!("enc")), "there is no key for signatures in it"),
        (set(&vec![issuer.ed_jwk(); 17]), "there are 17 keys in it, at most 16 are allowed"),
        (set(&[secret_jwk(&SECRET[1..])]), "key 1 of it is a secret of 31 bytes, at least 32 are needed"),
        (with(secret_jwk(&SECRET), "alg", json!("HS512")), "key 1 of it is for another algorithm than HS256"),
        (with(issuer.ec_jwk(), "crv", json!("P-384")), "key 1 of it is of a kind that is not supported"),
        (with(issuer.ec_jwk(), "x", json!("!")), "key 1 of it is malformed"),
        ("{}".to_owned(), "it is no JWK set"),
        ("secret".to_owned(), "it is neither a JWK set nor a public key in PEM"),
        (RSA.replace("PUBLIC", "PRIVATE"), "it has a private key"),
        (SHORT_RSA.to_owned(), "has less than 2048 bits"),
        (P384.to_owned(), "is not on the curve P-256"),
    ] {
        let error = KeySet::parse(&keys).unwrap_err();
        assert!(error.starts_with(says), "{says}: {error}");
    }
}

#[test]
fn without_keys_no_token_is_accepted() {
    let issuer = Issuer::new();
    let logins = logins(&set(&[issuer.ed_jwk()]), |_| {});
    let token = issuer.sign(&json!({ "alg": "EdDSA" }), &claims(), "ed");
    assert!(logins.check(&token).is_ok());
    logins.change(None);
    assert!(logins.check(&token).is_err());
}
