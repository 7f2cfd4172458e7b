//! The little XML that answers consist of: elements in elements, texts in those, no attributes.

use serde_json::{Map, Value};

/// How deep elements may lie in one another. The cloud's answers have three levels.
const DEPTH_MAX: usize = 16;

/// Writes an answer: no line breaks, no indentation.
pub(super) struct Writer {
    text: String,
}

impl Writer {
    /// A document with its first line.
    pub(super) fn new() -> Self {
        let mut text = String::with_capacity(512);
        text.push_str("<?xml version='1.0' encoding='UTF-8'?>");
        Self { text }
    }

    /// Opens an element.
    pub(super) fn open(&mut self, name: &str) {
        for piece in ["<", name, ">"] {
            self.text.push_str(piece);
        }
    }

    /// Closes the element that was opened last and has this name.
    pub(super) fn close(&mut self, name: &str) {
        for piece in ["</", name, ">"] {
            self.text.push_str(piece);
        }
    }

    /// Writes an element that holds a text.
    pub(super) fn element(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            for piece in ["<", name, "/>"] {
                self.text.push_str(piece);
            }
            return;
        }
        self.open(name);
        text.chars().for_each(|letter| self.push_escaped(letter));
        self.close(name);
    }

    fn push_escaped(&mut self, letter: char) {
        match letter {
            '&' => self.text.push_str("&amp;"),
            '<' => self.text.push_str("&lt;"),
            '>' => self.text.push_str("&gt;"),
            '\t' => self.text.push_str("&#9;"),
            '\n' => self.text.push_str("&#10;"),
            '\r' => self.text.push_str("&#13;"),
            // XML has no way at all to write the other control characters.
            '\0'..=' ' if letter != ' ' => self.text.push(char::REPLACEMENT_CHARACTER),
            '\u{fffe}' | '\u{ffff}' => self.text.push(char::REPLACEMENT_CHARACTER),
            other => self.text.push(other),
        }
    }

    /// The bytes of the document.
    pub(super) fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

/// What stands inside the root of a document, as JSON: elements become members, texts become strings.
pub(super) fn to_value(document: &str) -> Option<Value> {
    let mut reader = Reader {
        rest: document.trim_start_matches('\u{feff}').trim_start(),
    };
    if reader.rest.starts_with("<?") {
        reader.rest = reader.rest.split_once("?>")?.1;
    }
    reader.element(DEPTH_MAX).map(|(_, value)| value)
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn element(&mut self, depth: usize) -> Option<(&'t str, Value)> {
        let (tag, rest) = self.rest.trim_start().strip_prefix('<')?.split_once('>')?;
        self.rest = rest;
        let name = tag.trim_end_matches('/').split_ascii_whitespace().next()?;
        let begins_well = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
        if depth == 0 || !begins_well {
            return None;
        }
        let value = if tag.ends_with('/') {
            Value::String(String::new())
        } else {
            self.content(name, depth)?
        };
        Some((name, value))
    }

    fn content(&mut self, name: &str, depth: usize) -> Option<Value> {
        let mut children = Map::new();
        loop {
            let (text, rest) = self.rest.split_at(self.rest.find('<')?);
            self.rest = rest;
            let Some(end) = rest.strip_prefix("</") else {
                let (name, value) = self.element(depth - 1)?;
                children.insert(name.to_owned(), value);
                continue;
            };
            self.rest = end.strip_prefix(name)?.trim_start().strip_prefix('>')?;
            return if children.is_empty() {
                unescape(text).map(Value::String)
            } else {
                Some(Value::Object(children))
            };
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('&');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, after) = piece.split_once(';')?;
        plain.push(entity_letter(entity)?);
        plain.push_str(after);
    }
    Some(plain)
}

fn entity_letter(entity: &str) -> Option<char> {
    let number = match entity {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        other => other.strip_prefix('#')?,
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_read() {
        for (document, expected) in [
            ("<a/>", Some(json!(""))),
            (
                "<?xml version='1.0'?>\n<a><b>1 &lt; 2 &#10;&#x41;</b><c/></a>",
                Some(json!({"b": "1 < 2 \nA", "c": ""})),
            ),
            (
                "\u{feff}<a x='1'> <b ><c>d</c></b > </a>",
                Some(json!({"b": {"c": "d"}})),
            ),
            ("<a>&nope;</a>", None),
            ("<a>&#55296;</a>", None),
            ("<a><b></a>", None),
            ("<a", None),
            ("<>", None),
            ("<!DOCTYPE html><html></html>", None),
            ("", None),
            (&"<a>".repeat(100_000), None),
        ] {
            assert_eq!(to_value(document), expected, "{document:.60}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "a < b & c > d \"'\n\r\t é\u{10ffff}";
        let mut writer = Writer::new();
        writer.open("root");
        writer.element("text", text);
        writer.element("lost", "\0\u{1b}\u{ffff}");
        writer.element("empty", "");
        writer.close("root");
        let document = String::from_utf8(writer.finish()).unwrap();
        assert!(!document.contains('\n') && document.contains("<empty/>"));
        let expected = json!({"text": text, "lost": "\u{fffd}\u{fffd}\u{fffd}", "empty": ""});
        assert_eq!(to_value(&document), Some(expected));
    }
}
