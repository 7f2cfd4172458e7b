//! Where a cloud is reached.

use super::cloud::Cloud;
use longrun_dialects::Endpoint;
use std::fmt;

/// A text that is no address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no endpoint: write for example http://127.0.0.1:8080")]
pub struct BadAddress(String);

/// A scheme, a host, and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    scheme: String,
    authority: String,
}

impl Address {
    /// Reads what a user typed: nothing may stand after the port, as the cloud says what stands there.
    pub fn typed(text: &str) -> Result<Self, BadAddress> {
        let wrong = || BadAddress(text.to_owned());
        let (address, path) = Self::split(text).ok_or_else(wrong)?;
        if matches!(path.as_str(), "" | "/") {
            Ok(address)
        } else {
            Err(wrong())
        }
    }

    /// The beginning of an address that a cloud told.
    pub fn told(url: &str) -> Option<Self> {
        Self::split(url).map(|(address, _)| address)
    }

    /// Where a service of the cloud is reached whose identity service has this address: their hosts differ in the
    /// first word. A host that does not name a service serves them all. Nothing else is guessed: a token goes to
    /// nobody but the cloud that handed it out.
    pub fn beside(auth_url: &str, cloud: Cloud) -> Option<Self> {
        let identity = Self::told(auth_url)?;
        let authority = match identity.authority.strip_prefix("iam.") {
            Some(rest) => format!("{}.{}", cloud.service(), rest.trim_end_matches(":443")),
            None => identity.authority,
        };
        Some(Self {
            authority,
            ..identity
        })
    }

    /// The same for the one who writes a poll.
    pub fn endpoint(&self) -> Endpoint<'_> {
        Endpoint {
            scheme: &self.scheme,
            authority: &self.authority,
        }
    }

    fn split(text: &str) -> Option<(Self, String)> {
        let url = reqwest::Url::parse(text).ok()?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_plain)?;
        let authority = match url.port() {
            None => host.to_owned(),
            Some(port) => format!("{host}:{port}"),
        };
        let address = Self {
            scheme: url.scheme().to_owned(),
            authority,
        };
        Some((address, url.path().to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_addresses() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("https://elb.example.com/", Some("https://elb.example.com")),
            ("https://h:443", Some("https://h")),
            ("http://[::1]:80", Some("http://[::1]")),
            ("127.0.0.1:8080", None),
            ("https://h/v1", None),
            ("https://u:p@h", None),
            ("https://h?x=1", None),
            ("ftp://h", None),
            ("", None),
        ] {
            let read = Address::typed(text).ok().map(|it| it.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn services_stand_beside_their_identity_service() {
        for (auth_url, expected) in [
            (
                "https://iam.eu-de.otc.t-systems.com/v3",
                Some("https://elb.eu-de.otc.t-systems.com"),
            ),
            (
                "https://iam.eu-de.otc.t-systems.com:443/v3",
                Some("https://elb.eu-de.otc.t-systems.com"),
            ),
            ("http://127.0.0.1:8080/v3", Some("http://127.0.0.1:8080")),
            ("nowhere", None),
        ] {
            let found = Address::beside(auth_url, Cloud::HuaweiElb).map(|it| it.to_string());
            assert_eq!(found.as_deref(), expected, "{auth_url}");
        }
    }
}
