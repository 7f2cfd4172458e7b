//! What an emulator is started with, and what a scenario comes to.

use crate::EmulatorError;
use crate::clock::TestClock;
use crate::recorder::Recorder;
use crate::stage::{Prepared, Stage};
use longrun_dialects::Options;
use longrun_model::{Idempotency, Json, NewResource, OperationKey, Submission, Timestamp};
use longrun_scenario::file::{Key, Shelf, Submitted};
use longrun_scenario::{Play, Scenario};
use longrun_server::{
    DEV_ACCOUNT, DEV_PROJECT, Dev, KeyWish, KindSettings, MasterKey, Settings, ShelfWish, Tls,
};
use longrun_store::{MemoryStore, Store};
use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// What textual ids are made with, so that they are the same in each run.
const ID_SECRET: [u8; 16] = *b"longrun emulator";

/// What an emulator is started with. The usual one listens on a free port of this machine and keeps nothing.
#[derive(Clone)]
pub struct EmulatorSettings {
    /// What happens.
    pub scenario: Scenario,
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to speak TLS with; plain HTTP without it.
    pub tls: Option<Tls>,
    /// Whether time stands still until it is moved, instead of what the scenario says.
    pub frozen: Option<bool>,
    /// Where operations are kept; in memory without it. Only an emulator in memory can be reset.
    pub store: Option<Arc<dyn Store>>,
    /// Where to write down what polls are told, for [`longrun_scenario::replay`].
    pub record: Option<PathBuf>,
    /// The key for development. One is made unless there is a key already.
    pub dev: Option<Dev>,
    /// What the secrets in the store are sealed with.
    pub master_key: MasterKey,
    /// How requests in the clouds' dialects are read.
    pub dialects: Options,
    /// What is special about some kinds of operation.
    pub kinds: HashMap<String, KindSettings>,
}

impl Default for EmulatorSettings {
    fn default() -> Self {
        Self {
            scenario: Scenario::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            frozen: None,
            store: None,
            record: None,
            dev: Some(Dev::default()),
            master_key: MasterKey::random(),
            dialects: Options::default(),
            kinds: HashMap::new(),
        }
    }
}

impl From<Scenario> for EmulatorSettings {
    fn from(scenario: Scenario) -> Self {
        Self {
            scenario,
            ..Self::default()
        }
    }
}

/// A world as it is at the start.
pub(crate) struct Start {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) keys: Vec<KeyWish>,
    pub(crate) shelves: Vec<ShelfWish>,
    pub(crate) ids: Vec<(OperationKey, String)>,
    pub(crate) id_secret: [u8; 16],
}

impl EmulatorSettings {
    /// What the scenario begins with. It can be called again, and gives the same again.
    pub(crate) fn start(
        &self,
        seed: u64,
        recorder: Option<Arc<Recorder>>,
    ) -> Result<Start, EmulatorError> {
        let Scenario {
            clock,
            operations,
            keys,
            shelves,
            first_task_id,
            ..
        } = &self.scenario;
        let start = clock.now.as_deref().map(instant).transpose()?;
        let clock = TestClock::new(start, self.frozen.unwrap_or(clock.frozen));
        let first = first_task_id.and_then(OperationKey::new);
        let numbers = numbers(operations, first.map_or(1, OperationKey::get))?;
        let store = match &self.store {
            Some(_) if first.is_some() || operations.iter().any(is_numbered) => {
                return Err(EmulatorError::Numbered);
            }
            Some(store) => Arc::clone(store),
            None => {
                let next = first.or(OperationKey::new(1)).expect("1 is a number");
                Arc::new(MemoryStore::numbered(numbers.iter().copied(), next))
            }
        };
        let ids = operations.iter().zip(&numbers);
        let ids = ids.filter_map(|(one, key)| Some((*key, one.id.clone()?)));
        let prepared = operations
            .iter()
            .enumerate()
            .map(|(place, one)| prepared(one, place));
        let play = Play::new(self.scenario.clone(), seed);
        let stage = Stage::new(play, prepared.collect(), clock, recorder);
        Ok(Start {
            settings: Settings {
                listen: self.listen,
                tls: self.tls.clone(),
                dev: self.dev.clone(),
                master_key: self.master_key.clone(),
                dialects: self.dialects.clone(),
                kinds: self.kinds.clone(),
                ..Settings::default()
            },
            store,
            stage,
            keys: keys.iter().map(wish).collect(),
            shelves: shelves.iter().map(shelf).collect(),
            ids: ids.collect(),
            id_secret: ID_SECRET,
        })
    }
}

