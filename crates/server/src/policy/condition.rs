//! Conditions: what else must hold of a request.

use super::Ask;
use super::pattern::{Case, Pattern};
use super::value::Scalar;
use longrun_model::Timestamp;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

/// One condition of a statement.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    key: Key,
    test: Test,
    /// Whether the test must fail. Such a condition holds also when the request has no such key.
    negated: bool,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug)]
enum Key {
    SourceIp,
    SecureTransport,
    CurrentTime,
    ResourceGroup,
    /// Something that no request of ours has.
    Unknown,
}

/// What a request has under a key.
enum Fact<'a> {
    Address(IpAddr),
    Flag(bool),
    Instant(Timestamp),
    Text(&'a str),
}

/// A comparison with the listed values, one of which suffices.
#[derive(Clone, Debug)]
enum Test {
    Text(Vec<Pattern>, Case),
    Flag(Vec<bool>),
    Network(Vec<Network>),
    Instant(Compare, Vec<Timestamp>),
    Number(Compare, Vec<f64>),
}

#[derive(Clone, Copy, Debug)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Condition {
    /// Compiles `operator` over the values listed for `key`.
    pub(super) fn new(operator: &str, key: &str, values: &[Scalar]) -> Result<Self, String> {
        if values.is_empty() {
            return Err(format!("`{operator}` lists no value for `{key}`"));
        }
        let (positive, negated) = affirm(operator);
        let test = Test::new(&positive, values).map_err(|fault| match fault {
            Fault::Operator => format!("`{operator}` is no known operator"),
            Fault::Value(value) => format!("`{operator}` cannot compare with `{value}`"),
        })?;
        Ok(Self {
            key: Key::named(key),
            test,
            negated,
        })
    }

    /// Whether it holds for a request.
    pub(super) fn holds(&self, ask: &Ask) -> bool {
        self.key
            .fact(ask)
            .is_some_and(|fact| self.test.passes(&fact))
            != self.negated
    }
}

/// The operator without its `Not`, and whether it had one.
fn affirm(operator: &str) -> (Cow<'_, str>, bool) {
    for (negative, positive) in [
        ("NotEquals", "Equals"),
        ("NotLike", "Like"),
        ("NotIp", "Ip"),
    ] {
        if operator.contains(negative) {
            return (Cow::Owned(operator.replacen(negative, positive, 1)), true);
        }
    }
    (Cow::Borrowed(operator), false)
}

enum Fault {
    Operator,
    Value(String),
}

impl Test {
    /// Compiles the operator that is not negated.
    fn new(operator: &str, values: &[Scalar]) -> Result<Self, Fault> {
        match operator {
            "StringEquals" => Ok(Self::Text(texts(values, Pattern::exact), Case::Kept)),
            "StringEqualsIgnoreCase" => {
                Ok(Self::Text(texts(values, Pattern::exact), Case::Ignored))
            }
            "StringLike" => Ok(Self::Text(texts(values, Pattern::wild), Case::Kept)),
            "Bool" => read_all(values, |text| text.parse().ok()).map(Self::Flag),
            "IpAddress" => read_all(values, Network::read).map(Self::Network),
            other => {
                let comparing = |prefix| other.strip_prefix(prefix).and_then(Compare::named);
                if let Some(compare) = comparing("Date") {
                    Ok(Self::Instant(compare, read_all(values, instant)?))
                } else if let Some(compare) = comparing("Numeric") {
                    Ok(Self::Number(compare, read_all(values, number)?))
                } else {
                    Err(Fault::Operator)
                }
            }
        }
    }

    fn passes(&self, fact: &Fact) -> bool {
        match self {
            Self::Text(patterns, case) => {
                let text = fact.text();
                patterns
                    .iter()
                    .any(|pattern| pattern.matches(text.chars(), *case))
            }
            Self::Flag(flags) => fact.read().is_some_and(|found| flags.contains(&found)),
            Self::Network(networks) => fact
                .address()
                .is_some_and(|found| networks.iter().any(|network| network.contains(found))),
            Self::Instant(compare, instants) => fact.instant().is_some_and(|found| {
                instants
                    .iter()
                    .any(|instant| compare.holds(found.partial_cmp(instant)))
            }),
            Self::Number(compare, numbers) => fact.read::<f64>().is_some_and(|found| {
                numbers
                    .iter()
                    .any(|number| compare.holds(found.partial_cmp(number)))
            }),
        }
    }
}

fn texts(values: &[Scalar], pattern: fn(&str) -> Pattern) -> Vec<Pattern> {
    values.iter().map(|value| pattern(&value.0)).collect()
}

fn read_all<T>(values: &[Scalar], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Fault> {
    let one = |value: &Scalar| read(&value.0).ok_or_else(|| Fault::Value(value.0.to_string()));
    values.iter().map(one).collect()
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

impl Key {
    /// Names are taken in any case: a denial shall not be lost for the sake of one letter.
    fn named(name: &str) -> Self {
        let known = [
            ("acs:SourceIp", Self::SourceIp),
            ("acs:SecureTransport", Self::SecureTransport),
            ("acs:CurrentTime", Self::CurrentTime),
            ("acs:ResourceGroupId", Self::ResourceGroup),
        ];
        let found = known
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(Self::Unknown, |(_, key)| key)
    }

    fn fact<'a>(self, ask: &Ask<'a>) -> Option<Fact<'a>> {
        match self {
            // An IPv4 peer of a socket that serves both shows as an IPv6 address.
            Self::SourceIp => ask
                .source_ip
                .map(|address| Fact::Address(address.to_canonical())),
            Self::SecureTransport => Some(Fact::Flag(ask.secure)),
            Self::CurrentTime => Some(Fact::Instant(ask.now)),
            Self::ResourceGroup => ask.resource_group.map(Fact::Text),
            Self::Unknown => None,
        }
    }
}

impl<'a> Fact<'a> {
    fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Address(address) => Cow::Owned(address.to_string()),
            Self::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Instant(instant) => {
                let instant = jiff::Timestamp::from_millisecond(instant.as_millis());
                Cow::Owned(
                    instant
                        .map(|instant| instant.to_string())
                        .unwrap_or_default(),
                )
            }
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    fn read<T: std::str::FromStr>(&self) -> Option<T> {
        self.text().parse().ok()
    }

    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Text(text) => text.parse().ok(),
            Self::Flag(_) | Self::Instant(_) => None,
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Instant(found) => Some(*found),
            Self::Text(text) => instant(text),
            Self::Address(_) | Self::Flag(_) => None,
        }
    }
}

impl Compare {
    fn named(name: &str) -> Option<Self> {
        match name {
            "Equals" => Some(Self::Equal),
            "LessThan" => Some(Self::Less),
            "LessThanEquals" => Some(Self::LessOrEqual),
            "GreaterThan" => Some(Self::Greater),
            "GreaterThanEquals" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    fn holds(self, ordering: Option<Ordering>) -> bool {
        ordering.is_some_and(|ordering| match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        })
    }
}

impl Network {
    /// An address, or an address and how many of its bits count: `10.0.0.0/8`.
    fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
        (prefix <= bits).then_some(Self { address, prefix })
    }

    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}
