//! As much of a URL as settings need: who, where, what; and its form without the password.

use percent_encoding::percent_decode_str;

use super::values::{Wrong, wrong};

/// `scheme://user:password@host:port/path?name=value`, decoded.
pub struct Url {
    /// Lower case.
    pub scheme: String,
    /// Decoded user name.
    pub user: Option<String>,
    /// Decoded password.
    pub password: Option<String>,
    /// Decoded host without brackets; empty when none is written.
    pub host: String,
    /// The port, where written.
    pub port: Option<u16>,
    /// As written, with its leading slash.
    pub path: String,
    /// Decoded names and values, in order.
    pub query: Vec<(String, String)>,
    masked: String,
}

const RIGHT: &str = "write scheme://user:password@host:port/name, with @ : / ? # in a password as %40 %3A %2F %3F %23";

impl Url {
    /// Reads a URL; everything that could be understood in two ways is refused.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("it is no URL", RIGHT);
        };
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return wrong("it holds a blank or a control character", RIGHT);
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if tail.contains(['@', '#']) {
            return wrong("it can be read in two ways", RIGHT);
        }
        let (credentials, place) = authority.rsplit_once('@').map_or((None, authority), |(who, place)| (Some(who), place));
        let (user, password) = match credentials {
            None => (None, None),
            Some(who) if who.contains('@') => return wrong("it can be read in two ways", RIGHT),
            Some(who) => who.split_once(':').map_or((Some(who), None), |(user, password)| (Some(user), Some(password))),
        };
        let (host, port) = place_of(place)?;
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let pairs: Vec<(&str, &str)> =
            query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let mut masked = format!("{scheme}://{}", user.unwrap_or(""));
        masked += match (user, password) {
            (None, _) => "",
            (Some(_), None) => "@",
            (Some(_), Some(_)) => ":***@",
        };
        masked += place;
        masked += path;
        for (at, (name, value)) in pairs.iter().enumerate() {
            let value = if decoded(name)?.to_lowercase().contains("password") { "***" } else { value };
            masked += &format!("{}{name}={value}", if at == 0 { '?' } else { '&' });
        }
        Ok(Self {
            scheme: scheme.to_lowercase(),
            user: user.map(decoded).transpose()?,
            password: password.map(decoded).transpose()?,
            host: decoded(host)?,
            port,
            path: path.to_owned(),
            query: pairs.into_iter().map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect::<Result<_, Wrong>>()?,
            masked,
        })
    }

    /// The URL as it may be printed: passwords replaced by `***`.
    pub fn masked(&self) -> String {
        self.masked.clone()
    }

    /// The last value of `name` in the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn place_of(place: &str) -> Result<(&str, Option<u16>), Wrong> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("?"))),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    match port.map(str::parse::<u16>).transpose() {
        Ok(port) if port != Some(0) => Ok((host, port)),
        _ => wrong("its port is no number from 1 to 65535", RIGHT),
    }
}

fn decoded(text: &str) -> Result<String, Wrong> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => wrong("it holds an escape that is no UTF-8", RIGHT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_decoded_and_the_password_is_masked() {
        let url =
            Url::parse("postgresql://app:p%40ss@[2001:db8::1]:5433/rewards?host=%2Frun%2Fpg&sslmode=disable").unwrap_or_else(|_| panic!());
        assert_eq!((url.host.as_str(), url.port, url.password.as_deref()), ("2001:db8::1", Some(5433), Some("p@ss")));
        assert_eq!((url.parameter("host"), url.parameter("none")), (Some("/run/pg"), None));
        assert_eq!(url.masked(), "postgresql://app:***@[2001:db8::1]:5433/rewards?host=%2Frun%2Fpg&sslmode=disable");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for bad in
            ["x", "s://u:p@q@h/d", "s://u:p/q@h/d", "s://h:0/", "s://h:x/", "s://[::1]x/", "s://h /d", "s://h/%ff?%ff=1", "s://h/d#f"]
        {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }
}
