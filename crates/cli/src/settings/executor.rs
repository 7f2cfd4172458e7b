//! Who carries out the operations of a kind, as the file says it.

use longrun_emulator::{Scenario, ScriptExecutor, ScriptSettings};
use longrun_model::limits::{LEASE_MILLIS_MIN, SPAN_MILLIS_MAX};
use longrun_server::{CommandSettings, ExecutorSettings, HttpSettings, SigningSecret};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What stands behind `executor`: a word, or a table. None if it is left to workers.
#[derive(Debug, Default)]
pub(super) struct Executor(pub(super) Option<ExecutorSettings>);

/// All that can stand in the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    command: Option<Vec<String>>,
    http: Option<String>,
    concurrency: Option<NonZeroU16>,
    lease_ms: Option<u64>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    timeout_ms: Option<NonZeroU64>,
    tries: Option<NonZeroU32>,
    pause_ms: Option<u64>,
    pause_max_ms: Option<u64>,
    ca: Option<PathBuf>,
    script: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for Executor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words).map(Self)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Option<ExecutorSettings>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"pull\", \"script\", { command = [...] }, { http = \"https://...\" } or { script = \"FILE\" }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        match word {
            "pull" => Ok(None),
            "script" => script(ScriptSettings::default())
                .map(Some)
                .map_err(E::custom),
            "command" | "http" => Err(E::custom(format!(
                "`{word}` needs more to be said: write {{ {word} = ... }}"
            ))),
            other => Err(E::custom(format!(
                "there is no executor `{other}`, but \"pull\", \"script\", {{ command = [...] }}, {{ http = \"https://...\" }} and {{ script = \"FILE\" }}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        table.settings().map(Some).map_err(A::Error::custom)
    }
}

impl Table {
    fn settings(self) -> Result<ExecutorSettings, String> {
        if let Some(lease_ms) = self.lease_ms {
            let range = LEASE_MILLIS_MIN.unsigned_abs()..=SPAN_MILLIS_MAX.unsigned_abs();
            if !range.contains(&lease_ms) {
                let (min, max) = range.into_inner();
                return Err(format!("`lease_ms` must lie between {min} and {max}"));
            }
        }
        match (&self.command, &self.http, &self.script) {
            (Some(_), None, None) => self.command(),
            (None, Some(_), None) => self.http(),
            (None, None, Some(_)) => self.script(),
            (None, None, None) => Err("`command`, `http` or `script` is missing".to_owned()),
            (_, _, _) => Err("it is one of `command`, `http` and `script`".to_owned()),
        }
    }

    /// Refuses settings that are for a receiver only.
    fn check_no_receiver(&self, here: &str) -> Result<(), String> {
        let foreign = [
            ("secret", self.secret.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("timeout_ms", self.timeout_ms.is_some()),
            ("tries", self.tries.is_some()),
            ("pause_ms", self.pause_ms.is_some()),
            ("pause_max_ms", self.pause_max_ms.is_some()),
            ("ca", self.ca.is_some()),
        ];
        if let Some((name, _)) = foreign.into_iter().find(|(_, is_there)| *is_there) {
            return Err(format!("`{name}` is for `http`, and here is a `{here}`"));
        }
        Ok(())
    }

    fn script(self) -> Result<ExecutorSettings, String> {
        self.check_no_receiver("script")?;
        let usual = ScriptSettings::default();
        let path = self.script.unwrap_or_default();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        let scenario = Scenario::read(&name, &text).map_err(|error| error.to_string())?;
        script(ScriptSettings {
            scenario,
            concurrency: self
                .concurrency
                .map_or(usual.concurrency, |it| it.get().into()),
            lease: self.lease_ms.map_or(usual.lease, Duration::from_millis),
        })
    }

    fn command(self) -> Result<ExecutorSettings, String> {
        self.check_no_receiver("command")?;
        let usual = CommandSettings::default();
        Ok(ExecutorSettings::Command(CommandSettings {
            command: self.command.unwrap_or_default(),
            concurrency: self
                .concurrency
                .map_or(usual.concurrency, |it| it.get().into()),
            lease: self.lease_ms.map_or(usual.lease, Duration::from_millis),
        }))
    }

    fn http(self) -> Result<ExecutorSettings, String> {
        let usual = HttpSettings::default();
        let secret = match (self.secret, self.secret_file) {
            (Some(secret), None) => secret,
            (None, Some(path)) => std::fs::read_to_string(&path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?,
            (Some(_), Some(_)) => {
                return Err("`secret` and `secret_file` say the same: one is enough".to_owned());
            }
            (None, None) => {
                return Err("`http` needs a `secret` or a `secret_file` to sign with".to_owned());
            }
        };
        let millis = |said: Option<u64>, usual| said.map_or(usual, Duration::from_millis);
        Ok(ExecutorSettings::Http(HttpSettings {
            url: self.http.unwrap_or_default(),
            secret: SigningSecret::new(secret),
            concurrency: self
                .concurrency
                .map_or(usual.concurrency, |it| it.get().into()),
            lease: millis(self.lease_ms, usual.lease),
            timeout: millis(self.timeout_ms.map(NonZeroU64::get), usual.timeout),
            tries_max: self.tries.map_or(usual.tries_max, NonZeroU32::get),
            pause_first: millis(self.pause_ms, usual.pause_first),
            pause_max: millis(self.pause_max_ms, usual.pause_max),
            ca: self.ca,
        }))
    }
}

fn script(settings: ScriptSettings) -> Result<ExecutorSettings, String> {
    let executor = ScriptExecutor::new(settings).map_err(|error| error.to_string())?;
    Ok(ExecutorSettings::Brought(Arc::new(executor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Kind {
        executor: Executor,
    }

    fn read(text: &str) -> Result<Option<ExecutorSettings>, String> {
        toml::from_str(&format!("executor = {text}"))
            .map(|kind: Kind| kind.executor.0)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_executor_is_a_word_or_a_table() {
        assert!(matches!(read("\"pull\""), Ok(None)));
        let Ok(Some(ExecutorSettings::Command(command))) =
            read("{ command = [\"sh\", \"{}\"], concurrency = 4, lease_ms = 2000 }")
        else {
            panic!("it is a command");
        };
        assert_eq!(command.command, ["sh", "{}"]);
        assert_eq!((command.concurrency, command.lease.as_secs()), (4, 2));
        let by_script = read("\"script\"");
        let Ok(Some(ExecutorSettings::Brought(executor))) = by_script else {
            panic!("it is a script: {by_script:?}");
        };
        assert_eq!(executor.name(), "script");
        let Ok(Some(ExecutorSettings::Http(http))) = read(
            "{ http = \"https://h/x\", secret = \"0123456789abcdef\", tries = 3, timeout_ms = 5 }",
        ) else {
            panic!("it is a receiver");
        };
        assert_eq!((http.tries_max, http.timeout.as_millis()), (3, 5));
        assert_eq!((&*http.url, http.concurrency), ("https://h/x", 16));
    }

    #[test]
    fn what_is_wrong_with_an_executor_is_said() {
        for (text, expected) in [
            ("5", "invalid type: integer `5`, expected \"pull\""),
            ("\"shell\"", "there is no executor `shell`"),
            ("\"http\"", "`http` needs more to be said"),
            ("{}", "`command`, `http` or `script` is missing"),
            ("{ command = [\"a\"], http = \"b\" }", "it is one of"),
            ("{ script = \"a\", http = \"b\" }", "it is one of"),
            ("{ script = \"a\", tries = 2 }", "`tries` is for `http`"),
            ("{ script = \"/no/such\" }", "`/no/such` cannot be read"),
            ("{ command = [\"a\"], tries = 2 }", "`tries` is for `http`"),
            ("{ comand = [\"a\"] }", "unknown field `comand`"),
            (
                "{ command = [\"a\"], lease_ms = 1 }",
                "`lease_ms` must lie between",
            ),
            (
                "{ command = [\"a\"], concurrency = 0 }",
                "invalid value: integer `0`",
            ),
            ("{ http = \"https://h\" }", "`http` needs a `secret`"),
            (
                "{ http = \"https://h\", secret_file = \"/no/such\" }",
                "`/no/such` cannot be read",
            ),
            (
                "{ http = \"a\", secret = \"b\", secret_file = \"c\" }",
                "`secret` and `secret_file`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
