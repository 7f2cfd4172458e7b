//! The ways in which the clouds write an instant.

use jiff::tz::TimeZone;
use longrun_model::Timestamp;

/// Reads `2026-11-21T02:02:06Z`, with or without fractions of a second.
pub(crate) fn read_rfc3339(text: &str) -> Option<Timestamp> {
    // An offset other than Z is no form that a cloud's client sends.
    let instant: jiff::Timestamp = text.ends_with('Z').then(|| text.parse().ok())??;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// Reads `20261121T020304Z`.
pub(crate) fn read_basic(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let (date, time) = (&text[..8], &text[9..15]);
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
    let dashed = [
        year, "-", month, "-", day, "T", hour, ":", minute, ":", second, "Z",
    ];
    (&text[8..9] == "T" && &text[15..] == "Z").then(|| read_rfc3339(&dashed.concat()))?
}

/// Writes `2026-11-21 02:02:06`.
pub(crate) fn write_plain(instant: Timestamp) -> String {
    date_and_time(instant, "-", " ", ":")
}

/// Writes `2026-11-21T02:02:06Z`.
pub(crate) fn write_seconds(instant: Timestamp) -> String {
    let mut text = date_and_time(instant, "-", "T", ":");
    text.push('Z');
    text
}

/// Writes `2026-11-21T02:02:06.123Z`.
pub(crate) fn write_millis(instant: Timestamp) -> String {
    let mut text = date_and_time(instant, "-", "T", ":");
    text.push('.');
    push_digits(&mut text, instant.as_millis().rem_euclid(1_000), 3);
    text.push('Z');
    text
}

/// Writes `20261121T020304Z`.
pub(crate) fn write_basic(instant: Timestamp) -> String {
    let mut text = date_and_time(instant, "", "T", "");
    text.push('Z');
    text
}

/// The part that all forms have. Written digit by digit: an answer with times costs twice as much with a pattern that is
/// read each time.
fn date_and_time(instant: Timestamp, in_date: &str, between: &str, in_time: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(instant.as_millis())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let civil = TimeZone::UTC.to_datetime(instant);
    let mut text = String::with_capacity("2026-11-21T02:02:06.123Z".len());
    push_digits(&mut text, civil.year().into(), 4);
    for (separator, number) in [
        (in_date, civil.month()),
        (in_date, civil.day()),
        (between, civil.hour()),
        (in_time, civil.minute()),
        (in_time, civil.second()),
    ] {
        text.push_str(separator);
        push_digits(&mut text, number.into(), 2);
    }
    text
}

/// The last `width` digits of a number that is not negative; zeros for one that is.
fn push_digits(text: &mut String, number: i64, width: u32) {
    let number = u64::try_from(number).unwrap_or_default();
    for place in (0..width).rev() {
        let digit = u8::try_from(number / 10_u64.pow(place) % 10).expect("it is below ten");
        text.push(char::from(b'0' + digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_and_written() {
        let instant = Timestamp::from_millis(1_795_226_526_123);
        assert_eq!(write_millis(instant), "2026-11-21T02:02:06.123Z");
        assert_eq!(write_seconds(instant), "2026-11-21T02:02:06Z");
        assert_eq!(write_basic(instant), "20261121T020206Z");
        assert_eq!(
            read_rfc3339("2026-11-21T02:02:06.123456789Z"),
            Some(instant)
        );
        assert_eq!(
            read_basic("20261121T020206Z"),
            Some(Timestamp::from_seconds(1_795_226_526))
        );
        let first = Timestamp::from_millis(1);
        assert_eq!(write_millis(first), "1970-01-01T00:00:00.001Z");
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T02:02:06+01:00",
            "20261121T020206",
            "2026-13-21T02:02:06Z",
        ] {
            assert_eq!(
                (read_rfc3339(text), read_basic(text)),
                (None, None),
                "{text}"
            );
        }
    }
}
