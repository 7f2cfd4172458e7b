//! The world: callers, workers, servers with their clocks, and chance.

use crate::calls::Call;
use crate::clock::Clock;
use crate::invariants::{self, Violation};
use crate::ledger::{self, Ledger};
use crate::network::{Message, Network};
use crate::server::{Ended, Place, Server};
use crate::story::{Setting, Story};
use crate::tasks::{TaskId, Tasks};
use crate::wishes;
use crate::witness::Journal;
use crate::worker::{LEASE_MILLIS, Worker};
use fastrand::Rng;
use futures_util::FutureExt;
use longrun_model::{Command, OperationKey, WorkerName};
use longrun_store::{LeaseWish, Limits, Sight, Store};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

mod answers;
mod rest;
mod written;

/// Workers in the world.
const WORKERS: usize = 4;
/// Virtual time that everything gets to end in, once the chaos has stopped: an hour.
const PEACE_MILLIS: i64 = 3_600_000;
/// How far the clock of a server may be set at once.
const JUMP_MILLIS_MAX: i64 = 20_000;
/// Steps that everybody together may take at one instant.
const STEPS_MAX: usize = 20_000;

/// Runs the world of `seed`, up to its peaceful end or to the first invariant that does not hold.
pub fn run(seed: u64, setting: &Setting) -> Result<Story, Violation> {
    let mut world = World::new(seed, setting)?;
    for _ in 0..setting.steps {
        world.chaos()?;
    }
    world.peace()?;
    Ok(world.story)
}

struct World {
    random: Rng,
    /// How much time has truly passed, in milliseconds: messages fly by it.
    passed: i64,
    servers: Vec<Server>,
    place: Place,
    limits: Limits,
    tasks: Tasks<Ended>,
    /// Whose turn it was last, when turns are fair.
    turn: TaskId,
    calls: BTreeMap<TaskId, Open>,
    /// Calls that were ever made.
    called: u64,
    /// The workers that went before they were answered.
    gone: BTreeMap<WorkerName, Gone>,
    /// The workers of whose leases their server has not heard.
    unheard: BTreeSet<WorkerName>,
    journal: Arc<Mutex<Journal>>,
    /// The last commit of each server.
    last_written: BTreeMap<usize, ledger::Written>,
    ledger: Ledger,
    network: Network,
    workers: [Worker; WORKERS],
    is_peaceful: bool,
    trail: DefaultHasher,
    story: Story,
}

/// A call that is not answered yet.
struct Open {
    server: usize,
    call: Call,
    asked_at: i64,
    /// The version of its operation that had been acknowledged.
    version: u64,
    /// When it is over at the latest, since it is known to wait.
    over_at: Option<i64>,
}

/// A worker that is gone.
struct Gone {
    server: usize,
    /// How often the server had been started.
    starts: u64,
    /// How often its store had failed.
    faults: u64,
}

impl World {
    fn new(seed: u64, setting: &Setting) -> Result<Self, Violation> {
        let mut random = Rng::with_seed(seed);
        let place = Place::new(setting.store);
        let limits = wishes::limits();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("the system has room for a runtime");
        let runtime = Arc::new(runtime);
        let journal = Arc::new(Mutex::new(Journal::new(random.fork())));
        let mut tasks = Tasks::new();
        let servers = (0..place.servers()).map(|number| {
            let inside = (&mut tasks, &limits);
            Server::start(number, &place, setting, &journal, &runtime, inside)
        });
        let servers = servers.collect::<Result<_, _>>()?;
        let workers = std::array::from_fn(|index| {
            let shows = random.i64(0..2_000_000_000);
            let clock = Clock::drifting(shows, random.i64(600..1_400));
            // The last one has no heartbeat.
            Worker::new(clock, index + 1 < WORKERS)
        });
        Ok(Self {
            random,
            passed: 0,
            servers,
            place,
            limits,
            tasks,
            turn: 0,
            calls: BTreeMap::new(),
            called: 0,
            gone: BTreeMap::new(),
            unheard: BTreeSet::new(),
            journal,
            last_written: BTreeMap::new(),
            ledger: Ledger::default(),
            network: Network::default(),
            workers,
            is_peaceful: false,
            trail: DefaultHasher::new(),
            story: Story::default(),
        })
    }

