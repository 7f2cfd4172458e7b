//! Several statements as one.
//!
//! Each statement has a price of its own, in the database and on the way there, and a commit of few operations pays
//! little else. So what a commit saves is put into one statement with a part for each table. All parts see the database
//! as it was before, and no order is promised among them: only those belong together that touch different rows.

use crate::postgres::session::Step;
use std::fmt::Write as _;

/// One step that does what `steps` do; its rows are those of the last one. None if there are none.
pub(super) fn together(mut steps: Vec<Step>) -> Option<Step> {
    let mut last = steps.pop()?;
    if steps.is_empty() {
        return Some(last);
    }
    let (mut sql, mut values) = (String::new(), Vec::new());
    for (number, step) in steps.into_iter().enumerate() {
        let word = if number == 0 { "WITH" } else { "," };
        let part = shifted(&step.sql, values.len());
        write!(sql, "{word} part{number} AS ({part})").expect("a text takes all");
        values.extend(step.values);
    }
    write!(sql, " {}", shifted(&last.sql, values.len())).expect("a text takes all");
    values.append(&mut last.values);
    Some(Step {
        doing: "save a commit",
        sql: sql.into(),
        values,
    })
}

/// The statement with the numbers of its values raised by `by`.
fn shifted(sql: &str, by: usize) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().expect("our own statements number values");
        write!(text, "${}{rest}", number + by).expect("a text takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::session::Value;

    fn step(sql: &'static str, count: usize) -> Step {
        Step {
            doing: "test",
            sql: sql.into(),
            values: (0..count).map(|_| Box::new(1_i64) as Value).collect(),
        }
    }

    #[test]
    fn values_are_numbered_through() {
        for (steps, expected) in [
            (vec![], None),
            (vec![step("A $1", 1)], Some(("A $1", 1))),
            (
                vec![
                    step("A $1, $2::bigint[]", 2),
                    step("B", 0),
                    step("C $1 $1, $2", 2),
                ],
                Some((
                    "WITH part0 AS (A $1, $2::bigint[]), part1 AS (B) C $3 $3, $4",
                    4,
                )),
            ),
        ] {
            let made = together(steps);
            let made = made.as_ref().map(|one| (&*one.sql, one.values.len()));
            assert_eq!(made, expected);
        }
    }

    /// Ten values and more: the first digit alone is no number.
    #[test]
    fn numbers_may_have_two_digits() {
        assert_eq!(shifted("$1 $9 $12", 9), "$10 $18 $21");
    }
}
