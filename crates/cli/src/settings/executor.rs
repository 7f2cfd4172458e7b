//! Who carries out the operations of a kind, as the file says it.

use longrun_model::limits::{LEASE_MILLIS_MIN, SPAN_MILLIS_MAX};
use longrun_server::{CommandSettings, ExecutorSettings, HttpSettings, SigningSecret};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

/// What stands behind `executor`: a word, or a table.
#[derive(Debug, Default)]
pub(super) struct Executor(pub(super) ExecutorSettings);

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
}

impl<'de> Deserialize<'de> for Executor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words).map(Self)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = ExecutorSettings;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"pull\", { command = [...] } or { http = \"https://...\" }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<ExecutorSettings, E> {
        match word {
            "pull" => Ok(ExecutorSettings::Pull),
            "command" | "http" => Err(E::custom(format!(
                "`{word}` needs more to be said: write {{ {word} = ... }}"
            ))),
            other => Err(E::custom(format!(
                "there is no executor `{other}`, but \"pull\", {{ command = [...] }} and {{ http = \"https://...\" }}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExecutorSettings, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        table.settings().map_err(A::Error::custom)
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
        match (&self.command, &self.http) {
            (Some(_), None) => self.command(),
            (None, Some(_)) => self.http(),
            (Some(_), Some(_)) => Err("it is either `command` or `http`".to_owned()),
            (None, None) => Err("`command` or `http` is missing".to_owned()),
        }
    }

    fn command(self) -> Result<ExecutorSettings, String> {
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
            return Err(format!("`{name}` is for `http`, and here is a `command`"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Kind {
        executor: Executor,
    }

    fn read(text: &str) -> Result<ExecutorSettings, String> {
        toml::from_str(&format!("executor = {text}"))
            .map(|kind: Kind| kind.executor.0)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_executor_is_a_word_or_a_table() {
        assert!(matches!(read("\"pull\""), Ok(ExecutorSettings::Pull)));
        let Ok(ExecutorSettings::Command(command)) =
            read("{ command = [\"sh\", \"{}\"], concurrency = 4, lease_ms = 2000 }")
        else {
            panic!("it is a command");
        };
        assert_eq!(command.command, ["sh", "{}"]);
        assert_eq!((command.concurrency, command.lease.as_secs()), (4, 2));
        let Ok(ExecutorSettings::Http(http)) = read(
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
            ("{}", "`command` or `http` is missing"),
            ("{ command = [\"a\"], http = \"b\" }", "it is either"),
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