    /// One step: something happens, time passes or does not, and everything must still hold.
    fn chaos(&mut self) -> Result<(), Violation> {
        match self.random.u8(..42) {
            0..=3 => self.submit(),
            4..=9 => self.ask_for_work(),
            10..=17 | 33..=35 => self.work(),
            18 => self.lie(),
            19 => self.mix_up(),
            20 => self.cancel(),
            21 => self.die(),
            22 => self.delete(),
            23 => self.restart()?,
            24 => self.set_a_server()?,
            25 => self.set_a_worker(),
            26 | 27 => self.get(),
            28..=30 => self.wait(),
            31 | 32 => self.abandon(),
            _ => self.pass_time()?,
        }
        self.beat();
        self.deliver();
        if self.random.u8(..4) == 0 {
            // Not everything that can be done is done before the next thing happens.
            for _ in 0..self.random.usize(..12) {
                self.let_one_go_on()?;
            }
            return Ok(());
        }
        self.settle()?;
        self.check()
    }

    /// Lets somebody go on, whoever it is: whether somebody could.
    fn let_one_go_on(&mut self) -> Result<bool, Violation> {
        let ready = self.tasks.ready();
        let chosen = if self.is_peaceful {
            let next = ready.iter().find(|id| **id > self.turn);
            next.or(ready.first()).copied()
        } else {
            self.random.choice(ready)
        };
        let Some(id) = chosen else { return Ok(false) };
        self.turn = id;
        let ended = self.tasks.go_on(id);
        (id, ended.is_some()).hash(&mut self.trail);
        self.take_note()?;
        match ended {
            Some(Ended::Call(answer)) => self.answered(id, answer)?,
            Some(Ended::Loop) | None => (),
        }
        Ok(true)
    }

    /// Lets everybody go on until nobody can, and holds against what must be true then.
    fn settle(&mut self) -> Result<(), Violation> {
        for _ in 0..STEPS_MAX {
            if !self.let_one_go_on()? {
                return self.check_rest();
            }
        }
        Err(Violation::Restless(STEPS_MAX))
    }

    /// Somebody asks a server.
    fn ask(&mut self, server: usize, call: Call) {
        let key = match &call {
            Call::Submit(_) | Call::Lease { .. } | Call::Order { .. } => None,
            Call::Command { key, .. }
            | Call::Get { key }
            | Call::End { key, .. }
            | Call::Change { key, .. } => Some(*key),
        };
        let known = key.and_then(|key| self.ledger.operations.get(&key));
        let open = Open {
            server,
            call: call.clone(),
            asked_at: self.passed,
            version: known.map_or(0, |known| known.acknowledged),
            over_at: None,
        };
        let Server { engine, .. } = &self.servers[server];
        let asked = call.ask(Arc::clone(engine), self.servers[server].bug());
        let task = self.tasks.spawn(asked.map(Ended::Call).boxed_local());
        self.calls.insert(task, open);
    }

    fn any_server(&mut self) -> usize {
        self.random.usize(..self.servers.len())
    }

    fn any_worker(&mut self) -> usize {
        self.random.usize(..WORKERS)
    }

    fn any_operation(&mut self) -> Option<OperationKey> {
        self.random.choice(self.ledger.operations.keys()).copied()
    }

    fn submit(&mut self) {
        let server = self.any_server();
        let now = self.servers[server].clock.shows();
        self.called += 1;
        let submission = wishes::submission(&mut self.random, self.called, now, 2 * PEACE_MILLIS);
        self.ask(server, Call::Submit(submission));
    }

    fn ask_for_work(&mut self) {
        let worker = self.any_worker();
        self.send(Message::Lease { worker });
    }

    fn send(&mut self, message: Message) {
        self.network.send(&mut self.random, self.passed, message);
    }

    /// A worker does something about an operation that it believes to hold.
    fn work(&mut self) {
        let worker = self.any_worker();
        let Some(operation) = self.workers[worker].any(&mut self.random) else {
            return;
        };
        let key = operation.key;
        let message = if self.random.u8(..4) == 0 {
            let fence = operation.fence;
            Message::Heartbeat { key, fence }
        } else {
            let report = wishes::report(&mut self.random, &operation);
            Message::Report { key, report }
        };
        self.send(message);
    }

