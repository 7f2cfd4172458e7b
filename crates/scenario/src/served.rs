//! What a scenario can say where there is no emulator: in a server whose operations it carries out, and whose polls it
//! has no hand in.

use crate::file::{Clock, Rule, Scenario, Script};

impl Scenario {
    /// The name of something in it that only an emulator can do, if there is any.
    pub fn emulated_only(&self) -> Option<&'static str> {
        let Self {
            title: _,
            seed: _,
            first_task_id,
            clock,
            keys,
            operations,
            shelves,
            rules,
            faults,
        } = self;
        let own = [
            ("first_task_id", first_task_id.is_some()),
            ("clock", *clock != Clock::default()),
            ("key", !keys.is_empty()),
            ("operation", !operations.is_empty()),
            ("shelf", !shelves.is_empty()),
            ("fault", !faults.is_empty()),
        ];
        let scripts = rules.iter().map(|Rule { script, .. }| script);
        named(own).or_else(|| scripts.into_iter().find_map(Script::emulated_only))
    }
}

impl Script {
    fn emulated_only(&self) -> Option<&'static str> {
        let progress = &self.progress;
        let at_poll = |it: &Option<u64>| it.is_some();
        named([
            ("starts_at_poll", at_poll(&self.starts_at_poll)),
            ("ends_at_poll", at_poll(&self.ends_at_poll)),
            (
                "ends_at_poll",
                self.resources.iter().any(|one| at_poll(&one.ends_at_poll)),
            ),
            ("at_poll", progress.iter().any(|one| at_poll(&one.at_poll))),
            (
                "output` of a `progress",
                progress.iter().any(|one| one.output.is_some()),
            ),
            ("by_worker", self.by_worker),
            ("answer", !self.answers.is_empty()),
            ("fault", !self.faults.is_empty()),
        ])
    }
}

fn named<const N: usize>(settings: [(&'static str, bool); N]) -> Option<&'static str> {
    let mut said = settings.into_iter().filter(|(_, is_said)| *is_said);
    said.next().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_an_emulator_is_named() {
        let rule = |script: &str| format!("[[rule]]\n[rule.script]\n{script}");
        for (text, expected) in [
            (String::new(), None),
            ("seed = 7\ntitle = 'x'".to_owned(), None),
            (
                rule("queued = '1s'\nruns = ['1s', '2s']\nend = 'failed'"),
                None,
            ),
            (rule("progress = [{ after = '1s', percent = 5 }]"), None),
            ("clock = { frozen = true }".to_owned(), Some("clock")),
            ("first_task_id = 9".to_owned(), Some("first_task_id")),
            ("[[operation]]\nkind = 'a'".to_owned(), Some("operation")),
            (rule("ends_at_poll = 2"), Some("ends_at_poll")),
            (rule("by_worker = true"), Some("by_worker")),
            (
                rule("progress = [{ at_poll = 1, percent = 5 }]"),
                Some("at_poll"),
            ),
            (
                rule("[[rule.script.resource]]\nends_at_poll = 2"),
                Some("ends_at_poll"),
            ),
            (
                rule("progress = [{ after = '1s', output = 5 }]"),
                Some("output` of a `progress"),
            ),
        ] {
            let scenario = Scenario::read("test", &text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.emulated_only(), expected, "{text}");
        }
    }
}
