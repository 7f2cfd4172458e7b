//! The older signature, which stands among the parameters of a query or a form, as everything else does.

use super::super::signed::{Parameters, encoded, escaped, tencent, tencent_common};
use super::super::wire::{self, Message};
use super::super::{Case, case, now};
use super::{
    INVALID, JSON, MISSING, NO_KEY, NOT_AUTHORIZED, OTHER_SIGNATURE, OTHER_TIME, PATH, Product,
    UNREADABLE,
};

impl Product {
    /// The common parameters of the older signature.
    fn common(&self) -> Parameters {
        let mut parameters = tencent_common(self.action);
        parameters.push(("TaskId", self.task_id.clone()));
        parameters.push(("Version", self.version.to_owned()));
        parameters
    }

    /// The same with another value for one, or without it.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> Parameters {
        let mut parameters = self.common();
        parameters.retain(|(found, _)| *found != name || value.is_some());
        for (found, old) in &mut parameters {
            if let Some(value) = value.filter(|_| *found == name) {
                value.clone_into(old);
            }
        }
        parameters
    }

    pub(super) fn get(&self, query: &str) -> Message {
        Message::new("GET", &format!("{PATH}?{query}"), &self.host)
    }

    pub(super) fn post(&self) -> Message {
        Message::new("POST", PATH, &self.host)
    }

    /// A GET with the older signature over these parameters.
    pub(super) fn older_get(&self, parameters: &Parameters) -> Message {
        self.get(&tencent("GET", &self.host, PATH, parameters))
    }

    /// The arguments of the older signature.
    pub(super) fn parameters(&self) -> Vec<Case> {
        let form = || tencent("POST", &self.host, PATH, &self.common());
        let mut twice = self.common();
        twice.push(("TaskId", self.other_id()));
        let typed = |content_type: &str| self.post().header("Content-Type", content_type);
        let mut cases: Vec<_> = ["abc", "0", "-1", "1.5", " 1", "18446744073709551616"]
            .into_iter()
            .map(|id| {
                let message = self.older_get(&self.with("TaskId", Some(id)));
                case(format!("TaskId={id}"), message, INVALID)
            })
            .collect();
        let without = self.older_get(&self.with("TaskId", None));
        cases.extend([
            case("a query", self.older_get(&self.common()), self.good),
            case("a form", self.post().form(&form()), self.good),
            case("no TaskId", without, MISSING),
            case("TaskId twice", self.older_get(&twice), INVALID),
            case(
                "a form as JSON",
                typed(JSON).body(form().as_bytes()),
                UNREADABLE,
            ),
            case(
                "a form that ends early",
                typed(wire::FORM).truncated(form().as_bytes()),
                UNREADABLE,
            ),
        ]);
        cases
    }

    pub(super) fn older_credentials(&self) -> Vec<Case> {
        let hour = |sign: i64| (now().as_seconds() + sign * 3_600).to_string();
        let copied = self.older_get(&self.common()).altered(
            &format!("TaskId={}", self.task_id),
            &format!("TaskId={}", self.other_id()),
        );
        let forged = format!("{}&Signature={}", encoded(&self.common()), escaped("!"));
        let mut cases = vec![
            case("unsigned", self.get(&encoded(&self.common())), MISSING),
            case(
                "a signature that is no base64",
                self.get(&forged),
                NOT_AUTHORIZED,
            ),
            case("a copied older signature", copied, OTHER_SIGNATURE),
        ];
        for (name, value, expected) in [
            ("SecretId", Some("AKIDNOBODY"), NO_KEY),
            ("SecretId", None, MISSING),
            ("Timestamp", Some(&*hour(-1)), OTHER_TIME),
            ("Timestamp", Some(&*hour(1)), OTHER_TIME),
            ("Timestamp", Some("soon"), UNREADABLE),
            ("Timestamp", None, MISSING),
            ("Nonce", None, MISSING),
        ] {
            let message = self.older_get(&self.with(name, value));
            cases.push(case(format!("{name}: {value:?}"), message, expected));
        }
        cases
    }

    pub(super) fn encodings(&self) -> Vec<Case> {
        let start = format!("Action={}&Version={}&TaskId=", self.action, self.version);
        ["%", "%4", "%zz", "%ff"]
            .into_iter()
            .map(|id| {
                let message = self.get(&format!("{start}{id}"));
                case(format!("TaskId={id}, unsigned"), message, UNREADABLE)
            })
            .collect()
    }
}
