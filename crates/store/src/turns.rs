//! Who gets the next operation: the most urgent first; among those, accounts take turns, and so do kinds.
//!
//! Turns go on from one lease to the next, so that a worker who takes one operation at a time is as fair as one who
//! takes many. What is looked at does not grow with the number of operations or accounts that wait.

use crate::indexed::{Indexed, is_held};
use crate::{LeaseWish, Limits, Sight, StoreError};
use longrun_model::limits::PRIORITY_MAX;
use longrun_model::{Account, KindName, Operation, OperationKey, ProjectId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How many accounts one wish looks at that have nothing for it. The next one goes on where it stopped.
const PASSED_MAX: usize = 1_000;

/// The operations that wait, as they are stored.
pub(crate) trait Lanes {
    /// The highest urgency (0 is the highest) from `from` on that something of this kind waits with.
    fn next_urgency(&mut self, kind: &KindName, from: u8) -> Result<Option<u8>, StoreError>;

    /// The account with a lane of this kind and urgency that comes after `after`; the first one without it.
    fn next_account(
        &mut self,
        kind: &KindName,
        urgency: u8,
        after: Option<&Account>,
    ) -> Result<Option<Account>, StoreError>;

    /// The first operation of a lane that comes after `after`; the first one at all without it. Lanes of one commit are
    /// only ever walked onwards.
    fn next_operation(
        &mut self,
        lane: &Lane,
        after: Option<OperationKey>,
    ) -> Result<Option<OperationKey>, StoreError>;
}

/// Whether an operation is not to be picked.
pub(crate) type Taken<'t> = dyn Fn(OperationKey) -> bool + 't;

/// Operations that wait, oldest first: of what kind, urgency and account, and in which projects.
pub(crate) type Lane = (KindName, u8, Account, Part);

/// In which projects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// In any, or in none.
    Whole,
    /// In none.
    Outside,
    /// In this one.
    Project(ProjectId),
}

/// Whose turn it was last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whose.
    pub(crate) account: Account,
    /// How many operations it got in this turn.
    pub(crate) taken: u32,
    /// When it was, counted in leases.
    pub(crate) number: u64,
}

/// What is remembered from commit to commit: whose turn it is, and what runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// What leases are held to.
    pub(crate) limits: Arc<Limits>,
    /// The turns, by kind.
    turns: BTreeMap<KindName, Turn>,
    /// The number of the last turn of all.
    last_number: u64,
    /// How many operations of a kind run.
    kinds: HashMap<KindName, u32>,
    /// How many operations of an account run.
    accounts: HashMap<Account, u32>,
}

impl Book {
    /// Takes note that so many more operations run.
    pub(crate) fn begin(&mut self, kind: &KindName, account: &Account, more: u32) {
        raise(&mut self.kinds, kind, more);
        raise(&mut self.accounts, account, more);
    }

    /// Whose turn it was last, for this kind.
    pub(crate) fn turn(&self, kind: &KindName) -> Option<&Turn> {
        self.turns.get(kind)
    }

    /// Takes note that an operation runs no longer.
    fn end(&mut self, kind: &KindName, account: &Account) {
        lessen(&mut self.kinds, kind);
        lessen(&mut self.accounts, account);
    }

    fn has_room(&self, kind: &KindName, account: &Account) -> bool {
        let running = self.accounts.get(account).copied().unwrap_or(0);
        let max = self.limits.share(account).running_max;
        self.has_room_for(kind) && max.is_none_or(|max| running < max)
    }

    fn has_room_for(&self, kind: &KindName) -> bool {
        let running = self.kinds.get(kind).copied().unwrap_or(0);
        self.limits.kinds.get(kind).is_none_or(|max| running < *max)
    }

    /// Remembers the turn of a kind, as it was stored.
    pub(crate) fn take_turn(&mut self, kind: KindName, turn: Turn) {
        self.last_number = self.last_number.max(turn.number);
        self.turns.insert(kind, turn);
    }

    fn note_turn(&mut self, kind: &KindName, account: Account) {
        self.last_number += 1;
        let number = self.last_number;
        let taken = match self.turns.get(kind) {
            Some(turn) if turn.account == account => turn.taken.saturating_add(1),
            Some(_) | None => 1,
        };
        let turn = Turn {
            account,
            taken,
            number,
        };
        match self.turns.get_mut(kind) {
            Some(last) => *last = turn,
            None => _ = self.turns.insert(kind.clone(), turn),
        }
    }

