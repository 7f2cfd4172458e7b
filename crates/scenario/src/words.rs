//! The small words that a scenario is written with: spans of time, numbers of polls, patterns.

use crate::span::parse_ms;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A span of time in milliseconds, written as a text such as `500ms`, `2s` or `1h30m`, or as a number of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Always as long.
    Fixed(Span),
    /// Something between two spans, as the seed has it.
    Range(Span, Span),
    /// It has no end.
    Forever,
}

/// A set of whole numbers from 1 on: `3`, `[1, 4]`, `"2-5"`, `"3-"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(Vec<(u64, u64)>);

/// One pattern or several, of which one must fit. `*` stands for any text and `?` for any character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Numbers {
    /// One number alone.
    pub fn only(number: u64) -> Self {
        Self(vec![(number, number)])
    }

    /// Whether the number is in the set.
    pub fn contain(&self, number: u64) -> bool {
        let holds = |(least, most): &(u64, u64)| (*least..=*most).contains(&number);
        self.0.iter().any(holds)
    }

    fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let (least, most) = match part.trim().split_once('-') {
                None => (part.trim(), part.trim()),
                Some((least, most)) => (least.trim(), most.trim()),
            };
            let least: u64 = least.parse().ok()?;
            let most = if most.is_empty() {
                u64::MAX
            } else {
                most.parse().ok()?
            };
            (least >= 1 && least <= most).then_some((least, most))
        };
        let parts = text.split(',').map(part).collect::<Option<Vec<_>>>()?;
        Some(Self(parts))
    }
}

impl Patterns {
    /// Patterns that only this text fits.
    pub fn exactly(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them fits.
    pub fn fit(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| fits(pattern, text))
    }
}

/// Whether `text` is what `pattern` stands for.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last star stands, and how much of the text it has taken in.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            Some(_) | None => {
                let Some((position, taken)) = star else {
                    return false;
                };
                star = Some((position, taken + 1));
                (at, in_pattern) = (taken + 1, position + 1);
            }
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '*')
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a span of time such as \"500ms\", \"2s\" or \"1h30m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        parse_ms(text).map(Span).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, millis: i64) -> Result<Span, E> {
        if millis < 0 {
            return Err(E::custom("a span of time cannot be negative"));
        }
        Ok(Span(millis))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}ms", self.0))
    }
}

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LastingVisitor)
    }
}

struct LastingVisitor;

impl<'de> Visitor<'de> for LastingVisitor {
    type Value = Lasting;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a span of time such as \"2s\", two of them, or \"forever\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lasting, E> {
        if text == "forever" {
            return Ok(Lasting::Forever);
        }
        SpanVisitor.visit_str(text).map(Lasting::Fixed)
    }

    fn visit_i64<E: Error>(self, millis: i64) -> Result<Lasting, E> {
        SpanVisitor.visit_i64(millis).map(Lasting::Fixed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lasting, A::Error> {
        let wrong = || A::Error::custom("a range is two spans of time, the shorter one first");
        let least: Span = list.next_element()?.ok_or_else(wrong)?;
        let most: Span = list.next_element()?.ok_or_else(wrong)?;
        if least > most || list.next_element::<Span>()?.is_some() {
            return Err(wrong());
        }
        Ok(Lasting::Range(least, most))
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(span) => span.serialize(serializer),
            Self::Range(least, most) => [least, most].serialize(serializer),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor)
    }
}

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("numbers from 1 on: 3, [1, 4], \"2-5\" or \"3-\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Numbers, E> {
        let wrong = || {
            E::custom(format!(
                "`{text}` is no set of numbers from 1 on: write 3, \"2-5\" or \"3-\""
            ))
        };
        Numbers::parse(text).ok_or_else(wrong)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Numbers, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
        let mut all = Vec::new();
        while let Some(number) = list.next_element::<u64>()? {
            if number == 0 {
                return Err(A::Error::custom("counting begins with 1"));
            }
            all.push((number, number));
        }
        Ok(Numbers(all))
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let part = |(least, most): &(u64, u64)| match *most {
            most if most == *least => least.to_string(),
            u64::MAX => format!("{least}-"),
            most => format!("{least}-{most}"),
        };
        let parts: Vec<String> = self.0.iter().map(part).collect();
        serializer.serialize_str(&parts.join(","))
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatternsVisitor)
    }
}

struct PatternsVisitor;

impl<'de> Visitor<'de> for PatternsVisitor {
    type Value = Patterns;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a pattern or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Patterns, E> {
        Ok(Patterns::exactly(text))
    }

    // What is matched is text, and nobody wants to put a port between quotes.
    fn visit_i64<E: Error>(self, number: i64) -> Result<Patterns, E> {
        Ok(Patterns::exactly(&number.to_string()))
    }

    fn visit_bool<E: Error>(self, word: bool) -> Result<Patterns, E> {
        Ok(Patterns::exactly(&word.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Patterns, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element::<Patterns>()? {
            all.extend(one.0);
        }
        Ok(Patterns(all))
    }
}

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

macro_rules! schema {
    ($name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// What a span of time looks like as a text.
const SPAN_PATTERN: &str = "^([0-9]+(ms|s|m|h|d|w))+$";

schema!(
    Span,
    json_schema!({
        "description": "A span of time: a text such as 500ms, 2s or 1h30m, or a number of milliseconds.",
        "anyOf": [{ "type": "string", "pattern": SPAN_PATTERN }, { "type": "integer", "minimum": 0 }]
    })
);
schema!(
    Lasting,
    json_schema!({
        "description": "How long something takes: a span of time, two of them for something in between, or forever.",
        "anyOf": [
            { "type": "string", "pattern": SPAN_PATTERN },
            { "type": "integer", "minimum": 0 },
            { "const": "forever" },
            { "type": "array", "minItems": 2, "maxItems": 2, "items": { "type": ["string", "integer"] } }
        ]
    })
);
schema!(
    Numbers,
    json_schema!({
        "description": "Numbers from 1 on: 3, [1, 4], \"2-5\", \"3-\".",
        "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string" },
            { "type": "array", "items": { "type": "integer", "minimum": 1 } }
        ]
    })
);
schema!(
    Patterns,
    json_schema!({
        "description": "A pattern or a list of them; * stands for any text and ? for any character.",
        "anyOf": [
            { "type": ["string", "integer", "boolean"] },
            { "type": "array", "items": { "type": ["string", "integer", "boolean"] } }
        ]
    })
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, text, expected) in [
            ("cpm-1", "cpm-1", true),
            ("cpm-1", "cpm-12", false),
            ("cpm-*", "cpm-", true),
            ("*-1", "cpm-1-1", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("?", "é", true),
            ("?", "", false),
            ("**", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*ab", "aab", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn numbers_are_read() {
        for (text, inside, outside) in [
            ("3", vec![3], vec![1, 2, 4]),
            ("2-4", vec![2, 4], vec![1, 5]),
            ("3-", vec![3, u64::MAX], vec![2]),
            ("1, 5-6", vec![1, 5, 6], vec![2, 4, 7]),
        ] {
            let numbers = Numbers::parse(text).unwrap();
            assert!(
                inside.iter().all(|number| numbers.contain(*number)),
                "{text}"
            );
            assert!(
                !outside.iter().any(|number| numbers.contain(*number)),
                "{text}"
            );
        }
        for text in ["", "0", "-3", "4-2", "x", "1,,2"] {
            assert_eq!(Numbers::parse(text), None, "{text}");
        }
    }
}
