//! One asker for many waiters.
//!
//! Whoever is first to wait for a task gets the right to ask for it, a [`Poller`]; the others only join. The poller has
//! nothing more to do when the watch is over, or when nobody waits any longer, unless the task is pinned: followed for
//! the record, whoever waits.

use crate::advice::{Answer, Next};
use crate::pace::Chance;
use crate::watch::Watch;
use longrun_dialects::Observation;
use longrun_model::limits::WATCHERS_MAX;
use longrun_model::{Account, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// What makes two waiters wait for the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The name of the dialect.
    pub dialect: &'static str,
    /// Where the cloud is reached.
    pub endpoint: Box<str>,
    /// Whose credentials are shown: what one account may see another may not.
    pub account: Account,
    /// The task, as that cloud calls it, with all that it takes to name it there.
    pub task: Box<str>,
}

/// What a waiter wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Every change, and the end.
    Changes,
    /// The end.
    End,
}

/// The right to ask for one task. There is one at a time.
#[derive(Debug, PartialEq, Eq)]
pub struct Poller {
    key: Key,
    serial: u64,
}

impl Poller {
    /// What it asks for.
    pub const fn key(&self) -> &Key {
        &self.key
    }
}

/// What came of joining.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// Nobody asks yet: see to it that this poller does.
    First(Poller),
    /// Somebody asks already. What is known so far is in [`Share::watch`].
    Shared,
    /// Too many wait for this task.
    Full,
}

/// Who is to be told what.
#[derive(Debug, PartialEq, Eq)]
pub struct Told<W> {
    /// Those who are to be told: of a change, those who wanted to hear of changes; of the end, all.
    pub waiters: Vec<W>,
    /// How the task stands, if that has changed; at the end, as it was last seen.
    pub seen: Option<Observation>,
    /// What the poller does next.
    pub next: Next,
}

/// All watched tasks and who waits for them. `W` names a waiter.
#[derive(Debug)]
pub struct Share<W> {
    entries: HashMap<Key, Entry<W>>,
    serial: u64,
}

#[derive(Debug)]
struct Entry<W> {
    watch: Watch,
    serial: u64,
    is_pinned: bool,
    waiters: BTreeMap<W, Wish>,
}

impl<W> Default for Share<W> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            serial: 0,
        }
    }
}

impl<W: Ord + Clone> Share<W> {
    /// Lets `waiter` wait. `watch` begins one if there is none; it should have no deadline, as waiters have their own.
    pub fn join(
        &mut self,
        key: &Key,
        waiter: W,
        wish: Wish,
        watch: impl FnOnce() -> Watch,
    ) -> Joined {
        let (entry, poller) = self.enter(key, watch);
        if entry.waiters.len() >= WATCHERS_MAX && !entry.waiters.contains_key(&waiter) {
            return Joined::Full;
        }
        entry.waiters.insert(waiter, wish);
        poller.map_or(Joined::Shared, Joined::First)
    }

    /// Follows the task whoever waits, until the watch is over or it is unpinned. Gives a poller if nobody asks yet.
    pub fn pin(&mut self, key: &Key, watch: impl FnOnce() -> Watch) -> Option<Poller> {
        let (entry, poller) = self.enter(key, watch);
        entry.is_pinned = true;
        poller
    }

    /// Lets `waiter` go. One that has been told of the end is gone already.
    pub fn leave(&mut self, key: &Key, waiter: &W) {
        self.release(key, |entry| {
            entry.waiters.remove(waiter);
        });
    }

    /// Follows the task only as long as somebody waits.
    pub fn unpin(&mut self, key: &Key) {
        self.release(key, |entry| entry.is_pinned = false);
    }

    /// The watch of a task, with what is known of it.
    pub fn watch(&self, key: &Key) -> Option<&Watch> {
        self.entries.get(key).map(|entry| &entry.watch)
    }

    /// Who waits for a task.
    pub fn waiters(&self, key: &Key) -> impl Iterator<Item = &W> {
        let entry = self.entries.get(key);
        entry.into_iter().flat_map(|entry| entry.waiters.keys())
    }

    /// How many tasks are watched.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no task is watched.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lets time pass for a poller. None means that it is no longer needed.
    pub fn tick(&mut self, poller: &Poller, now: Timestamp) -> Option<Told<W>> {
        let next = self.of(poller)?.watch.tick(now);
        Some(self.tell(&poller.key, false, next))
    }

    /// Takes in what came of a poll. None means that the poller is no longer needed.
    pub fn answered(
        &mut self,
        poller: &Poller,
        answer: Answer,
        now: Timestamp,
        chance: Chance,
    ) -> Option<Told<W>> {
        let step = self.of(poller)?.watch.answered(answer, now, chance);
        Some(self.tell(&poller.key, step.changed, step.next))
    }

    fn enter(
        &mut self,
        key: &Key,
        watch: impl FnOnce() -> Watch,
    ) -> (&mut Entry<W>, Option<Poller>) {
        let mut poller = None;
        let serial = &mut self.serial;
        let entry = self.entries.entry(key.clone()).or_insert_with(|| {
            *serial += 1;
            poller = Some(Poller {
                key: key.clone(),
                serial: *serial,
            });
            Entry {
                watch: watch(),
                serial: *serial,
                is_pinned: false,
                waiters: BTreeMap::new(),
            }
        });
        (entry, poller)
    }

