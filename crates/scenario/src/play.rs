//! All operations of an emulator: which deeds fall due, how often each was polled, and what its polls are told.

use crate::chance::Chance;
use crate::file::{Scenario, Script};
use crate::matching::Subject;
use crate::plan::{Course, Deed, Plan, millis};
use crate::told::{Meddling, Poll, with_output};
use longrun_model::{Json, Operation, OperationKey, Phase, Timestamp, WorkerName};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What the scripts call themselves where a worker has a name.
pub const WORKER: &str = "emulator";

/// The state of a scenario that is being played.
#[derive(Debug)]
pub struct Play {
    scenario: Scenario,
    seed: u64,
    /// The scripts of operations that have one of their own.
    scripts: HashMap<OperationKey, Arc<Script>>,
    /// The script of the next operation.
    next: Option<Arc<Script>>,
    rules: Vec<Arc<Script>>,
    /// How many submissions each rule has seen for which all but their number holds.
    seen: Vec<u64>,
    parts: BTreeMap<OperationKey, Part>,
    due: BTreeSet<(Timestamp, OperationKey)>,
    /// How often each fault has happened, by where it stands.
    fired: HashMap<(Place, usize), u64>,
    counts: Counts,
}

/// What has happened so far, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Polls, by dialect.
    pub polls: BTreeMap<String, u64>,
    /// Polls that did not get the right answer, or got it late.
    pub faults: u64,
    /// Polls that were told something else than the truth.
    pub untrue: u64,
    /// How many operations each rule was followed for, in the order of the rules.
    pub rules: Vec<u64>,
}

/// What is told of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Which one.
    pub key: OperationKey,
    /// The rule that it falls under, by its place.
    pub rule: Option<usize>,
    /// How often it was polled.
    pub polls: u64,
    /// When something is next done to it.
    pub due_at: Option<Timestamp>,
}

/// Where a script or a fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// In the scenario, for all operations.
    Scenario,
    /// In a rule.
    Rule(usize),
    /// Beside the operation itself.
    Operation(OperationKey),
}

impl Place {
    const fn rule(self) -> Option<usize> {
        match self {
            Self::Rule(place) => Some(place),
            Self::Scenario | Self::Operation(_) => None,
        }
    }
}

/// One operation.
#[derive(Debug)]
struct Part {
    script: Arc<Script>,
    place: Place,
    submitted_at: Timestamp,
    attempt: u32,
    /// The fence of the lease.
    fence: u64,
    plan: Option<Plan>,
    /// How often it was polled.
    polls: u64,
    /// What polls are told to have come out of it so far.
    shown: Option<Json>,
    /// Whether somebody has wanted it to end.
    cancelled: bool,
    /// Whether a deed is being done: the next one waits.
    busy: bool,
    /// The instant under which it stands among those that are due.
    noted_at: Option<Timestamp>,
    chance: Chance,
}

impl Play {
    /// Begins a scenario. `seed` is what chance is drawn from if the scenario does not say.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let rules: Vec<_> = scenario
            .rules
            .iter()
            .map(|rule| Arc::new(rule.script.clone()))
            .collect();
        let counts = Counts {
            rules: vec![0; rules.len()],
            ..Counts::default()
        };
        Self {
            seed: scenario.seed.unwrap_or(seed),
            seen: vec![0; rules.len()],
            rules,
            scenario,
            scripts: HashMap::new(),
            next: None,
            parts: BTreeMap::new(),
            due: BTreeSet::new(),
            fired: HashMap::new(),
            counts,
        }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What has happened so far, in numbers.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The operations, newest first.
    pub fn parts(&self) -> impl Iterator<Item = PartInfo> {
        self.parts.iter().rev().map(|(key, part)| PartInfo {
            key: *key,
            rule: part.place.rule(),
            polls: part.polls,
            due_at: part.due_at(),
        })
    }

    /// The next operation that is submitted follows a script of its own, whatever the rules say.
    pub fn give_next(&mut self, script: Script) {
        self.next = Some(Arc::new(script));
    }

