//! Spans of time as people write them: `90s`, `30m`, `1h30m`, `7d`.

/// Reads a span; a bare number is refused, because nobody can know its unit.
pub fn parse_ms(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("`{text}` is no span of time: write for example 500ms, 90s, 30m, 1h30m or 7d");
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit_ms(unit).ok_or_else(wrong)?);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = after;
    }
    Ok(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn unit_ms(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("30m", Some(1_800_000)),
            ("1h30m", Some(5_400_000)),
            ("7d", Some(604_800_000)),
            ("2w", Some(1_209_600_000)),
            ("0s", Some(0)),
            ("", None),
            ("30", None),
            ("m", None),
            ("-5m", None),
            ("1.5h", None),
            ("5 m", None),
            ("3y", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(parse_ms(text).ok(), expected, "{text:?}");
        }
    }
}