fn is_numbered(one: &Submitted) -> bool {
    one.task_id.is_some() || one.id.is_some()
}

fn instant(text: &str) -> Result<Timestamp, EmulatorError> {
    let instant: jiff::Timestamp = text
        .parse()
        .map_err(|_| EmulatorError::Clock(text.to_owned()))?;
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

/// The numbers of the operations that are there from the start: those that are said, and from `next` on for the others.
fn numbers(operations: &[Submitted], mut next: u64) -> Result<Vec<OperationKey>, EmulatorError> {
    let mut taken = BTreeSet::new();
    for said in operations.iter().filter_map(|one| one.task_id) {
        if !taken.insert(said) {
            return Err(EmulatorError::Twice(said));
        }
    }
    let number = |one: &Submitted| {
        one.task_id.unwrap_or_else(|| {
            while !taken.insert(next) {
                next += 1;
            }
            next
        })
    };
    let numbers: Vec<u64> = operations.iter().map(number).collect();
    let key =
        |number: u64| OperationKey::new(number).expect("a scenario that was read has such numbers");
    Ok(numbers.into_iter().map(key).collect())
}

fn prepared(one: &Submitted, place: usize) -> Prepared {
    let account = one.account.as_deref().unwrap_or(DEV_ACCOUNT);
    let mut submission = Submission::new(account, one.kind.as_str());
    submission.project = one.project.as_deref().map(Into::into);
    submission.region = one.region.as_deref().map(Into::into);
    submission.resource_group = one.resource_group.as_deref().map(Into::into);
    submission.input = one
        .input
        .as_ref()
        .map(|input| Json::from_checked(input.to_string()));
    let labels = one.labels.iter();
    submission.labels = labels
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    let resources = one.resources.iter();
    submission.resources = resources
        .map(|id| NewResource {
            id: id.as_str().into(),
            kind: None,
            input: None,
        })
        .collect();
    // In a store that stays, the next start finds it again. No key that comes in a header has such a character.
    let key = format!("scenario\u{1f}{place}").into();
    submission.idempotency = Some(Idempotency {
        key,
        digest: [0; 16],
    });
    Prepared {
        submission,
        script: one.script.clone(),
    }
}

fn wish(key: &Key) -> KeyWish {
    let projects = if key.projects.is_empty() {
        vec![DEV_PROJECT.to_owned()]
    } else {
        key.projects.clone()
    };
    KeyWish {
        id: Some(key.id.clone()),
        secret: Some(key.secret.clone()),
        token: key.token.clone(),
        account: Some(
            key.account
                .clone()
                .unwrap_or_else(|| DEV_ACCOUNT.to_owned()),
        ),
        projects,
        ..KeyWish::default()
    }
}

fn shelf(shelf: &Shelf) -> ShelfWish {
    let account = shelf.account.as_deref().unwrap_or(DEV_ACCOUNT);
    ShelfWish {
        shelf: shelf.dialect.clone(),
        account: account.into(),
        things: shelf.things.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_said_are_kept_and_the_others_fill_the_gaps() {
        let one = |task_id| Submitted {
            task_id,
            ..Submitted::default()
        };
        for (said, next, expected) in [
            (vec![], 1, Some(vec![])),
            (vec![None, Some(1), None], 1, Some(vec![2, 1, 3])),
            (vec![Some(297), None], 296, Some(vec![297, 296])),
            (vec![Some(5), Some(5)], 1, None),
        ] {
            let operations: Vec<_> = said.iter().copied().map(one).collect();
            let numbers = numbers(&operations, next).ok();
            let numbers = numbers.map(|all| all.into_iter().map(OperationKey::get).collect());
            assert_eq!(numbers, expected, "{said:?}");
        }
    }
}