    /// Whether it has taken note of this operation.
    pub fn knows(&self, key: OperationKey) -> bool {
        self.parts.contains_key(&key)
    }

    /// Takes note of what has become of an operation, whoever did it. `dialect` is the one of its kind.
    pub fn observe(&mut self, operation: &Operation, dialect: &str, now: Timestamp) {
        let key = operation.key;
        if operation.removed {
            self.forget(key);
            self.scripts.remove(&key);
            return;
        }
        if !self.parts.contains_key(&key) || self.is_next_attempt(operation) {
            self.cast(operation, dialect);
        }
        let Some(part) = self.parts.get_mut(&key) else {
            return;
        };
        part.observe(operation, now);
        self.settle(key);
    }

    /// An operation was handed over under a lease. It follows its script from the beginning, and first waits for as long
    /// as the script has it wait.
    pub fn hand_over(&mut self, operation: &Operation, dialect: &str, now: Timestamp) {
        let waiting = Operation {
            phase: Phase::Queued,
            lease: None,
            attempt: operation.attempt.saturating_sub(1),
            ..operation.clone()
        };
        self.forget(operation.key);
        self.observe(&waiting, dialect, now);
    }

    /// The operation is no longer carried out under the lease with this fence.
    pub fn take_back(&mut self, key: OperationKey, fence: u64) {
        if self.under(key, fence).is_some() {
            self.forget(key);
        }
    }

    /// The next deed of an operation that was handed over, if it is due at `now`. It has to be brought to an end with
    /// [`Play::did`].
    pub fn next_deed(&mut self, key: OperationKey, fence: u64, now: Timestamp) -> Option<Deed> {
        self.under(key, fence)?;
        self.take(key, now).map(|(_, deed)| deed)
    }

    /// A deed of an operation that was handed over has been done, as in [`Play::done`].
    pub fn did(
        &mut self,
        (key, fence): (OperationKey, u64),
        deed: Deed,
        operation: Option<&Operation>,
        now: Timestamp,
    ) {
        if self.under(key, fence).is_some() {
            self.done(key, deed, operation, now);
        }
    }

    /// When the next deed of an operation that was handed over falls due.
    pub fn due_at(&mut self, key: OperationKey, fence: u64) -> Option<Timestamp> {
        self.under(key, fence)?.due_at()
    }

    /// An operation that was handed over is to be cancelled.
    pub fn cancel(&mut self, operation: &Operation, now: Timestamp) {
        if let Some(part) = self.under(operation.key, operation.fence) {
            part.cancel(operation, now);
            self.settle(operation.key);
        }
    }

    fn under(&mut self, key: OperationKey, fence: u64) -> Option<&mut Part> {
        self.parts.get_mut(&key).filter(|part| part.fence == fence)
    }

    fn is_next_attempt(&self, operation: &Operation) -> bool {
        let is_waiting = operation.phase == Phase::Queued;
        let part = self.parts.get(&operation.key);
        is_waiting && part.is_some_and(|part| part.attempt != operation.attempt)
    }

    /// Finds the script of an operation that waits for its first or next attempt.
    fn cast(&mut self, operation: &Operation, dialect: &str) {
        let key = operation.key;
        if let Some(script) = self.next.take() {
            self.scripts.insert(key, script);
        }
        let own = self
            .scripts
            .get(&key)
            .map(|script| (Place::Operation(key), Arc::clone(script)));
        let (place, script) = own.unwrap_or_else(|| self.rule_for(operation, dialect));
        if let Some(rule) = place.rule() {
            self.counts.rules[rule] += 1;
        }
        let attempt = operation.attempt;
        let before = self.forget(key);
        let part = Part {
            script,
            place,
            submitted_at: operation.created_at,
            attempt,
            fence: operation.fence,
            plan: None,
            polls: before.map_or(0, |before| before.polls),
            shown: None,
            cancelled: false,
            busy: false,
            noted_at: None,
            chance: Chance::new(self.seed, key.get() ^ u64::from(attempt) << 53),
        };
        self.parts.insert(key, part);
    }

