//! Names and values in queries and form bodies.

use crate::Fault;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode};
use std::borrow::Cow;

/// Parameters in the order of the wire, decoded.
pub(crate) type Parameters<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Everything but letters, digits and `-_.~`: what the signatures of Alibaba and Huawei escape.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Decodes `a=1&b=2`: percent escapes, and `+` for a blank. A name without `=` has an empty value.
pub(crate) fn parameters(encoded: &[u8]) -> Result<Parameters<'_>, Fault> {
    let pieces = encoded
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty());
    let mut parameters = Vec::with_capacity(16);
    for piece in pieces {
        let (name, value) = match piece.iter().position(|byte| *byte == b'=') {
            Some(place) => (&piece[..place], &piece[place + 1..]),
            None => (piece, &[][..]),
        };
        parameters.push((decode(name)?, decode(value)?));
    }
    Ok(parameters)
}

/// The first value of `name` in an encoded query or form, for names and values that need no escapes.
pub(crate) fn peek<'a>(encoded: &'a [u8], name: &str) -> Option<&'a [u8]> {
    encoded
        .split(|byte| *byte == b'&')
        .find_map(|piece| piece.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The value of `name`, if it is there.
pub(crate) fn value<'p>(parameters: &'p Parameters<'_>, name: &str) -> Option<&'p str> {
    parameters
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.as_ref())
}

/// The name that stands more than once, if any does.
pub(crate) fn repeated<'p, V>(parameters: &'p [(Cow<'_, str>, V)]) -> Option<&'p str> {
    let twice = |(index, name): (usize, &'p str)| {
        parameters[..index]
            .iter()
            .any(|(earlier, _)| earlier == name)
            .then_some(name)
    };
    if parameters.len() <= 32 {
        return parameters
            .iter()
            .map(|(name, _)| name.as_ref())
            .enumerate()
            .find_map(twice);
    }
    let mut seen = std::collections::HashSet::with_capacity(parameters.len());
    parameters
        .iter()
        .map(|(name, _)| name.as_ref())
        .find(|name| !seen.insert(*name))
}

/// Decodes percent escapes and `+`.
pub(crate) fn decode(text: &[u8]) -> Result<Cow<'_, str>, Fault> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        let text =
            std::str::from_utf8(text).map_err(|_| Fault::Malformed("a parameter is not UTF-8"))?;
        return Ok(Cow::Borrowed(text));
    }
    check_escapes(text)?;
    let blanks: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = percent_decode(&blanks)
        .decode_utf8()
        .map_err(|_| Fault::Malformed("a parameter is not UTF-8"))?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// Decodes percent escapes only, as in a path.
pub(crate) fn decode_path(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    check_escapes(text.as_bytes())?;
    percent_decode(text.as_bytes())
        .decode_utf8()
        .map_err(|_| Fault::Malformed("the path is not UTF-8"))
}

fn check_escapes(text: &[u8]) -> Result<(), Fault> {
    let broken = |(place, byte): (usize, &u8)| {
        let digits = text.get(place + 1..place + 3);
        *byte == b'%' && !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if text.iter().enumerate().any(broken) {
        Err(Fault::Malformed("a percent escape is broken"))
    } else {
        Ok(())
    }
}

/// Takes a value out of sorted parameters. An empty one counts as absent.
pub(crate) fn take<'a>(parameters: &mut Parameters<'a>, name: &str) -> Option<Cow<'a, str>> {
    let place = parameters
        .binary_search_by(|(other, _)| other.as_ref().cmp(name))
        .ok()?;
    Some(std::mem::take(&mut parameters[place].1)).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        for (encoded, expected) in [
            ("", Some(vec![])),
            ("a=1&b=%2F+x", Some(vec![("a", "1"), ("b", "/ x")])),
            ("a&&b=", Some(vec![("a", ""), ("b", "")])),
            ("a=b=c", Some(vec![("a", "b=c")])),
            ("%E5%8C%97=%e4%ba%ac", Some(vec![("北", "京")])),
            ("a=%", None),
            ("a=%2", None),
            ("a=%zz", None),
            ("a=%ff", None),
        ] {
            let expected = expected.map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(n, v)| (n.into(), v.into()))
                    .collect()
            });
            assert_eq!(parameters(encoded.as_bytes()).ok(), expected, "{encoded}");
        }
        assert!(parameters(b"a=\xff").is_err());
    }

    #[test]
    fn repeated_names_are_found() {
        let many = (0..40)
            .map(|n| format!("p{n}=1"))
            .collect::<Vec<_>>()
            .join("&");
        for (encoded, expected) in [
            ("a=1&b=1", None),
            ("a=1&b=1&a=1", Some("a")),
            (many.as_str(), None),
            (&format!("{many}&p7=2"), Some("p7")),
        ] {
            let parameters = parameters(encoded.as_bytes()).unwrap();
            assert_eq!(repeated(&parameters), expected, "{encoded}");
        }
    }

    #[test]
    fn peeking_needs_the_whole_name() {
        assert_eq!(peek(b"XAction=a&Action=b", "Action"), Some(&b"b"[..]));
        assert_eq!(peek(b"Actions=a", "Action"), None);
    }
}
