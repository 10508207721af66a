//! A login as bytes, for a token of the server's own that carries it.
//!
//! When it ends, the account, what is shown of it, then each pattern of topics with its rights.
//! Texts come after their length. Only the server reads what it wrote here: a token is
//! authenticated first.

use super::{
    claims::{Grants, Login, MAX_ACCOUNT, MAX_GRANTS, Right},
    shown::Shown,
};

/// The most bytes of a login that a token may carry. As text that is a third more, and in the
/// sub-protocol of a WebSocket a third more again, which must fit a header field.
pub const MAX_CARRIED: usize = 4096;

/// The bytes of a length.
const LENGTH: usize = 2;

impl Login {
    /// The login as bytes; `None` if there are more than [`MAX_CARRIED`].
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = self.expires.to_be_bytes().to_vec();
        put(&mut bytes, &self.account)?;
        put(&mut bytes, &self.shown.to_text())?;
        for (pattern, rights) in &self.grants.0 {
            bytes.push(rights.iter().fold(0, |mask, right| mask | bit(*right)));
            put(&mut bytes, &pattern.to_string())?;
        }
        (bytes.len() <= MAX_CARRIED).then_some(bytes)
    }

    /// The login of [`to_bytes`](Self::to_bytes).
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires, rest) = bytes.split_first_chunk()?;
        let (account, rest) = take(rest)?;
        let (shown, mut rest) = take(rest)?;
        let shown = Shown::of_text(shown)?;
        let mut grants = Vec::new();
        while let Some((mask, after)) = rest.split_first() {
            let (pattern, after) = take(after)?;
            let rights = Right::ALL.into_iter().filter(|right| mask & bit(*right) != 0).collect();
            grants.push((pattern.parse().ok()?, rights));
            rest = after;
        }
        let is_possible = (1..=MAX_ACCOUNT).contains(&account.len()) && grants.len() <= MAX_GRANTS;
        let (account, expires) = (account.to_owned(), i64::from_be_bytes(*expires));
        is_possible.then_some(Self { account, grants: Grants(grants), shown, expires })
    }
}

fn bit(right: Right) -> u8 {
    match right {
        Right::Join => 1,
        Right::Publish => 2,
        Right::Presence => 4,
    }
}

fn put(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

fn take(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let (text, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(account: &str, grants: &[(&str, &[Right])]) -> Login {
        let grants = grants.iter().map(|(pattern, rights)| (pattern.parse().unwrap(), rights.to_vec()));
        let (account, grants) = (account.to_owned(), Grants(grants.collect()));
        Login { account, grants, shown: Shown::default(), expires: 1_800_000_000_123 }
    }

    #[test]
    fn bytes_say_what_the_login_says() {
        let one = [Right::Join];
        for login in [
            login("a", &[]),
            login("ålice@example.com", &[("chat:*", &Right::ALL), ("news", &one), ("*", &[])]),
            login(&"a".repeat(MAX_ACCOUNT), &[("x", &[Right::Publish, Right::Presence])]),
            Login { shown: Shown::of_text("{\"name\":\"Ada\"}").unwrap(), ..login("a", &[("x", &one)]) },
        ] {
            let bytes = login.to_bytes().unwrap();
            assert_eq!(Login::of_bytes(&bytes), Some(login));
        }
    }

    #[test]
    fn a_login_of_more_bytes_is_not_carried() {
        let carried = |topic: usize| login("a", &[(&"t".repeat(topic), &Right::ALL)]).to_bytes();
        let most = MAX_CARRIED - 8 - LENGTH - 1 - LENGTH - 1 - LENGTH;
        assert_eq!(carried(most).map(|bytes| bytes.len()), Some(MAX_CARRIED));
        assert_eq!(carried(most + 1), None);
        assert_eq!(carried(70_000), None, "more than a length can say");
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_no_login() {
        let bytes = login("alice", &[("chat:*", &Right::ALL)]).to_bytes().unwrap();
        let without_topics = login("alice", &[]).to_bytes().unwrap().len();
        for length in (0..bytes.len()).filter(|length| *length != without_topics) {
            assert_eq!(Login::of_bytes(&bytes[..length]), None, "{length} bytes");
        }
        for impossible in [login("", &[]), login(&"a".repeat(MAX_ACCOUNT + 1), &[])] {
            assert_eq!(Login::of_bytes(&impossible.to_bytes().unwrap()), None);
        }
    }
}