    fn rule_for(&mut self, operation: &Operation, dialect: &str) -> (Place, Arc<Script>) {
        let subject = Subject::new(operation, dialect);
        // One that is handed over again, after a lease that was lost, was counted as well.
        let is_first = operation.attempt == 0 && operation.fence <= 1;
        let mut found = None;
        for (place, rule) in self.scenario.rules.iter().enumerate() {
            if !rule.matches.holds(&subject) {
                continue;
            }
            // Each rule counts what it matches, even what an earlier one takes. An operation that is tried again was
            // counted when it came.
            self.seen[place] += u64::from(is_first);
            let number = self.seen[place];
            let nth = rule.matches.nth.as_ref();
            if found.is_none() && nth.is_none_or(|nth| nth.contain(number)) {
                found = Some(place);
            }
        }
        if let Some(place) = found {
            return (Place::Rule(place), Arc::clone(&self.rules[place]));
        }
        (Place::Scenario, Arc::default())
    }

    /// The deeds that are due at `now`, one for each operation. Each has to be brought to an end with [`Play::done`],
    /// and there may be more then.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<(OperationKey, Deed)> {
        let keys: Vec<_> = self
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, key)| *key)
            .collect();
        keys.into_iter()
            .filter_map(|key| self.take(key, now))
            .collect()
    }

    fn take(&mut self, key: OperationKey, now: Timestamp) -> Option<(OperationKey, Deed)> {
        let part = self.parts.get_mut(&key)?;
        let mut deed = part.plan.as_mut()?.next(now);
        if let Some(Deed::Tell(report)) = &mut deed {
            report.fence = part.fence;
            report.chance = u32::try_from(part.chance.next() >> 32).expect("32 bits are left");
        }
        part.busy = deed.is_some();
        self.settle(key);
        Some((key, deed?))
    }

    /// A deed has been done: with the operation as it is now, or without one if it was refused, and then nothing more
    /// is done to it until it waits again.
    pub fn done(
        &mut self,
        key: OperationKey,
        deed: Deed,
        operation: Option<&Operation>,
        now: Timestamp,
    ) {
        let Some(part) = self.parts.get_mut(&key) else {
            return;
        };
        part.busy = false;
        match (deed, operation) {
            (Deed::Take, Some(operation)) => part.begin(operation, now),
            (Deed::Show(output), _) => part.shown = Some(output),
            (Deed::Tell(_), Some(_)) => (),
            (Deed::Take | Deed::Tell(_), None) => part.plan = None,
        }
        self.settle(key);
    }

    /// Keeps what is due in step with the plan of an operation.
    fn settle(&mut self, key: OperationKey) {
        let Some(part) = self.parts.get_mut(&key) else {
            return;
        };
        let due_at = part.due_at();
        if part.noted_at == due_at {
            return;
        }
        if let Some(at) = part.noted_at {
            self.due.remove(&(at, key));
        }
        self.due.extend(due_at.map(|at| (at, key)));
        part.noted_at = due_at;
    }

    fn forget(&mut self, key: OperationKey) -> Option<Part> {
        let part = self.parts.remove(&key)?;
        if let Some(at) = part.noted_at {
            self.due.remove(&(at, key));
        }
        Some(part)
    }

    /// When the next deed falls due.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether something is due to this operation at `now`, or is being done.
    pub fn is_behind(&self, key: OperationKey, now: Timestamp) -> bool {
        let part = self.parts.get(&key);
        part.is_some_and(|part| part.busy || part.due_at().is_some_and(|at| at <= now))
    }

    /// A poll of an operation begins: its number. What was to be done by then falls due.
    pub fn poll(&mut self, key: OperationKey, dialect: &str, now: Timestamp) -> u64 {
        *self.counts.polls.entry(dialect.to_owned()).or_default() += 1;
        let Some(part) = self.parts.get_mut(&key) else {
            return 1;
        };
        part.polls += 1;
        let number = part.polls;
        if let Some(plan) = &mut part.plan {
            plan.poll(number, now);
        }
        self.settle(key);
        number
    }

    /// What a poll is told of an operation that stands like this: the operation, if it is another one, and what goes
    /// wrong with the answer.
    pub fn answer(&mut self, operation: &Operation, poll: &Poll) -> (Option<Operation>, Meddling) {
        let Self {
            parts,
            scenario,
            fired,
            counts,
            ..
        } = self;
        let Some(part) = parts.get_mut(&operation.key) else {
            return (None, Meddling::default());
        };
        let script = Arc::clone(&part.script);
        let own = script
            .faults
            .iter()
            .enumerate()
            .map(|(place, fault)| ((part.place, place), fault));
        let common = scenario
            .faults
            .iter()
            .enumerate()
            .map(|(place, fault)| ((Place::Scenario, place), fault));
        let mut meddling = Meddling::default();
        for (place, fault) in own.chain(common) {
            let count = fired.entry(place).or_default();
            if let Some(found) = fault.meddle(poll, part.submitted_at, *count, &mut part.chance) {
                *count += 1;
                counts.faults += 1;
                meddling = found;
                break;
            }
        }
        let answer = script
            .answers
            .iter()
            .find(|answer| answer.concerns(poll, part.submitted_at));
        let shown = part.shown.as_ref().filter(|_| !operation.phase.is_ended());
        let told = shown.map(|shown| with_output(operation, shown));
        let truth = told.as_ref().unwrap_or(operation);
        let told = match answer {
            Some(answer) => {
                counts.untrue += 1;
                Some(answer.tell(truth, poll.now))
            }
            None => told,
        };
        (told, meddling)
    }
}

