//! Reading scenarios, and saying where one is wrong.

use crate::file::{Fault, Rule, Scenario, Script, Shelf, Submitted};
use crate::words::Lasting;
use jiff::Timestamp;
use longrun_model::{OperationKey, limits};
use std::fmt;
use toml::de::{DeTable, DeValue};

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The file.
    pub file: String,
    /// The line, counted from 1, if it is about one.
    pub line: Option<usize>,
    /// The key, as a path, for example `rule[0].script.runs`; empty if it is about none.
    pub key: String,
    /// What is wrong.
    pub what: String,
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(formatter, ": `{}`", self.key)?;
        }
        write!(formatter, ": {}", self.what)
    }
}

/// Something that can be read and still makes no sense: the key that it is about, and what is wrong.
type Nonsense = (String, String);

impl Scenario {
    /// Reads the text of a file.
    pub fn read(file: &str, text: &str) -> Result<Self, ReadError> {
        let wrong = |line, key, what| ReadError {
            file: file.to_owned(),
            line,
            key,
            what,
        };
        let at = |error: &toml::de::Error| error.span().map(|span| line_at(text, span.start));
        let deserializer = toml::Deserializer::parse(text)
            .map_err(|error| wrong(at(&error), String::new(), error.message().to_owned()))?;
        let scenario: Self = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = match error.path().to_string() {
                root if root == "." => String::new(),
                path => path,
            };
            let inner = error.into_inner();
            wrong(at(&inner), path, inner.message().to_owned())
        })?;
        match scenario.check() {
            Ok(()) => Ok(scenario),
            Err((key, what)) => Err(wrong(line_of(text, &key), key, what)),
        }
    }

    /// The same as the text of a file.
    pub fn write(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Puts another scenario behind this one: its rules are asked later, and what both set is as the later one says.
    pub fn append(&mut self, later: Self) {
        let Self {
            title,
            seed,
            first_task_id,
            clock,
            keys,
            operations,
            shelves,
            rules,
            faults,
        } = later;
        self.title = title.or(self.title.take());
        self.seed = seed.or(self.seed);
        self.first_task_id = first_task_id.or(self.first_task_id);
        self.clock.now = clock.now.or(self.clock.now.take());
        self.clock.frozen |= clock.frozen;
        self.keys.extend(keys);
        self.operations.extend(operations);
        self.shelves.extend(shelves);
        self.rules.extend(rules);
        self.faults.extend(faults);
    }

    /// Whether it makes sense.
    fn check(&self) -> Result<(), Nonsense> {
        if let Some(now) = &self.clock.now
            && now.parse::<Timestamp>().is_err()
        {
            return nonsense(
                "clock.now",
                "write an instant such as 2015-09-17T03:05:38.756Z",
            );
        }
        if let Some(number) = self.first_task_id {
            check_number("first_task_id", number)?;
        }
        for (index, key) in self.keys.iter().enumerate() {
            let path = format!("key[{index}]");
            check_there(&format!("{path}.id"), &key.id)?;
            check_there(&format!("{path}.secret"), &key.secret)?;
        }
        for (index, operation) in self.operations.iter().enumerate() {
            check_operation(&format!("operation[{index}]"), operation)?;
        }
        for (index, shelf) in self.shelves.iter().enumerate() {
            check_shelf(&format!("shelf[{index}]"), shelf)?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let Rule {
                name: _,
                matches: _,
                script,
            } = rule;
            check_script(&format!("rule[{index}].script"), script)?;
        }
        check_faults("fault", &self.faults)
    }
}

fn nonsense(key: &str, what: &str) -> Result<(), Nonsense> {
    Err((key.to_owned(), what.to_owned()))
}

fn check_there(key: &str, text: &str) -> Result<(), Nonsense> {
    if text.is_empty() {
        return nonsense(key, "it is missing or empty");
    }
    Ok(())
}

fn check_number(key: &str, number: u64) -> Result<(), Nonsense> {
    match OperationKey::new(number) {
        Some(_) => Ok(()),
        None => nonsense(key, "a task id lies between 1 and 2^53 - 1"),
    }
}

