//! The address of a database on a server, which may contain a password.

use std::fmt;
use std::str::FromStr;

/// What is shown instead of a password.
const HIDDEN: &str = "***";

/// What is added where the address does not say: how many seconds a connection may take, and after
/// how many milliseconds or seconds one that is cut counts as lost.
#[cfg(feature = "postgres")]
const DEFAULTS: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
];

/// The address of a database on a server, as PostgreSQL's libpq takes it:
/// `postgres://user:password@host:port/database?sslmode=verify-full`. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Whether a text means an address rather than a file.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("postgres:") || text.starts_with("postgresql:")
    }

    /// The address with its password, for tests.
    #[cfg(all(test, feature = "postgres"))]
    pub(crate) fn reveal(&self) -> String {
        self.0.clone()
    }

    /// The address for libpq, with defaults for what it does not say.
    #[cfg(feature = "postgres")]
    pub(super) fn for_libpq(&self) -> String {
        let (_, query) = self.parts();
        let is_said = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let mut url = self.0.clone();
        let mut separator = if query.is_empty() { "?" } else { "&" };
        for (name, value) in DEFAULTS.iter().filter(|(name, _)| !is_said(name)) {
            url = format!("{}{separator}{name}={value}", url.trim_end_matches('?'));
            separator = "&";
        }
        url
    }

    /// A message without the password.
    #[cfg(feature = "postgres")]
    pub(super) fn censor(&self, message: &str) -> String {
        self.passwords().fold(message.to_owned(), |message, password| message.replace(password, HIDDEN))
    }

    /// Whether it contains a password.
    pub fn has_password(&self) -> bool {
        self.passwords().next().is_some()
    }

    /// The user with a password, and the parameters. As for libpq, a user may contain a `?`.
    fn parts(&self) -> (&str, &str) {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let without_query = |text| str::split_once(text, '?').map_or(text, |(address, _)| address);
        let until_path = rest.split('/').next().unwrap_or_default();
        let user = until_path.rsplit_once('@').or_else(|| without_query(rest).rsplit_once('@'));
        let user = user.map_or("", |(user, _)| user);
        (user, rest[user.len()..].split_once('?').map_or("", |(_, query)| query))
    }

    /// The password before the host, and one among the parameters.
    fn passwords(&self) -> impl Iterator<Item = &str> {
        let (user, query) = self.parts();
        let before_host = user.split_once(':').map(|(_, password)| password);
        let secret = |pair: &&str| matches!(pair.split('=').next(), Some("password" | "sslpassword"));
        let parameters = query.split('&').filter(secret).filter_map(|pair| pair.split_once('='));
        before_host
            .into_iter()
            .chain(parameters.map(|(_, password)| password))
            .filter(|password| !password.is_empty())
    }
}

impl FromStr for ServerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        match rest {
            None => Err("expected postgres://user@host/database"),
            Some(_) if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                Err("spaces in an address are written %20")
            }
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.passwords().fold(self.0.clone(), |shown, password| {
            let shown = shown.replace(&format!(":{password}@"), &format!(":{HIDDEN}@"));
            shown.replace(&format!("password={password}"), &format!("password={HIDDEN}"))
        });
        f.write_str(&shown)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("postgres://u:s3cret@h/d", "postgres://u:***@h/d"),
            ("postgres://u:s3:c@ret@h:1,i:2/d?sslmode=require", "postgres://u:***@h:1,i:2/d?sslmode=require"),
            ("postgresql://h/d?user=u&password=s3cret", "postgresql://h/d?user=u&password=***"),
            ("postgres://u@h/d?sslpassword=s3cret&a=b", "postgres://u@h/d?sslpassword=***&a=b"),
            ("postgres://u:@h", "postgres://u:@h"),
            ("postgres://u:s3?cret@h/d?a=b", "postgres://u:***@h/d?a=b"),
            ("postgres://h/d?user=u@h", "postgres://h/d?user=u@h"),
            ("postgres://h/d", "postgres://h/d"),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("ServerUrl({shown})"));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "postgres:", "postgres:/h", "mysql://h", "postgres://h/d b", "postgres://h\n"] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn what_is_not_said_is_added() {
        let libpq = |text: &str| text.parse::<ServerUrl>().unwrap().for_libpq();
        let all = "connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5\
                   &keepalives_count=2";
        assert_eq!(libpq("postgres://h/d"), format!("postgres://h/d?{all}"));
        assert_eq!(libpq("postgres://h/d?"), format!("postgres://h/d?{all}"));
        let some = all.replace("connect_timeout=5&", "");
        assert_eq!(libpq("postgres://h?connect_timeout=9"), format!("postgres://h?connect_timeout=9&{some}"));
    }
}