    fn release(&mut self, key: &Key, change: impl FnOnce(&mut Entry<W>)) {
        if let Some(entry) = self.entries.get_mut(key) {
            change(entry);
            if entry.waiters.is_empty() && !entry.is_pinned {
                self.entries.remove(key);
            }
        }
    }

    /// What a poller asks for. A poller that slept while all left and others came is not theirs.
    fn of(&mut self, poller: &Poller) -> Option<&mut Entry<W>> {
        let entry = self.entries.get_mut(&poller.key)?;
        (entry.serial == poller.serial).then_some(entry)
    }

    fn tell(&mut self, key: &Key, has_changed: bool, next: Next) -> Told<W> {
        if next.is_over()
            && let Some(entry) = self.entries.remove(key)
        {
            return Told {
                waiters: entry.waiters.into_keys().collect(),
                seen: entry.watch.into_seen(),
                next,
            };
        }
        let entry = self.entries.get(key).filter(|_| has_changed);
        let waiters = entry.into_iter().flat_map(|entry| &entry.waiters);
        let hears = waiters.filter(|(_, wish)| **wish == Wish::Changes);
        Told {
            waiters: hears.map(|(waiter, _)| waiter.clone()).collect(),
            seen: entry.and_then(|entry| entry.watch.seen().cloned()),
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Rhythm};
    use longrun_dialects::Watched;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn key(account: &str) -> Key {
        Key {
            dialect: "tencent-vpc",
            endpoint: "https://vpc.api.qcloud.com".into(),
            account: account.into(),
            task: "297".into(),
        }
    }

    fn watch() -> Watch {
        Watch::new(Rhythm::TRACK, None, NOW)
    }

    fn answer(state: Watched) -> Answer {
        Answer::Observed(Observation {
            kind: None,
            state,
            resources: Vec::new(),
            output: None,
            message: None,
            error: None,
        })
    }

    fn first(joined: Joined) -> Poller {
        match joined {
            Joined::First(poller) => poller,
            Joined::Shared | Joined::Full => panic!("somebody asks already: {joined:?}"),
        }
    }

    #[test]
    fn each_is_told_what_it_wants_to_hear() {
        let (mut share, acme) = (Share::default(), key("acme"));
        let poller = first(share.join(&acme, "all", Wish::Changes, watch));
        assert_eq!(share.join(&acme, "end", Wish::End, watch), Joined::Shared);
        let mut tell = |state| {
            let told = share.answered(&poller, answer(state), NOW, Chance(0));
            told.map(|told| (told.waiters, told.seen.is_some(), told.next.is_over()))
        };
        for (state, expected) in [
            (Watched::Queued, Some((vec!["all"], true, false))),
            (Watched::Queued, Some((vec![], false, false))),
            (Watched::Succeeded, Some((vec!["all", "end"], true, true))),
            (Watched::Succeeded, None),
        ] {
            assert_eq!(tell(state.clone()), expected, "{state:?}");
        }
        assert!(share.is_empty());
    }

    #[test]
    fn accounts_share_nothing() {
        let mut share = Share::default();
        let acme = first(share.join(&key("acme"), 1, Wish::End, watch));
        let other = first(share.join(&key("other"), 2, Wish::End, watch));
        let told = share.answered(&acme, answer(Watched::Failed), NOW, Chance(0));
        let told = told.unwrap();
        assert_eq!(told.waiters, [1]);
        assert_eq!(told.next, Next::Ended(Outcome::Failed));
        assert!(share.tick(&other, NOW).is_some());
        assert_eq!(share.watch(other.key()).unwrap().seen(), None);
    }

    #[test]
    fn a_poller_lives_as_long_as_somebody_waits_or_the_task_is_pinned() {
        let (mut share, acme) = (Share::default(), key("acme"));
        let poller = first(share.join(&acme, 1, Wish::End, watch));
        assert_eq!(share.pin(&acme, watch), None, "one poller is enough");
        share.leave(&acme, &1);
        assert!(share.tick(&poller, NOW).is_some(), "it is pinned");
        assert_eq!(share.join(&acme, 2, Wish::End, watch), Joined::Shared);
        share.unpin(&acme);
        assert!(share.tick(&poller, NOW).is_some(), "one waits");
        share.leave(&acme, &2);
        assert!(share.tick(&poller, NOW).is_none());
    }

    /// The poller sleeps while its last waiter leaves and another comes: it must not wake as a second one.
    #[test]
    fn a_poller_that_overslept_is_not_anothers() {
        let (mut share, acme) = (Share::default(), key("acme"));
        let old = first(share.join(&acme, 1, Wish::End, watch));
        share.leave(&acme, &1);
        let new = first(share.join(&acme, 2, Wish::End, watch));
        let told = share.answered(&old, answer(Watched::Failed), NOW, Chance(0));
        assert_eq!(told, None);
        assert!(share.tick(&new, NOW).is_some());
    }

    #[test]
    fn there_is_room_for_so_many() {
        let (mut share, acme) = (Share::default(), key("acme"));
        let poller = first(share.join(&acme, 0, Wish::End, watch));
        for waiter in 1..WATCHERS_MAX {
            assert_eq!(share.join(&acme, waiter, Wish::End, watch), Joined::Shared);
        }
        let one_more = share.join(&acme, WATCHERS_MAX, Wish::End, watch);
        assert_eq!(one_more, Joined::Full);
        assert_eq!(share.join(&acme, 7, Wish::Changes, watch), Joined::Shared);
        assert!(share.tick(&poller, NOW).is_some());
        assert_eq!(share.len(), 1);
    }
}
