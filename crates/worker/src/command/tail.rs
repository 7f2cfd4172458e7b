//! The end of what a command writes.

use serde_json::value::RawValue;

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit_bytes: usize,
    is_cut: bool,
}

impl Tail {
    /// Keeps so many bytes.
    pub(super) const fn new(limit_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit_bytes,
            is_cut: false,
        }
    }

    /// Takes what was written next.
    pub(super) fn push(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        // Cutting only now and then keeps the cost of a byte constant.
        if self.bytes.len() > 2 * self.limit_bytes {
            self.cut();
        }
    }

    /// The text, without what could not be kept and without blanks around it.
    pub(super) fn text(mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }

    /// The last line that is a JSON value.
    pub(super) fn last_json(mut self) -> Option<Box<RawValue>> {
        self.cut();
        let whole = match self.bytes.iter().position(|byte| *byte == b'\n') {
            // What is left of the first line may look like JSON and mean something else.
            Some(end) if self.is_cut => &self.bytes[end..],
            None if self.is_cut => &[],
            Some(_) | None => &self.bytes[..],
        };
        whole.rsplit(|byte| *byte == b'\n').find_map(json)
    }

    fn cut(&mut self) {
        let surplus = self.bytes.len().saturating_sub(self.limit_bytes);
        self.is_cut |= surplus > 0;
        self.bytes.drain(..surplus);
    }
}

fn json(line: &[u8]) -> Option<Box<RawValue>> {
    let line = std::str::from_utf8(line).ok()?.trim();
    // Read as a value first, because that also finds what is nested too deeply for others to read.
    serde_json::from_str::<serde_json::Value>(line).ok()?;
    RawValue::from_string(line.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(limit_bytes: usize, parts: &[&[u8]]) -> Tail {
        let mut tail = Tail::new(limit_bytes);
        for part in parts {
            tail.push(part);
        }
        tail
    }

    #[test]
    fn the_last_line_that_is_json_counts() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for (written, expected) in [
            ("", None),
            ("hello\n", None),
            ("{\"a\": 1}\n", Some("{\"a\": 1}")),
            ("{\"a\":1}\ndone.\n", Some("{\"a\":1}")),
            ("{\"a\":1}\r\n{\"b\":2}\r\n\r\n", Some("{\"b\":2}")),
            ("{\"a\":1}\n7", Some("7")),
            ("{\"a\":\n1}\n", None),
            ("1 2\n", None),
            (&deep, None),
        ] {
            let json = tail(1 << 20, &[written.as_bytes()]).last_json();
            assert_eq!(
                json.as_deref().map(RawValue::get),
                expected,
                "{written:.40}"
            );
        }
        assert!(tail(99, &[b"\xff\n"]).last_json().is_none());
    }

    #[test]
    fn a_line_whose_beginning_is_gone_is_no_json() {
        for (written, expected) in [
            ("xxxxxxxx 12345678", None),
            ("xxxx\n12\n", Some("12")),
            ("1234567\n5678\n", Some("5678")),
        ] {
            let json = tail(8, &[written.as_bytes()]).last_json();
            assert_eq!(json.as_deref().map(RawValue::get), expected, "{written}");
        }
    }

    #[test]
    fn only_the_end_is_kept_however_it_was_written() {
        assert_eq!(tail(4, &[b"abcdef"]).text(), "cdef");
        assert_eq!(
            tail(4, &[b"ab", b"cdefgh", b"i", b"jkl", b"m\n"]).text(),
            "klm"
        );
        assert_eq!(tail(3, &["äöü".as_bytes()]).text(), "\u{fffd}ü");
        let mut long = Tail::new(1_000);
        for _ in 0..100_000 {
            long.push(b"0123456789");
            assert!(long.bytes.len() <= 2_010);
        }
    }
}
