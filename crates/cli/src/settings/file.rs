//! The file `longrun.toml`.

use super::Layer;
use super::executor::Executor;
use super::upstream::Table;
use crate::usage::UsageError;
use longrun_dialects::Action;
use longrun_model::{Busy, Exclusive, MixedEnd, Retry, RetryScope, StuckRule, limits};
use longrun_server::{KindSettings, Quota, Share, StoreUrl};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    #[serde(deserialize_with = "listen")]
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "store")]
    store: Option<StoreUrl>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    #[serde(rename = "master_key_file")]
    master_key: Option<PathBuf>,
    dev: Option<bool>,
    log_json: Option<bool>,
    host_aliases: Option<Vec<String>>,
    pub(super) kind: HashMap<String, Kind>,
    pub(super) account: HashMap<String, AccountShare>,
    pub(super) key: HashMap<String, KeyRate>,
    pub(super) stuck: Stuck,
    pub(super) action: Vec<Action>,
    pub(super) identity: Identity,
    pub(super) gateway: Gateway,
    pub(super) upstream: BTreeMap<String, Table>,
}

/// What can be said of the identity service.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Identity {
    #[serde(deserialize_with = "span::<_, 0>")]
    pub(super) token_ms: Option<i64>,
}

/// What can be said of the gateway as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Gateway {
    #[serde(deserialize_with = "span::<_, 1_000>")]
    pub(super) takeover_ms: Option<i64>,
}

/// What can be said of an account.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccountShare {
    weight: Option<NonZeroU32>,
    running_max: Option<u32>,
}

impl From<AccountShare> for Share {
    fn from(share: AccountShare) -> Self {
        Self {
            weight: share.weight.map_or(1, NonZeroU32::get),
            running_max: share.running_max,
        }
    }
}

/// How often a key may call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRate {
    calls_max: NonZeroU32,
    #[serde(default = "second")]
    per_ms: NonZeroU32,
}

fn second() -> NonZeroU32 {
    const SECOND: NonZeroU32 = NonZeroU32::new(1_000).expect("a second is not nothing");
    SECOND
}

impl From<KeyRate> for Quota {
    fn from(rate: KeyRate) -> Self {
        Self {
            calls: rate.calls_max,
            per_millis: rate.per_ms,
        }
    }
}

/// From when on an operation counts as stuck.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stuck {
    #[serde(deserialize_with = "span::<_, 0>")]
    queued_ms: Option<i64>,
    #[serde(deserialize_with = "span::<_, 0>")]
    silent_ms: Option<i64>,
    attempts: Option<u32>,
}

impl From<Stuck> for StuckRule {
    fn from(stuck: Stuck) -> Self {
        let usual = Self::default();
        Self {
            queued_millis: stuck.queued_ms.unwrap_or(usual.queued_millis),
            silent_millis: stuck.silent_ms.unwrap_or(usual.silent_millis),
            attempts: stuck.attempts.unwrap_or(usual.attempts),
        }
    }
}

/// What can be said of a kind of operation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kind {
    mixed_end: Ending,
    #[serde(deserialize_with = "span::<_, 0>")]
    retention_ms: Option<i64>,
    #[serde(deserialize_with = "span::<_, 1>")]
    deadline_ms: Option<i64>,
    running_max: Option<u32>,
    retry: Option<Retries>,
    pub(super) executor: Executor,
    one_per_resource: Option<OnePerResource>,
    one_per_resource_among: Box<str>,
}

/// What becomes of an operation while another one works on one of its resources.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnePerResource {
    Queue,
    Refuse,
}

