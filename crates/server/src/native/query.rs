//! What a request says in its path, its query, and its `Prefer` header.

use super::problem::Problem;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use longrun_model::limits;
use percent_encoding::percent_decode_str;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The longest that a call waits.
pub(super) const WAIT_MILLIS_MAX: i64 = 60_000;

/// What stands behind `/api/v1/operations/` or `/api/v1/keys/`, up to the next slash.
pub(super) struct Segment(pub(super) String);

/// The parameters of a query, each taken out by whoever knows it.
pub(super) struct Query(Vec<(String, String)>);

/// How long the caller would wait, in milliseconds; 0 if it did not say.
pub(super) struct PreferWait(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().split('/').nth(4).unwrap_or_default();
        // A path that cannot be read leads nowhere.
        let decoded = percent_decode_str(segment)
            .decode_utf8()
            .map_err(|_| Problem::NotFound)?;
        Ok(Self(decoded.into_owned()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            });
        pairs.collect::<Result<_, Problem>>().map(Self)
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    let malformed =
        || Problem::Malformed(format!("`{text}` in the query has a wrong percent escape"));
    let spaced = text.replace('+', " ");
    let hex = |digit: Option<char>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
    for escape in spaced.split('%').skip(1) {
        let mut digits = escape.chars();
        if !hex(digits.next()) || !hex(digits.next()) {
            return Err(malformed());
        }
    }
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| malformed())?;
    Ok(decoded.into_owned())
}

impl Query {
    /// All values of a parameter that may stand several times.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.0
            .extract_if(.., |(own, _)| own == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of a parameter that may stand once.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.take_all(name);
        let value = values.pop();
        if values.is_empty() {
            Ok(value)
        } else {
            Err(Problem::Malformed(format!(
                "`{name}` stands twice in the query"
            )))
        }
    }

    /// The value of a parameter, read by `read`.
    pub(super) fn take_as<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name)? else {
            return Ok(None);
        };
        let value = read(&text);
        value
            .map(Some)
            .ok_or_else(|| Problem::Malformed(format!("`{name}` cannot be `{text}`")))
    }

    /// A number, if it is given.
    pub(super) fn take_number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        self.take_as(name, |text| text.parse().ok())
    }

    /// How many items a page shall have.
    pub(super) fn take_page_size(&mut self, default: usize) -> Result<usize, Problem> {
        let size = self.take_number("page_size")?.unwrap_or(default);
        in_range("page_size", size, 1..=limits::PAGE_MAX)
    }

    /// Says that no other parameter is known.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::Malformed(format!(
                "`{name}` is no parameter of this call"
            ))),
            None => Ok(()),
        }
    }
}

/// The number, if it lies in its range.
pub(super) fn in_range<T: PartialOrd + std::fmt::Display>(
    field: &str,
    number: T,
    range: RangeInclusive<T>,
) -> Result<T, Problem> {
    if range.contains(&number) {
        Ok(number)
    } else {
        let (min, max) = range.into_inner();
        Err(Problem::Invalid(format!(
            "`{field}` must lie between {min} and {max}"
        )))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(wait_millis(&parts.headers).unwrap_or(0)))
    }
}

/// What `Prefer: wait=SECONDS` says. A preference that cannot be read is ignored, as RFC 7240 asks.
fn wait_millis(headers: &HeaderMap) -> Option<i64> {
    let lines = headers
        .get_all("prefer")
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            let seconds: i64 = value.trim().trim_matches('"').parse().ok()?;
            (name.trim().eq_ignore_ascii_case("wait") && seconds >= 0)
                .then(|| seconds.saturating_mul(1_000).min(WAIT_MILLIS_MAX))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn preferences_are_read() {
        for (lines, expected) in [
            (&["wait=10"][..], Some(10_000)),
            (&["respond-async, wait=10"], Some(10_000)),
            (&["respond-async", "Wait = \"7\"; foo=1"], Some(7_000)),
            (&["wait=9999999999999999"], Some(WAIT_MILLIS_MAX)),
            (&["wait=0"], Some(0)),
            (&["wait=-1"], None),
            (&["wait=soon"], None),
            (&["wait"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("prefer", HeaderValue::from_static(line));
            }
            assert_eq!(wait_millis(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn escapes_are_resolved_or_refused() {
        for (text, expected) in [
            ("a%20b+c", Some("a b c")),
            ("%C3%A4", Some("ä")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%ff", None),
            ("%ä1", None),
        ] {
            assert_eq!(decode(text).ok().as_deref(), expected, "{text}");
        }
    }
}