impl Part {
    fn observe(&mut self, operation: &Operation, now: Timestamp) {
        self.fence = self.fence.max(operation.fence);
        let held_by = operation.lease.as_ref().map(|lease| &lease.worker);
        let is_ours = held_by.is_some_and(|worker| *worker == WorkerName::from(WORKER));
        match operation.phase {
            Phase::Queued
                if operation.is_leasable() && self.plan.is_none() && !self.script.by_worker =>
            {
                self.plan = Some(Plan::waiting(&self.script, now, &mut self.chance));
            }
            Phase::Running if is_ours && self.plan.is_none() && !self.busy => {
                // It was taken before the emulator was started anew.
                self.begin(operation, now);
            }
            Phase::Cancelling if is_ours && !self.cancelled => {
                if self.plan.is_none() && !self.busy {
                    self.begin(operation, now);
                }
                self.give_in(now);
            }
            Phase::Queued | Phase::Running | Phase::Cancelling => (),
            Phase::Succeeded
            | Phase::Failed
            | Phase::Partial
            | Phase::Cancelled
            | Phase::Expired => {
                self.plan = None;
            }
        }
    }

    /// It is to be cancelled, whether the script has begun it or not.
    fn cancel(&mut self, operation: &Operation, now: Timestamp) {
        if !self.cancelled {
            self.begin(operation, now);
            self.give_in(now);
        }
    }

    /// It ends soon, if the script has it give in.
    fn give_in(&mut self, now: Timestamp) {
        self.cancelled = true;
        let pause = self
            .script
            .cancel
            .map_or(Some(0), |lasting| millis(lasting, &mut self.chance));
        if let (Some(pause), Some(plan)) = (pause, &mut self.plan) {
            plan.cancel(now, pause);
        }
    }

    /// It runs from now on.
    fn begin(&mut self, operation: &Operation, now: Timestamp) {
        let since = match self.plan {
            Some(Plan::Waiting { since, .. }) => since,
            Some(Plan::Running(_)) => return,
            None => now,
        };
        let times = (since, now);
        let course = Course::new(&self.script, operation, times, self.polls, &mut self.chance);
        self.plan = Some(Plan::Running(course));
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.plan
            .as_ref()
            .filter(|_| !self.busy)
            .and_then(Plan::due_at)
    }
}