    /// Somebody reports about an operation that is not theirs, with a fence that they made up.
    fn lie(&mut self) {
        let Some(key) = self.any_operation() else {
            return;
        };
        let report = wishes::lie(&mut self.random);
        self.network
            .fly(self.passed, Message::Report { key, report });
    }

    /// A worker reports what it knows of one operation about another.
    fn mix_up(&mut self) {
        let worker = self.any_worker();
        let told = self.workers[worker].any(&mut self.random);
        if let (Some(operation), Some(key)) = (told, self.any_operation()) {
            let report = wishes::report(&mut self.random, &operation);
            self.send(Message::Report { key, report });
        }
    }

    fn command(&mut self, key: OperationKey, command: Command) {
        let server = self.any_server();
        // Some ask about what does not exist for them.
        let sight = match self.random.u8(..8) {
            0 => wishes::sight(&mut self.random),
            _ => Sight::All,
        };
        let call = Call::Command {
            key,
            sight,
            command,
        };
        self.ask(server, call);
    }

    fn cancel(&mut self) {
        if let Some(key) = self.any_operation() {
            self.command(key, Command::Cancel);
        }
    }

    fn delete(&mut self) {
        let Some(key) = self.any_operation() else {
            return;
        };
        if let Some(known) = self.ledger.operations.get_mut(&key) {
            known.may_be_removed = true;
        }
        self.command(key, Command::Delete);
    }

    /// Somebody looks how an operation is.
    fn get(&mut self) {
        if let Some(key) = self.any_operation() {
            let server = self.any_server();
            self.ask(server, Call::Get { key });
        }
    }

    /// Somebody waits for an operation.
    fn wait(&mut self) {
        let Some(key) = self.any_operation() else {
            return;
        };
        let known = self.ledger.operations.get(&key);
        let since = known.map_or(0, |known| known.trail.number);
        let wait = self.random.i64(1..60_000);
        let call = if self.random.bool() {
            Call::End { key, wait }
        } else {
            Call::Change { key, since, wait }
        };
        let server = self.any_server();
        self.ask(server, call);
    }

    /// A worker forgets everything, and hangs up or does not.
    fn die(&mut self) {
        let worker = self.any_worker();
        self.workers[worker].forget_all();
        let is_its =
            |open: &Open| matches!(open.call, Call::Lease { worker: one, .. } if one == worker);
        let its = self.calls.iter().filter(|(_, open)| is_its(open));
        let its: Vec<TaskId> = its.map(|(task, _)| *task).collect();
        if self.random.bool() {
            for task in its {
                self.hang_up(task);
            }
        }
    }

    /// A caller goes, and does not wait for its answer.
    fn abandon(&mut self) {
        if let Some(task) = self.random.choice(self.calls.keys()).copied() {
            self.hang_up(task);
        }
    }

    fn hang_up(&mut self, task: TaskId) {
        self.tasks.drop(task);
        self.story.abandoned += 1;
        if let Some(open) = self.calls.remove(&task)
            && let Call::Lease { wish, .. } = open.call
        {
            let server = &self.servers[open.server];
            let gone = Gone {
                server: open.server,
                starts: server.starts,
                faults: server.witness.seen().faults,
            };
            self.gone.insert(wish.worker, gone);
        }
    }

    /// A server ends, in good order or not, and starts anew on what it has written.
    fn restart(&mut self) -> Result<(), Violation> {
        let number = self.any_server();
        if self.random.u8(..3) == 0 {
            self.end(number)?;
        }
        self.servers[number].die(&mut self.tasks);
        let open = self.calls.iter();
        let open = open.filter(|(_, open)| open.server == number);
        let open: Vec<TaskId> = open.map(|(task, _)| *task).collect();
        for task in open {
            self.tasks.drop(task);
            self.calls.remove(&task);
        }
        let server = &mut self.servers[number];
        server.start_anew(&self.place, &mut self.tasks, &self.limits)?;
        self.story.restarts += 1;
        Ok(())
    }

    /// A server ends in good order: it commits what stands in line, and everybody who has told it something is answered.
    fn end(&mut self, number: usize) -> Result<(), Violation> {
        let server = &mut self.servers[number];
        server.is_ending = true;
        if self.random.bool() {
            server.engine.end_waits();
        }
        server.engine.stop();
        self.settle()?;
        if self.servers[number].is_over(&self.tasks) {
            Ok(())
        } else {
            Err(Violation::Unanswered(format!("end of server {number}")))
        }
    }