fn check_share(key: &str, share: Option<f64>) -> Result<(), Nonsense> {
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return nonsense(key, "a probability lies between 0 and 1");
    }
    Ok(())
}

fn check_polls(key: &str, number: Option<u64>) -> Result<(), Nonsense> {
    if number == Some(0) {
        return nonsense(key, "polls are counted from 1");
    }
    Ok(())
}

fn check_operation(path: &str, operation: &Submitted) -> Result<(), Nonsense> {
    check_there(&format!("{path}.kind"), &operation.kind)?;
    if let Some(number) = operation.task_id {
        check_number(&format!("{path}.task_id"), number)?;
    }
    match &operation.script {
        Some(script) => check_script(&format!("{path}.script"), script),
        None => Ok(()),
    }
}

fn check_shelf(path: &str, shelf: &Shelf) -> Result<(), Nonsense> {
    let Some(keeper) = longrun_dialects::keeper(&shelf.dialect) else {
        return nonsense(
            &format!("{path}.dialect"),
            "accounts keep nothing in a dialect of this name",
        );
    };
    let path = format!("{path}.things");
    keeper
        .check_things(&shelf.things)
        .or_else(|what| nonsense(&path, &what))
}

fn check_script(path: &str, script: &Script) -> Result<(), Nonsense> {
    for (name, lasting) in [
        ("queued", script.queued),
        ("runs", script.runs),
        ("cancel", script.cancel),
    ] {
        check_lasting(&format!("{path}.{name}"), lasting)?;
    }
    check_polls(&format!("{path}.starts_at_poll"), script.starts_at_poll)?;
    check_polls(&format!("{path}.ends_at_poll"), script.ends_at_poll)?;
    for (index, progress) in script.progress.iter().enumerate() {
        let path = format!("{path}.progress[{index}]");
        if progress.after.is_some() == progress.at_poll.is_some() {
            return nonsense(&path, "say when: either `after` or `at_poll`");
        }
        check_polls(&format!("{path}.at_poll"), progress.at_poll)?;
        if progress.percent.is_some_and(|percent| percent > 100) {
            return nonsense(&format!("{path}.percent"), "it lies between 0 and 100");
        }
    }
    for (index, resource) in script.resources.iter().enumerate() {
        let path = format!("{path}.resource[{index}]");
        check_lasting(&format!("{path}.runs"), resource.runs)?;
        check_share(&format!("{path}.chance"), resource.chance)?;
        check_polls(&format!("{path}.ends_at_poll"), resource.ends_at_poll)?;
    }
    check_faults(&format!("{path}.fault"), &script.faults)
}

fn check_lasting(key: &str, lasting: Option<Lasting>) -> Result<(), Nonsense> {
    let longest = match lasting {
        Some(Lasting::Fixed(span) | Lasting::Range(_, span)) => span.0,
        Some(Lasting::Forever) | None => 0,
    };
    if longest > limits::SPAN_MILLIS_MAX {
        return nonsense(
            key,
            "ten years is the longest; what has no end lasts \"forever\"",
        );
    }
    Ok(())
}

fn check_faults(path: &str, faults: &[Fault]) -> Result<(), Nonsense> {
    for (index, fault) in faults.iter().enumerate() {
        let path = format!("{path}[{index}]");
        check_share(&format!("{path}.chance"), fault.chance)?;
        if fault
            .status
            .is_some_and(|status| !(200..=599).contains(&status))
        {
            return nonsense(
                &format!("{path}.status"),
                "a status lies between 200 and 599",
            );
        }
    }
    Ok(())
}

/// The line of a place in a text, counted from 1.
fn line_at(text: &str, place: usize) -> usize {
    1 + text.get(..place).unwrap_or(text).matches('\n').count()
}