/// When failed work is tried again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retries {
    #[serde(deserialize_with = "attempts")]
    attempts: u32,
    #[serde(default = "usual_pause", deserialize_with = "millis")]
    pause_ms: i64,
    #[serde(default = "usual_pause_max", deserialize_with = "millis")]
    pause_max_ms: i64,
    #[serde(default)]
    codes: Vec<Box<str>>,
    #[serde(default)]
    scope: Scope,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    #[default]
    Failed,
    All,
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
            master_key_file: self.master_key.clone(),
            dev: self.dev,
            log_json: self.log_json,
            host_aliases: self.host_aliases.clone(),
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
            running_max: kind.running_max,
            retry: kind.retry.map(|retry| Arc::new(retry.into())),
            exclusive: kind.one_per_resource.map(|one| {
                Arc::new(Exclusive {
                    group: kind.one_per_resource_among,
                    busy: match one {
                        OnePerResource::Queue => Busy::Queue,
                        OnePerResource::Refuse => Busy::Refuse,
                    },
                })
            }),
        }
    }
}

impl From<Retries> for Retry {
    fn from(retries: Retries) -> Self {
        Self {
            attempts_max: retries.attempts,
            pause_first_millis: retries.pause_ms,
            pause_max_millis: retries.pause_max_ms,
            codes: retries.codes,
            scope: match retries.scope {
                Scope::Failed => RetryScope::Failed,
                Scope::All => RetryScope::All,
            },
        }
    }
}

const fn usual_pause() -> i64 {
    1_000
}

const fn usual_pause_max() -> i64 {
    300_000
}

fn attempts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom("there is at least one attempt");
    Some(number).filter(|number| *number > 0).ok_or_else(wrong)
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    millis_from(0, deserializer)
}

/// A span of time that lasts at least so many milliseconds.
fn span<'de, D: Deserializer<'de>, const LEAST: i64>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    millis_from(LEAST, deserializer).map(Some)
}

