//! JSON that is carried and not looked into.
//!
//! It is looked at once all the same, where it comes in: what is nested too deep, a number that no reader could hold,
//! or half of a surrogate pair would otherwise be stored here and break whoever reads it later.

use super::problem::Problem;
use longrun_model::{Json, limits};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Takes in the value of `field`, without its white space.
pub(super) fn read(field: &str, raw: Option<&RawValue>) -> Result<Option<Json>, Problem> {
    let Some(raw) = raw else { return Ok(None) };
    let Sound = serde_json::from_str(raw.get())
        .map_err(|error| Problem::Malformed(format!("`{field}`: {error}")))?;
    let json = compact(raw.get());
    if json.as_str().len() > limits::PAYLOAD_BYTES_MAX {
        let max = limits::PAYLOAD_BYTES_MAX;
        return Err(Problem::Invalid(format!(
            "`{field}` may have at most {max} bytes"
        )));
    }
    Ok(Some(json))
}

/// A value that every reader of JSON can read.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SoundVisitor)
    }
}

struct SoundVisitor;

impl<'de> Visitor<'de> for SoundVisitor {
    type Value = Sound;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sound, A::Error> {
        while let Some(Sound) = list.next_element()? {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sound, A::Error> {
        while let Some((Sound, Sound)) = map.next_entry()? {}
        Ok(Sound)
    }
}

/// A well-formed value without the white space between its parts. All else stays as it was written.
fn compact(text: &str) -> Json {
    if !text.bytes().any(is_blank) {
        return Json::from_checked(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        kept.extend(
            before
                .chars()
                .filter(|letter| !letter.is_ascii_whitespace()),
        );
        let (string, behind) = quoted.split_at(string_length(quoted));
        kept.push_str(string);
        rest = behind;
    }
    kept.extend(rest.chars().filter(|letter| !letter.is_ascii_whitespace()));
    Json::from_checked(kept)
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// The bytes of the string that `text` begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => (),
        }
    }
    text.len()
}

/// Appends a form of `json` that is the same for every way to write it: names in order, escapes resolved.
pub(super) fn write_canonical(json: &Json, bytes: &mut Vec<u8>) {
    let rest = canonical(json.as_str(), bytes);
    debug_assert!(rest.is_empty(), "one value was taken in");
}

/// Appends the canonical form of the value that the compact `text` begins with, and gives what follows it.
fn canonical<'t>(text: &'t str, bytes: &mut Vec<u8>) -> &'t str {
    match text.as_bytes().first() {
        Some(b'{') => canonical_object(text, bytes),
        Some(b'[') => {
            bytes.push(b'[');
            let mut rest = &text[1..];
            while !rest.starts_with(']') {
                rest = canonical(rest, bytes);
                bytes.push(b',');
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
            bytes.push(b']');
            &rest[1..]
        }
        Some(b'"') => {
            let (string, rest) = text.split_at(string_length(text));
            bytes.extend(resolved(string));
            rest
        }
        _ => {
            let end = text.find([',', ']', '}']).unwrap_or(text.len());
            bytes.extend_from_slice(&text.as_bytes()[..end]);
            &text[end..]
        }
    }
}

fn canonical_object<'t>(text: &'t str, bytes: &mut Vec<u8>) -> &'t str {
    let mut members = Vec::new();
    let mut rest = &text[1..];
    while !rest.starts_with('}') {
        let (name, behind) = rest.split_at(string_length(rest));
        let mut member = resolved(name);
        rest = canonical(&behind[1..], &mut member);
        members.push(member);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    members.sort();
    bytes.push(b'{');
    for member in members {
        bytes.extend(member);
        bytes.push(b',');
    }
    bytes.push(b'}');
    &rest[1..]
}

/// A string with its escapes resolved, and quoted again so that it cannot be taken for anything else.
fn resolved(string: &str) -> Vec<u8> {
    let text: String =
        serde_json::from_str(string).expect("the value was found sound when it came in");
    serde_json::to_vec(&text).expect("a text can be written into memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Json, Problem> {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        read("input", Some(raw)).map(|json| json.expect("something was given"))
    }

    #[test]
    fn values_lose_their_white_space_and_nothing_else() {
        for (text, expected) in [
            ("7", "7"),
            (" [ 1 , 2.50e1 ,\n\ttrue , null ] ", "[1,2.50e1,true,null]"),
            (
                r#"{ "a b" : "c \" d\\" , "e" : { } }"#,
                r#"{"a b":"c \" d\\","e":{}}"#,
            ),
            (r#"" \u00e4 ä ""#, r#"" \u00e4 ä ""#),
            (
                "123456789012345678901234567890 ",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(taken(text).unwrap().as_str(), expected, "{text}");
        }
    }

    #[test]
    fn unsound_values_are_refused() {
        for text in [
            format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
            format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
            "1e999".to_owned(),
            r#""\ud800""#.to_owned(),
            r#"{"\udc00":1}"#.to_owned(),
        ] {
            assert!(
                matches!(taken(&text), Err(Problem::Malformed(_))),
                "{text:.40}"
            );
        }
        let long = format!("\"{}\"", "x".repeat(limits::PAYLOAD_BYTES_MAX));
        assert!(matches!(taken(&long), Err(Problem::Invalid(_))));
        let blank = format!("[{}]", " ".repeat(limits::PAYLOAD_BYTES_MAX));
        assert_eq!(taken(&blank).unwrap().as_str(), "[]");
    }

    #[test]
    fn the_canonical_form_ignores_how_a_value_is_written() {
        let form = |text: &str| {
            let mut bytes = Vec::new();
            write_canonical(&taken(text).unwrap(), &mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        for (one, other, same) in [
            (
                r#"{"a":1,"b":[{},"x"]}"#,
                r#"{ "b" : [ { }, "\u0078" ], "a" : 1 }"#,
                true,
            ),
            (
                r#"{"a":{"c":1,"d":2}}"#,
                r#"{"a":{"d":2,"\u0063":1}}"#,
                true,
            ),
            ("[1,2]", "[2,1]", false),
            ("[1,2]", "[12]", false),
            ("[[],[]]", "[[[]]]", false),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            (r#"["a,","b"]"#, r#"["a",",b"]"#, false),
            ("12345678901234567890123", "12345678901234567890124", false),
        ] {
            assert_eq!(form(one) == form(other), same, "{one} {other}");
        }
    }
}
