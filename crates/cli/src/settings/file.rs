//! The file `longrun.toml`.

use super::Layer;
use crate::exit::UsageError;
use longrun_model::MixedEnd;
use longrun_server::{KindSettings, StoreUrl};
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What can stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "store")]
    store: Option<StoreUrl>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    pub(super) host_aliases: Vec<String>,
    pub(super) kind: HashMap<String, Kind>,
}

/// What can be said of a kind of operation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kind {
    mixed_end: Ending,
    retention_ms: Option<i64>,
    deadline_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ending {
    #[default]
    Failed,
    Succeeded,
}

impl File {
    /// What can be said elsewhere too.
    pub(super) fn layer(&self) -> Layer {
        Layer {
            listen: self.listen,
            store: self.store.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
        }
    }
}

impl From<Kind> for KindSettings {
    fn from(kind: Kind) -> Self {
        Self {
            mixed_end: match kind.mixed_end {
                Ending::Failed => MixedEnd::Failed,
                Ending::Succeeded => MixedEnd::Succeeded,
            },
            retention_ms: kind.retention_ms,
            deadline_ms: kind.deadline_ms,
        }
    }
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<File, UsageError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| UsageError(format!("`{name}` cannot be read: {error}")))?;
    parse(&name, &text)
}

/// Reads its text. What is wrong is told with the file, the line and what stands there.
pub(super) fn parse(name: &str, text: &str) -> Result<File, UsageError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default();
        let key = line.split('=').next().unwrap_or_default().trim();
        UsageError(format!(
            "{name}, line {number}, `{key}`: {}",
            error.message().trim()
        ))
    })
}

fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StoreUrl>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_read() {
        let file = parse(
            "longrun.toml",
            r#"
            listen = "0.0.0.0:80"
            store = "sqlite:/var/lib/longrun.db"
            tls_cert = "c.pem"
            tls_key = "k.pem"
            host_aliases = ["bm.api.qcloud.com"]

            [kind.reboot]
            mixed_end = "succeeded"
            retention_ms = 1000

            [kind."two words"]
            deadline_ms = 2000
            "#,
        );
        let file = file.unwrap();
        assert_eq!(file.layer().listen, Some("0.0.0.0:80".parse().unwrap()));
        assert_eq!(file.host_aliases, ["bm.api.qcloud.com"]);
        let kinds: HashMap<String, KindSettings> = file
            .kind
            .into_iter()
            .map(|(name, kind)| (name, kind.into()))
            .collect();
        assert_eq!(kinds["reboot"].mixed_end, MixedEnd::Succeeded);
        assert_eq!(kinds["reboot"].retention_ms, Some(1000));
        assert_eq!(kinds["two words"].mixed_end, MixedEnd::Failed);
        assert_eq!(kinds["two words"].deadline_ms, Some(2000));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file_its_line_and_its_key() {
        for (text, place) in [
            ("listen = 5", "x.toml, line 1, `listen`: "),
            ("\nlisten = 'here'", "x.toml, line 2, `listen`: "),
            ("store = 'postgres://h/d'", "x.toml, line 1, `store`: "),
            (
                "\n\nlisen = '127.0.0.1:1'",
                "x.toml, line 3, `lisen`: unknown field",
            ),
            (
                "[kind.a]\nmixed_end = 'partial'",
                "x.toml, line 2, `mixed_end`: unknown variant",
            ),
            (
                "[kind.a]\nretention = 5",
                "x.toml, line 2, `retention`: unknown field",
            ),
            ("listen = ", "x.toml, line 1, `listen`: "),
        ] {
            let error = parse("x.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }
}