fn millis_from<'de, D: Deserializer<'de>>(least: i64, deserializer: D) -> Result<i64, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let wrong = || {
        let max = limits::SPAN_MILLIS_MAX;
        serde::de::Error::custom(format!("it must lie between {least} and {max}"))
    };
    let range = least..=limits::SPAN_MILLIS_MAX;
    Some(number)
        .filter(|number| range.contains(number))
        .ok_or_else(wrong)
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

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    super::place_to_listen(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
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
            retry = { attempts = 3, pause_ms = 10, codes = ["Busy"], scope = "all" }

            [stuck]
            queued_ms = 7

            [account.acme]
            weight = 3
            running_max = 9

            [[action]]
            dialect = "tencent-bm"
            name = "PolishDevice"
            resources = [{ from = "instanceIds.N", type = "machine" }]
            parameters.instanceIds = { type = "texts", required = true, max = 5 }

            [kind."two words"]
            deadline_ms = 2000
            running_max = 4
            "#,
        );
        let file = file.unwrap();
        assert_eq!(file.layer().listen, Some("0.0.0.0:80".parse().unwrap()));
        assert_eq!(
            file.host_aliases.as_deref(),
            Some(&["bm.api.qcloud.com".to_owned()][..])
        );
        let stuck = StuckRule {
            queued_millis: 7,
            ..StuckRule::default()
        };
        assert_eq!(StuckRule::from(file.stuck), stuck);
        let expected = Share {
            weight: 3,
            running_max: Some(9),
        };
        let acme = file.account.into_iter().next();
        assert_eq!(
            acme.map(|(name, share)| (name, share.into())),
            Some(("acme".to_owned(), expected))
        );
        let [action] = file.action.as_slice() else {
            panic!("there is one action");
        };
        assert_eq!(action.kind.as_str(), "tencent-bm.PolishDevice");
        let kinds: HashMap<String, KindSettings> = file
            .kind
            .into_iter()
            .map(|(name, kind)| (name, kind.into()))
            .collect();
        assert_eq!(kinds["reboot"].mixed_end, MixedEnd::Succeeded);
        assert_eq!(kinds["reboot"].retention_ms, Some(1000));
        let retry = kinds["reboot"].retry.as_deref().unwrap();
        let expected = Retry {
            attempts_max: 3,
            pause_first_millis: 10,
            pause_max_millis: 300_000,
            codes: vec!["Busy".into()],
            scope: RetryScope::All,
        };
        assert_eq!(*retry, expected);
        assert_eq!(kinds["two words"].mixed_end, MixedEnd::Failed);
        assert_eq!(kinds["two words"].deadline_ms, Some(2000));
        assert_eq!(kinds["two words"].running_max, Some(4));
    }

    #[test]
    fn keys_have_a_rate_by_the_second_unless_the_file_says_otherwise() {
        let text = "[key.a]\ncalls_max = 7\n[key.'*']\ncalls_max = 9\nper_ms = 50";
        let keys = parse("x.toml", text).unwrap().key;
        let mut rates: Vec<_> = keys
            .into_iter()
            .map(|(id, rate)| (id, Quota::from(rate)))
            .map(|(id, quota)| (id, quota.calls.get(), quota.per_millis.get()))
            .collect();
        rates.sort_unstable();
        assert_eq!(rates, [("*".to_owned(), 9, 50), ("a".to_owned(), 7, 1_000)]);
    }

    #[test]
    fn kinds_say_whether_they_share_their_resources() {
        let among = "one_per_resource_among = 'machines'";
        for (text, expected) in [
            (String::new(), None),
            (among.to_owned(), None),
            (
                "one_per_resource = 'queue'".to_owned(),
                Some(("", Busy::Queue)),
            ),
            (
                format!("one_per_resource = 'refuse'\n{among}"),
                Some(("machines", Busy::Refuse)),
            ),
        ] {
            let file = parse("x.toml", &format!("[kind.a]\n{text}")).unwrap();
            let (_, kind) = file.kind.into_iter().next().unwrap();
            let exclusive = KindSettings::from(kind).exclusive;
            let found = exclusive.as_deref().map(|one| (&*one.group, one.busy));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file_its_line_and_its_key() {
        for (text, place) in [
            ("listen = 5", "x.toml, line 1, `listen`: "),
            (
                "\nlisten = 'localhost:80'",
                "x.toml, line 2, `listen`: write an address and a port",
            ),
            ("store = 'postgres:h'", "x.toml, line 1, `store`: "),
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
            (
                "[kind.a]\nretry = { attempts = 0 }",
                "x.toml, line 2, `retry`: there is at least one attempt",
            ),
            (
                "[kind.a]\nretry = { attempts = 1, pause_ms = -1 }",
                "x.toml, line 2, `retry`: it must lie between",
            ),
            (
                "[[action]]\ndialect = 'tencent-bm'\nname = 'A'\ncolour = 'red'",
                "x.toml, line 4, `colour`: unknown field",
            ),
            (
                "\n[[action]]\ndialect = 'azure'\nname = 'A'",
                "x.toml, line 2, `[[action]]`: there is no dialect `azure`",
            ),
            (
                "[kind.a]\none_per_resource = 'wait'",
                "x.toml, line 2, `one_per_resource`: unknown variant",
            ),
            (
                "[key.a]\ncalls_max = 0",
                "x.toml, line 2, `calls_max`: invalid value",
            ),
            (
                "[kind.a]\nretention_ms = -1",
                "x.toml, line 2, `retention_ms`: it must lie between 0 and",
            ),
            (
                "[kind.a]\ndeadline_ms = 0",
                "x.toml, line 2, `deadline_ms`: it must lie between 1 and",
            ),
            (
                "[stuck]\nsilent_ms = -1",
                "x.toml, line 2, `silent_ms`: it must lie between 0 and",
            ),
            (
                "[identity]\ntoken_ms = -1",
                "x.toml, line 2, `token_ms`: it must lie between 0 and",
            ),
            (
                "[gateway]\ntakeover_ms = 999",
                "x.toml, line 2, `takeover_ms`: it must lie between 1000 and",
            ),
            ("listen = ", "x.toml, line 1, `listen`: "),
        ] {
            let error = parse("x.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }
}
