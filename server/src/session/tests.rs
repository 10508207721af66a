use std::sync::Arc;

use super::*;
use crate::login::{Grants, MAX_CARRIED, Shown};

const BOB: Uid = Uid([1; 32]);
const EVE: Uid = Uid([2; 32]);

fn bob() -> Session {
    Session { uid: BOB, login: None }
}

fn alices(expires: i64) -> Login {
    let account = "alice@example.com".to_owned();
    Login { account, grants: Grants::default(), shown: Shown::default(), expires }
}

/// That a token is not valid with any of its bytes changed, or cut off.
fn assert_authenticated(sessions: &Sessions, token: &str) {
    for bad in [&token[1..], &token[4..], &token[..token.len() - 4], &format!("{token}AAAA")] {
        assert_eq!(sessions.check_token(bad, 1000), Err(Invalid), "{bad}");
    }
    let bytes = base64url::decode(token).unwrap();
    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 1;
        let altered = sessions.check_token(&base64url::encode(&altered), 1000);
        assert_eq!(altered, Err(Invalid), "byte {index}");
    }
}

fn sessions() -> Sessions {
    Sessions::new(&Secrets::from_text(&base64url::encode(&[7; 32])).unwrap())
}

#[test]
fn a_challenge_is_for_one_user_and_one_minute() {
    let sessions = sessions();
    let Challenge { nonce, exp } = sessions.challenge(&BOB, 1000);
    assert_eq!(exp, 61_000);
    assert_eq!(sessions.check_challenge(&BOB, &nonce, exp - 1), Ok(()));
    assert_eq!(sessions.check_challenge(&BOB, &nonce, exp), Err(Invalid));
    assert_eq!(sessions.check_challenge(&EVE, &nonce, 1000), Err(Invalid));
    for index in 0..nonce.len() {
        let mut altered = nonce.clone();
        altered[index] ^= 1;
        assert_eq!(sessions.check_challenge(&BOB, &altered, 1000), Err(Invalid), "byte {index}");
    }
    assert_eq!(sessions.check_challenge(&BOB, &[], 1000), Err(Invalid));
}

#[test]
fn a_challenge_is_used_up_once_and_no_other_with_it() {
    let sessions = sessions();
    let [one, other] = [(); 2].map(|()| sessions.challenge(&BOB, 1000).nonce);
    assert_ne!(one, other, "also in the same moment");
    assert_eq!(sessions.use_up(&one, 1000), Ok(()));
    assert_eq!(sessions.use_up(&one, 1001), Err(Invalid));
    assert_eq!(sessions.use_up(&other, 1001), Ok(()));
    assert_eq!(sessions.use_up(&one[1..], 1001), Err(Invalid));
}

#[test]
fn a_clock_ahead_does_not_prolong_tokens() {
    const AHEAD: i64 = SET_BACK_MS + 1;
    let sessions = sessions();
    let (token, nonce) = (sessions.token(&BOB, AHEAD).0, sessions.challenge(&BOB, AHEAD).nonce);
    assert_eq!(sessions.check_token(&token, 0), Err(Invalid));
    assert_eq!(sessions.check_challenge(&BOB, &nonce, 0), Err(Invalid));
    assert_eq!(sessions.check_token(&token, 1), Ok(bob()));
    assert_eq!(sessions.check_challenge(&BOB, &nonce, 1), Ok(()));
}

#[test]
fn a_token_names_its_user_for_a_quarter_of_an_hour() {
    let sessions = sessions();
    let (token, exp) = sessions.token(&BOB, 1000);
    assert_eq!(exp, 901_000);
    assert_eq!(sessions.check_token(&token, exp - 1), Ok(bob()));
    assert_eq!(sessions.check_token(&token, exp), Err(Invalid));
    for bad in ["", "AAAA", &format!("{token}A")] {
        assert_eq!(sessions.check_token(bad, 1000), Err(Invalid), "{bad}");
    }
    assert_authenticated(&sessions, &token);
}

#[test]
fn a_token_with_a_login_names_both() {
    let sessions = sessions();
    let login = alices(10_000_000);
    let (token, exp) = sessions.token_with_login(&BOB, &login, 1000).unwrap();
    assert_eq!(exp, 901_000);
    let both = Session { uid: BOB, login: Some(Arc::new(login)) };
    assert_eq!(sessions.check_token(&token, exp - 1), Ok(both));
    assert_eq!(sessions.check_token(&token, exp), Err(Invalid));
    assert_authenticated(&sessions, &token);
}

#[test]
fn a_token_expires_with_its_login() {
    let sessions = sessions();
    let (token, exp) = sessions.token_with_login(&BOB, &alices(5000), 1000).unwrap();
    assert_eq!(exp, 5000);
    assert!(sessions.check_token(&token, 4999).is_ok());
    assert_eq!(sessions.check_token(&token, 5000), Err(Invalid));
}

#[test]
fn neither_kind_of_token_passes_for_the_other() {
    let sessions = sessions();
    let (keys, exp) = (&sessions.keys[0], 901_000);
    let plain = token::plain(&BOB, exp);
    let with_login = token::with_login(&BOB, exp, &alices(exp)).unwrap();
    let check = |said: &[u8], key: &hmac::Key| {
        let token = [said, hmac::sign(key, said).as_ref()].concat();
        sessions.check_token(&base64url::encode(&token), 1000).map(|session| session.login.is_some())
    };
    assert_eq!(check(&plain, &keys.token), Ok(false));
    assert_eq!(check(&plain, &keys.token_with_login), Err(Invalid));
    assert_eq!(check(&with_login, &keys.token_with_login), Ok(true));
    assert_eq!(check(&with_login, &keys.token), Err(Invalid));
    let another_version = [&[3], &with_login[1..]].concat();
    assert_eq!(check(&another_version, &keys.token_with_login), Err(Invalid));
    let cut_off = &with_login[..with_login.len() - 1];
    assert_eq!(check(cut_off, &keys.token_with_login), Err(Invalid));
}

#[test]
fn a_login_that_is_too_large_is_in_no_token() {
    let sessions = sessions();
    let with = |account: usize| {
        let login = Login { account: "a".repeat(account), ..alices(10_000_000) };
        sessions.token_with_login(&BOB, &login, 1000)
    };
    assert_eq!(with(MAX_CARRIED), Err(LoginTooLarge));
    let (longest, _) = with(MAX_CARRIED - 12).unwrap();
    assert!(Unchecked::parse(&longest).is_some());
    assert!(Unchecked::parse(&format!("{longest}AAAA")).is_none());
}

#[test]
fn an_older_secret_checks_but_does_not_issue() {
    let old = Sessions::new(&Secrets::from_text(&base64url::encode(&[7; 32])).unwrap());
    let both = [base64url::encode(&[8; 32]), base64url::encode(&[7; 32])].join("\n");
    let rotated = Sessions::new(&Secrets::from_text(&both).unwrap());
    assert_eq!(rotated.check_token(&old.token(&BOB, 0).0, 1), Ok(bob()));
    assert_eq!(old.check_token(&rotated.token(&BOB, 0).0, 1), Err(Invalid));
    let with_login = |sessions: &Sessions| sessions.token_with_login(&BOB, &alices(5000), 0).unwrap().0;
    assert!(rotated.check_token(&with_login(&old), 1).is_ok());
    assert_eq!(old.check_token(&with_login(&rotated), 1), Err(Invalid));
}
