//! Writing JSON straight into bytes, with no tree between.

use jiff::fmt::temporal::DateTimePrinter;
use longrun_model::{Json, Timestamp};

/// Something that stands behind a name in an object.
pub(super) trait Value {
    /// Appends it to `bytes`.
    fn write(self, bytes: &mut Vec<u8>);
}

/// An object that is being written.
pub(super) struct Object<'b> {
    bytes: &'b mut Vec<u8>,
    empty: bool,
}

/// Appends an object that `fill` fills.
pub(super) fn object(bytes: &mut Vec<u8>, fill: impl FnOnce(&mut Object)) {
    bytes.push(b'{');
    fill(&mut Object { bytes, empty: true });
    bytes.push(b'}');
}

/// Appends an array of what `write` appends for each item.
pub(super) fn array<T>(
    bytes: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    bytes.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write(bytes, item);
    }
    bytes.push(b']');
}

impl Object<'_> {
    /// Writes a member.
    pub(super) fn put(&mut self, name: &'static str, value: impl Value) {
        value.write(self.name(name));
    }

    /// Writes a member whose name is a caller's own.
    pub(super) fn put_as(&mut self, name: &str, value: impl Value) {
        self.separate();
        write_text(name, self.bytes);
        self.bytes.push(b':');
        value.write(self.bytes);
    }

    /// Writes a member that is an object.
    pub(super) fn object(&mut self, name: &'static str, fill: impl FnOnce(&mut Object)) {
        object(self.name(name), fill);
    }

    /// Writes a member that is an object or, for nothing, null.
    pub(super) fn maybe_object<T>(
        &mut self,
        name: &'static str,
        of: Option<T>,
        fill: impl FnOnce(&mut Object, T),
    ) {
        match of {
            Some(of) => self.object(name, |object| fill(object, of)),
            None => self.name(name).extend_from_slice(b"null"),
        }
    }

    /// Writes a member that `write` appends.
    pub(super) fn with(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.name(name));
    }

    /// Writes a member that is an array.
    pub(super) fn array<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Vec<u8>, T),
    ) {
        array(self.name(name), items, write);
    }

    /// Writes a name of ours, in which nothing has to be escaped, and gives what follows it.
    fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        debug_assert!(is_plain(name.as_bytes()), "`{name}` has to be escaped");
        self.separate();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self.bytes
    }

    fn separate(&mut self) {
        if !self.empty {
            self.bytes.push(b',');
        }
        self.empty = false;
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) {
        bytes.reserve(text.len() + 2);
        bytes.push(b'"');
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'"');
    } else {
        serde_json::to_writer(bytes, text).expect("a text can be written into memory");
    }
}

/// Whether nothing in a text has to be escaped. Eight bytes are looked at at a time: ids are longer than that.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGHEST: u64 = ONES * 0x80;
    // Of these bytes, whether any is less than `limit`, which is 128 at most.
    let any_below =
        |bytes: u64, limit: u64| bytes.wrapping_sub(ONES * limit) & !bytes & HIGHEST != 0;
    let (chunks, rest) = text.as_chunks();
    chunks.iter().all(|chunk| {
        let bytes = u64::from_ne_bytes(*chunk);
        let quotes = bytes ^ (ONES * u64::from(b'"'));
        let slashes = bytes ^ (ONES * u64::from(b'\\'));
        !(any_below(bytes, 0x20) || any_below(quotes, 1) || any_below(slashes, 1))
    }) && rest
        .iter()
        .all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\')
}

impl Value for &str {
    fn write(self, bytes: &mut Vec<u8>) {
        write_text(self, bytes);
    }
}

impl Value for u64 {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl Value for i64 {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl Value for bool {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(if self { b"true" } else { b"false" });
    }
}

impl Value for &Json {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_str().as_bytes());
    }
}

impl Value for Timestamp {
    /// As RFC 3339 in UTC with milliseconds.
    fn write(self, bytes: &mut Vec<u8>) {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let instant = jiff::Timestamp::from_millisecond(self.as_millis());
        // Only an instant thousands of years from now is out of range.
        let instant = instant.unwrap_or(jiff::Timestamp::MAX);
        bytes.push(b'"');
        PRINTER
            .print_timestamp(&instant, &mut *bytes)
            .expect("an instant can be written into memory");
        bytes.push(b'"');
    }
}

impl<V: Value> Value for Option<V> {
    fn write(self, bytes: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(bytes),
            None => bytes.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: impl Value, expected: &str) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn values_are_written() {
        check("plain ä", "\"plain ä\"");
        check("a\"b\\c\n\u{1}", r#""a\"b\\c\n\u0001""#);
        check(u64::MAX, "18446744073709551615");
        check(-7_i64, "-7");
        check(Some(true), "true");
        check(None::<&str>, "null");
        check(&Json::from_checked("[1]"), "[1]");
        check(Timestamp::from_millis(0), "\"1970-01-01T00:00:00.000Z\"");
        check(
            Timestamp::from_millis(1_795_228_200_120),
            "\"2026-11-21T02:30:00.120Z\"",
        );
        check(
            Timestamp::from_millis(i64::MAX),
            "\"9999-12-30T22:00:00.999Z\"",
        );
    }

    /// Each byte that a text may have, at each place among eight and after them.
    #[test]
    fn what_must_be_escaped_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
            for place in 0..19 {
                for other in *b"a!#[]\x7f\x80\xff" {
                    let mut text = [other; 19];
                    text[place] = byte;
                    assert_eq!(is_plain(&text), plain, "{byte} at {place} among {other}");
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn objects_are_written() {
        let mut bytes = Vec::new();
        object(&mut bytes, |object| {
            object.put("a", 1_u64);
            object.object("b", |_| ());
            object.maybe_object("c", None::<()>, |_, ()| ());
            object.array("d", [1_u64, 2], |bytes, number| number.write(bytes));
            object.put_as("\"", true);
        });
        assert_eq!(bytes, br#"{"a":1,"b":{},"c":null,"d":[1,2],"\"":true}"#);
    }
}