    /// Takes note of what a commit has made of an operation. What `round` has picked is known to run already.
    pub(crate) fn settle(&mut self, round: &Round, operation: &Operation, before: Option<Indexed>) {
        let ran = before.is_some_and(|before| before.held) || round.picked.contains(&operation.key);
        match (ran, is_held(operation.phase)) {
            (false, true) => self.begin(&operation.kind, &operation.account, 1),
            (true, false) => self.end(&operation.kind, &operation.account),
            (true, true) | (false, false) => (),
        }
    }
}

fn raise<N: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<N, u32>, name: &N, more: u32) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => _ = counts.insert(name.clone(), more),
    }
}

fn lessen<N: std::hash::Hash + Eq>(counts: &mut HashMap<N, u32>, name: &N) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(name);
        }
    }
}

/// What one commit has handed out so far.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Up to where all that wait in a lane are taken: no later wish of the commit looks at them again.
    passed: HashMap<Lane, OperationKey>,
    /// What was handed out.
    picked: HashSet<OperationKey>,
    /// The kinds whose turn has changed.
    pub(crate) turned: BTreeSet<KindName>,
}

/// A wish that is being fulfilled.
struct Picking<'p, L> {
    lanes: &'p mut L,
    book: &'p mut Book,
    round: &'p mut Round,
    wish: &'p LeaseWish,
    taken: &'p Taken<'p>,
    looks: usize,
    /// What is known of the parts of a lane, if the worker sees only parts.
    firsts: HashMap<Lane, Firsts>,
}

/// The parts of a lane that a worker sees.
struct Firsts {
    /// The first operation of each, but for one.
    first: BTreeMap<OperationKey, Lane>,
    /// The one that an operation was taken from.
    gone_on: Lane,
}

/// Up to `wish.max` operations that wait for a worker, leaving out `taken`. The caller leases all of them.
pub(crate) fn pick<L: Lanes>(
    lanes: &mut L,
    book: &mut Book,
    round: &mut Round,
    wish: &LeaseWish,
    taken: &Taken,
) -> Result<Vec<OperationKey>, StoreError> {
    let mut picking = Picking {
        lanes,
        book,
        round,
        wish,
        taken,
        looks: 0,
        firsts: HashMap::new(),
    };
    let mut kinds: Vec<&KindName> = Vec::new();
    let mut known = HashSet::new();
    kinds.extend(wish.kinds.iter().filter(|kind| known.insert(*kind)));
    let mut picked = Vec::new();
    let mut from = 0;
    while picked.len() < wish.max
        && from <= PRIORITY_MAX
        && let Some(urgency) = picking.most_urgent(&kinds, from)?
    {
        picking.fill(&kinds, urgency, &mut picked)?;
        from = urgency + 1;
    }
    Ok(picked)
}