/// The line where the value of a key stands, or that of the nearest table around it.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut steps = key.split(['.', '[']);
    let mut here = root.get_ref().get(steps.next()?)?;
    for step in steps {
        let next = match (here.get_ref(), step.strip_suffix(']')) {
            (DeValue::Array(list), Some(index)) => list.get(index.parse::<usize>().ok()?),
            (DeValue::Table(table), None) => table.get(step),
            _ => None,
        };
        let Some(next) = next else {
            break;
        };
        here = next;
    }
    Some(line_at(text, here.span().start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_the_line_and_the_key() {
        for (text, expected) in [
            ("x = 1", "a.toml:1: `x`: unknown field `x`"),
            (
                "[[rule]]\n\n[rule.script]\nruns = 'soon'",
                "a.toml:4: `rule[0].script.runs`: `soon` is no span",
            ),
            (
                "[[rule]]\n[rule.script]\nruns = ['2s', '1s']",
                "a.toml:3: `rule[0].script.runs`: a range is two spans",
            ),
            (
                "[[rule]]\n[rule.script]\nend = 'well'",
                "a.toml:3: `rule[0].script.end`: unknown variant `well`",
            ),
            (
                "[[rule]]\n[rule.match]\nkinds = 'a'",
                "a.toml:3: `rule[0].match.kinds`: unknown field `kinds`",
            ),
            (
                "[[rule]]\n[rule.match]\nnth = 0",
                "a.toml:3: `rule[0].match.nth`: `0` is no set of numbers",
            ),
            ("[[rule", "a.toml:1: "),
            (
                "[clock]\nnow = 'noon'",
                "a.toml:2: `clock.now`: write an instant",
            ),
            (
                "first_task_id = 0",
                "a.toml:1: `first_task_id`: a task id lies",
            ),
            (
                "[[operation]]\ntask_id = 1",
                "a.toml:1: `operation[0].kind`: it is missing",
            ),
            (
                "[[fault]]\nanswer = 'slow'\nchance = 2",
                "a.toml:3: `fault[0].chance`: a probability",
            ),
            (
                "[[rule]]\n[[rule.script.progress]]\npercent = 5",
                "a.toml:2: `rule[0].script.progress[0]`: say when",
            ),
            (
                "[[shelf]]\ndialect = 'tencent-bm'",
                "a.toml:2: `shelf[0].dialect`: accounts keep nothing",
            ),
            (
                "[[shelf]]\ndialect = 'tencent-vpc'\n[shelf.things]\ntemplates = 5",
                "a.toml:3: `shelf[0].things`: ",
            ),
            (
                "[[key]]\nid = 'a'",
                "a.toml:1: `key[0].secret`: it is missing",
            ),
        ] {
            let error = Scenario::read("a.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}\n{error}");
        }
    }

    #[test]
    fn a_scenario_can_be_written_and_read_again() {
        let text = r#"
            seed = 3
            clock = { now = "2015-09-17T03:05:38.756Z", frozen = true }
            [[operation]]
            kind = "deleteELB"
            task_id = 7
            resources = ["a", "b"]
            [operation.script]
            runs = ["1s", "1h30m"]
            [[rule]]
            match = { kind = ["a*", "b"], nth = "2-", parameter = { port = 80 } }
            [rule.script]
            runs = "forever"
            output = { total = 4, detail = [{ id = "sg-1" }] }
            [[rule.script.answer]]
            polls = [1, 3]
            status = "queued"
            resource = [{ id = "a", status = "failed" }]
            [[fault]]
            answer = "throttled"
            chance = 0.5
        "#;
        let scenario = Scenario::read("a.toml", text).unwrap();
        let written = scenario.write().unwrap();
        assert_eq!(
            Scenario::read("b.toml", &written).unwrap(),
            scenario,
            "{written}"
        );
    }

    #[test]
    fn a_later_scenario_stands_behind_and_sets_what_both_set() {
        let read = |text| Scenario::read("a.toml", text).unwrap();
        let mut first = read("seed = 1\ntitle = 'a'\n[[rule]]\nname = 'a'");
        first.append(read(
            "seed = 2\n[clock]\nfrozen = true\n[[rule]]\nname = 'b'",
        ));
        assert_eq!(
            (first.seed, first.title.as_deref(), first.clock.frozen),
            (Some(2), Some("a"), true)
        );
        let names: Vec<_> = first
            .rules
            .iter()
            .map(|rule| rule.name.as_deref())
            .collect();
        assert_eq!(names, [Some("a"), Some("b")]);
    }
}