    /// A server's clock is set, forward or back, while nothing is under way.
    fn set_a_server(&mut self) -> Result<(), Violation> {
        self.settle()?;
        let by = self.random.i64(-JUMP_MILLIS_MAX..JUMP_MILLIS_MAX);
        let number = self.any_server();
        self.servers[number].jump(by);
        Ok(())
    }

    /// A worker's clock is set, forward or back.
    fn set_a_worker(&mut self) {
        let worker = self.any_worker();
        let by = self.random.i64(-30_000..30_000);
        self.workers[worker].clock.jump(by);
    }

    /// Time passes: a little, or exactly to the next thing that is due, or to a millisecond beside it.
    fn pass_time(&mut self) -> Result<(), Violation> {
        let number = self.any_server();
        let server = &self.servers[number];
        let store = &server.witness.store;
        let due = server.witness.at_once(store.due(server.engine.now(), 0))?;
        let timer = due.next_at.map(|at| at.as_millis() - server.clock.shows());
        let message = self.network.next_at().map(|at| at - self.passed);
        let sleep = server.clock.next_in();
        let millis = match (self.random.u8(..5), timer, message, sleep) {
            (0, Some(millis), _, _) | (1, _, _, Some(millis)) => millis + self.random.i64(-1..=1),
            (2, _, Some(millis), _) => millis,
            _ => self.random.i64(1..5_000),
        };
        self.pass(millis.max(0));
        Ok(())
    }

    fn pass(&mut self, millis: i64) {
        self.passed += millis;
        for server in &self.servers {
            server.clock.pass(millis);
        }
        for worker in &mut self.workers {
            worker.clock.pass(millis);
        }
    }

    /// Every worker sends the heartbeats that are due by its own clock.
    fn beat(&mut self) {
        for worker in 0..WORKERS {
            for message in self.workers[worker].beat(&mut self.random) {
                self.send(message);
            }
        }
    }

    /// What has arrived is asked of a server.
    fn deliver(&mut self) {
        while let Some(message) = self.network.arrived(self.passed) {
            match message {
                Message::Lease { worker } => {
                    let wait = self.random.i64(-20_000..20_000).max(0);
                    let server = self.any_server();
                    self.lease(server, worker, wait);
                }
                Message::Heartbeat { key, fence } => {
                    self.command(key, Command::Heartbeat { fence });
                }
                Message::Report { key, report } => self.command(key, Command::Report(report)),
            }
        }
    }

    fn lease(&mut self, server: usize, worker: usize, wait: i64) {
        self.called += 1;
        let wish = LeaseWish {
            sight: if self.is_peaceful {
                Sight::All
            } else {
                wishes::sight(&mut self.random)
            },
            kinds: wishes::KINDS.iter().map(|kind| (*kind).into()).collect(),
            max: self.random.usize(1..4),
            worker: format!("w{worker}-{}", self.called).into(),
            length_millis: LEASE_MILLIS,
        };
        self.ask(server, Call::Lease { worker, wish, wait });
    }

    /// No more chaos: one good worker, time that passes, everybody's turn, and nothing else. Everything ends.
    fn peace(&mut self) -> Result<(), Violation> {
        self.is_peaceful = true;
        self.journal.lock().is_rough = false;
        let until = self.passed + PEACE_MILLIS;
        while self.passed < until && self.ledger.check_ended().is_err() {
            self.deliver();
            self.settle()?;
            let server = self.any_server();
            self.lease(server, 0, 0);
            self.settle()?;
            self.check()?;
            self.pass(LEASE_MILLIS / 3);
        }
        self.ledger.check_ended()?;
        for (key, known) in &self.ledger.operations {
            let history = self.history(*key, 0)?;
            if let Some(last) = &known.last {
                invariants::check_history(last, &history)?;
            }
        }
        self.story.ended = self.ledger.operations.len();
        for number in 0..self.servers.len() {
            self.end(number)?;
            self.story.faults +=
                usize::try_from(self.servers[number].witness.seen().faults).unwrap_or(usize::MAX);
        }
        self.story.trail = self.trail.finish();
        Ok(())
    }
}