impl<L: Lanes> Picking<'_, L> {
    fn most_urgent(&mut self, kinds: &[&KindName], from: u8) -> Result<Option<u8>, StoreError> {
        let mut most = None;
        for kind in kinds {
            let urgency = self.lanes.next_urgency(kind, from)?;
            most = most.into_iter().chain(urgency).min();
        }
        Ok(most)
    }

    /// Picks operations of one urgency: from the kind whose last turn is longest ago, then from the next.
    fn fill(
        &mut self,
        kinds: &[&KindName],
        urgency: u8,
        picked: &mut Vec<OperationKey>,
    ) -> Result<(), StoreError> {
        let mut kinds = kinds.to_vec();
        while picked.len() < self.wish.max {
            let turn = |kind: &KindName| self.book.turns.get(kind).map_or(0, |turn| turn.number);
            let Some(place) = (0..kinds.len()).min_by_key(|place| turn(kinds[*place])) else {
                break;
            };
            match self.next(kinds[place], urgency)? {
                Some(key) => picked.push(key),
                None => _ = kinds.remove(place),
            }
        }
        Ok(())
    }

    /// The next operation of this kind, from the account whose turn it is.
    fn next(&mut self, kind: &KindName, urgency: u8) -> Result<Option<OperationKey>, StoreError> {
        if !self.book.has_room_for(kind) {
            return Ok(None);
        }
        if let Some(account) = self.wish.sight.account() {
            // Whoever works for one account takes no turn away from the others.
            return self.next_of(kind, urgency, account);
        }
        let Some(turn) = self.book.turns.get(kind).cloned() else {
            return self.walk(kind, urgency, None, None).map(Walked::found);
        };
        if turn.taken < self.book.limits.share(&turn.account).weight
            && let Some(key) = self.next_of(kind, urgency, &turn.account)?
        {
            self.note_turn(kind, turn.account);
            return Ok(Some(key));
        }
        let last = turn.account;
        match self.walk(kind, urgency, Some(last.clone()), None)? {
            Walked::Nothing => self
                .walk(kind, urgency, None, Some(&last))
                .map(Walked::found),
            walked @ (Walked::Found(_) | Walked::Enough) => Ok(walked.found()),
        }
    }

    /// The next operation of the accounts after `after`, up to `until`.
    fn walk(
        &mut self,
        kind: &KindName,
        urgency: u8,
        mut after: Option<Account>,
        until: Option<&Account>,
    ) -> Result<Walked, StoreError> {
        while let Some(account) = self.lanes.next_account(kind, urgency, after.as_ref())?
            && until.is_none_or(|until| account <= *until)
        {
            let found = self.next_of(kind, urgency, &account)?;
            if let Some(key) = found {
                self.note_turn(kind, account);
                return Ok(Walked::Found(key));
            }
            self.looks += 1;
            if self.looks >= PASSED_MAX {
                self.note_turn(kind, account);
                return Ok(Walked::Enough);
            }
            after = Some(account);
        }
        Ok(Walked::Nothing)
    }

    /// The next operation of an account that the worker sees, if the account may have one more.
    fn next_of(
        &mut self,
        kind: &KindName,
        urgency: u8,
        account: &Account,
    ) -> Result<Option<OperationKey>, StoreError> {
        if !self.book.has_room(kind, account) {
            return Ok(None);
        }
        let whole = (kind.clone(), urgency, account.clone(), Part::Whole);
        let found = match &self.wish.sight {
            Sight::All | Sight::Account(_) => self.first_in(&whole)?.map(|key| (key, whole)),
            Sight::Projects(_, projects) => self.next_among(whole, projects)?,
        };
        let Some((key, lane)) = found else {
            return Ok(None);
        };
        self.book.begin(kind, account, 1);
        self.round.picked.insert(key);
        self.round.passed.insert(lane, key);
        Ok(Some(key))
    }

    /// The oldest operation in one of these projects, or in none.
    fn next_among(
        &mut self,
        whole: Lane,
        projects: &[ProjectId],
    ) -> Result<Option<(OperationKey, Lane)>, StoreError> {
        let mut firsts = match self.firsts.remove(&whole) {
            Some(Firsts { mut first, gone_on }) => {
                // Only the lane that the last one was taken from has another first one now.
                if let Some(key) = self.first_in(&gone_on)? {
                    first.insert(key, gone_on);
                }
                first
            }
            None => self.firsts(&whole, projects)?,
        };
        let taken = firsts.pop_first();
        if let Some((_, lane)) = &taken {
            let firsts = Firsts {
                first: firsts,
                gone_on: lane.clone(),
            };
            self.firsts.insert(whole, firsts);
        }
        Ok(taken)
    }

    fn firsts(
        &mut self,
        (kind, urgency, account, _): &Lane,
        projects: &[ProjectId],
    ) -> Result<BTreeMap<OperationKey, Lane>, StoreError> {
        let own = projects.iter().cloned().map(Part::Project);
        let mut firsts = BTreeMap::new();
        for part in std::iter::once(Part::Outside).chain(own) {
            let lane = (kind.clone(), *urgency, account.clone(), part);
            if let Some(key) = self.first_in(&lane)? {
                firsts.insert(key, lane);
            }
        }
        Ok(firsts)
    }

    /// The first operation of a lane that is not taken.
    fn first_in(&mut self, lane: &Lane) -> Result<Option<OperationKey>, StoreError> {
        let mut after = self.round.passed.get(lane).copied();
        while let Some(key) = self.lanes.next_operation(lane, after)? {
            if !(self.taken)(key) {
                return Ok(Some(key));
            }
            self.round.passed.insert(lane.clone(), key);
            after = Some(key);
        }
        Ok(None)
    }

    fn note_turn(&mut self, kind: &KindName, account: Account) {
        self.book.note_turn(kind, account);
        self.round.turned.insert(kind.clone());
    }
}

/// What came of looking from account to account.
enum Walked {
    Found(OperationKey),
    Nothing,
    /// Nothing so far, and it was enough for one wish.
    Enough,
}

impl Walked {
    fn found(self) -> Option<OperationKey> {
        match self {
            Self::Found(key) => Some(key),
            Self::Nothing | Self::Enough => None,
        }
    }
}
