//! Values in the JSON of a policy.

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;

/// One value, or a list of them.
pub(super) struct Values(pub(super) Vec<Scalar>);

/// A text; numbers and truth values are taken as theirs.
pub(super) struct Scalar(pub(super) Box<str>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a text, a number, or a truth value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.into()))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Scalar, E> {
        Ok(Scalar(flag.to_string().into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string().into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string().into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string().into()))
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a value or a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Values(values))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
        ScalarVisitor.visit_str(text).map(one)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Values, E> {
        ScalarVisitor.visit_bool(flag).map(one)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Values, E> {
        ScalarVisitor.visit_i64(number).map(one)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Values, E> {
        ScalarVisitor.visit_u64(number).map(one)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Values, E> {
        ScalarVisitor.visit_f64(number).map(one)
    }
}

fn one(value: Scalar) -> Values {
    Values(vec![value])
}
