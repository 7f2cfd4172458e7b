"""Carrying out operations."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Callable, NamedTuple, TypeVar, Union

from . import _calls
from ._backoff import Backoff
from ._calls import Leased
from ._errors import LongrunError
from ._post import LEASES_MAX, Lease, Post
from ._types import Json, Operation
from ._work import Cancellation, News, Outcome, Unit, Whole
from .client import AsyncClient

LEASE_WAIT = 20.0
"""How many seconds the server is asked to hold a lease call when there is nothing to do."""

logger = logging.getLogger("longrun")

UnitHandler = Callable[[Unit], Union[Json, Awaitable[Json]]]
WholeHandler = Callable[[Whole], Union[Json, Awaitable[Json]]]
AnyUnitHandler = TypeVar("AnyUnitHandler", bound=UnitHandler)
AnyWholeHandler = TypeVar("AnyWholeHandler", bound=WholeHandler)


class Handler(NamedTuple):
    """A function of the user's, and what it is called for."""

    function: Callable[[Any], Json | Awaitable[Json]]
    is_whole: bool
    is_async: bool


class Worker:
    """Leases operations, calls handlers, and tells what came of it.

    Handlers are plain functions, which run in threads, or async ones. Leases are
    kept by heartbeats and results told in batches. What is not said of the server
    is taken from ``LONGRUN_SERVER`` and ``LONGRUN_TOKEN``.
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        name: str | None = None,
        concurrency: int = 1,
        lease: float = 15.0,
    ) -> None:
        """``concurrency`` is how many calls of handlers run at once, over all operations.

        ``lease`` is how many seconds an operation stays ours when the server hears
        nothing of us; it has nothing to do with how long the work takes.
        """
        if concurrency < 1:
            raise ValueError("a worker does at least one thing at once")
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self.concurrency = concurrency
        self.lease = lease
        self._server = server
        self._token = token
        self._handlers: dict[str, Handler] = {}
        self._lock = threading.Lock()
        self._shift: _Shift | None = None
        self._urgency = 0

    def each_resource(self, kind: str) -> Callable[[AnyUnitHandler], AnyUnitHandler]:
        """Decorates a handler that is called for each open resource of operations of this kind.

        It is called for operations without resources as well.
        """

        def decorate(handler: AnyUnitHandler) -> AnyUnitHandler:
            self._handlers[kind] = Handler(handler, False, _is_async(handler))
            return handler

        return decorate

    def whole_operation(self, kind: str) -> Callable[[AnyWholeHandler], AnyWholeHandler]:
        """Decorates a handler that is called once for each operation of this kind."""

        def decorate(handler: AnyWholeHandler) -> AnyWholeHandler:
            self._handlers[kind] = Handler(handler, True, _is_async(handler))
            return handler

        return decorate

    def run(self) -> None:
        """Works until :meth:`stop` is called or, in the main thread, until SIGINT or SIGTERM.

        The first signal has it finish what runs and hand back the rest, the second end at once.
        """
        with self._heeding_signals():
            asyncio.run(self.work())

    async def work(self) -> None:
        """Works in this loop until :meth:`stop` is called. Cancelling it ends it at once."""
        if not self._handlers:
            raise ValueError("a worker without handlers has nothing to do")
        async with AsyncClient(self._server, self._token) as client:
            shift = _Shift(self, client)
            with self._lock:
                if self._shift is not None:
                    raise RuntimeError("the worker works already")
                self._shift = shift
                shift.heed(self._urgency)
            try:
                await shift.work()
            finally:
                with self._lock:
                    self._shift = None
                    self._urgency = 0

    def stop(self, *, now: bool = False) -> None:
        """Has it finish what runs, hand back the rest and end; or end at once, without a word.

        It may be called from any thread, and before the work has begun.
        """
        with self._lock:
            self._urgency = max(self._urgency, 2 if now else 1)
            if self._shift is not None:
                self._shift.loop.call_soon_threadsafe(self._shift.heed, self._urgency)

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heed(*_: object) -> None:
            # A handler of a signal must not wait for a lock that the code below it may hold.
            urgency.append(None)
            threading.Thread(target=self.stop, kwargs={"now": len(urgency) > 1}).start()

        urgency: list[None] = []
        before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Shift:
    """The work of a worker from its first lease to its last report. It lives in one loop."""

    def __init__(self, worker: Worker, client: AsyncClient) -> None:
        self.loop = asyncio.get_running_loop()
        self.worker = worker
        self.client = client
        self.post = Post(client, self.loop.time)
        self.jobs: set[_Job] = set()
        # Units whose results the server has not heard: no more is leased than can be done.
        self.load = 0
        self._free = worker.concurrency
        self._ready: deque[_Job] = deque()
        self._lighter = asyncio.Event()
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._threads = ThreadPoolExecutor(worker.concurrency, thread_name_prefix="longrun")

    def heed(self, urgency: int) -> None:
        """Ends soon, or at once."""
        if urgency >= 1:
            self._stopping.set()
        if urgency >= 2:
            self._leaving.set()

    async def work(self) -> None:
        post = asyncio.ensure_future(self.post.run())
        leaving = asyncio.ensure_future(self._leaving.wait())
        ending = asyncio.ensure_future(self._take_and_finish())
        try:
            await asyncio.wait({post, leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            for work in (ending, post):
                if work.done():
                    work.result()
        finally:
            for job in list(self.jobs):
                job.abandon()
            for task in (post, leaving, ending):
                task.cancel()
            await asyncio.gather(post, leaving, ending, return_exceptions=True)
            # A plain handler cannot be ended from outside; nobody waits for it.
            self._threads.shutdown(wait=False)

    async def _take_and_finish(self) -> None:
        taking = asyncio.ensure_future(self._take())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A lease that is granted while nobody listens any more is found lost by the server.
            taking.cancel()
            stopping.cancel()
        for job in list(self.jobs):
            job.hand_back()
        logger.info("taking no more, finishing what runs")
        await self.post.drained()
        if taking.done() and not taking.cancelled():
            taking.result()

    async def _take(self) -> None:
        """Takes operations as soon as there is something to do and somebody to do it."""
        backoff = Backoff(0.2, 15.0)
        worker = self.worker
        lease_ms = round(worker.lease * 1_000)
        while True:
            while self.load >= worker.concurrency:
                self._lighter.clear()
                await self._lighter.wait()
            spare = min(worker.concurrency - self.load, LEASES_MAX)
            kinds = list(worker._handlers)
            call = _calls.lease(kinds, spare, lease_ms, LEASE_WAIT, worker.name)
            try:
                leases = await self.client._send(call)
            except LongrunError as error:
                if not error.is_transient:
                    raise
                logger.warning("no operations for now: %s", error)
                await asyncio.sleep(backoff.pause())
                continue
            backoff.reset()
            for leased in leases:
                self._begin(leased)

    def _begin(self, leased: Leased) -> None:
        job = _Job(self, leased, self.worker._handlers[leased.operation.kind])
        self.load += job.load
        self.jobs.add(job)
        self.post.begin(job.lease)
        self._ready.append(job)
        self._dispatch()

    def _dispatch(self) -> None:
        """Gives free slots to what waits, in the order of the leases."""
        while self._free and self._ready:
            job = self._ready[0]
            if job.waiting:
                self._free -= 1
                job.begin_one()
            else:
                self._ready.popleft()

    def call(self, handler: Handler, work: Unit | Whole) -> asyncio.Future[Json]:
        """Calls a handler, in a thread unless it is async."""
        if handler.is_async:
            return asyncio.ensure_future(_awaited(handler.function, work))
        return self.loop.run_in_executor(self._threads, handler.function, work)

    def give_back(self) -> None:
        """A slot is free again."""
        self._free += 1
        self._dispatch()

    def lighten(self, units: int) -> None:
        """So many units are done, and the server knows."""
        self.load -= units
        self._lighter.set()


class _Job:
    """What is left to do of an operation, and what is being done."""

    def __init__(self, shift: _Shift, leased: Leased, handler: Handler) -> None:
        operation = leased.operation
        self.lease = Lease(leased, self, shift.loop.time())
        self._shift = shift
        self._handler = handler
        self._cancel = Cancellation(shift.loop)
        self._running: set[asyncio.Future[Json]] = set()
        self._course = _ON
        self._was_cancelled = False
        self._left = False
        self._is_closed = False
        self.waiting: deque[Unit | Whole] = deque(self._calls(operation))
        self.load = len(self.waiting)

    def _calls(self, operation: Operation) -> Iterator[Unit | Whole]:
        if self._handler.is_whole:
            yield Whole(operation, self._cancel, self._tell_from_anywhere)
            return
        alone = replace(operation, resources=())
        for resource in operation.resources or (None,):
            yield Unit(alone, resource, self._cancel)

    def begin_one(self) -> None:
        """Calls the handler for what waits longest."""
        work = self.waiting.popleft()
        if isinstance(work, Unit) and work.resource is not None:
            self._tell(News(resource={"id": work.resource.id, "status": "running"}))
        call = self._shift.call(self._handler, work)
        self._running.add(call)
        call.add_done_callback(functools.partial(self._ended, work))

    def _ended(self, work: Unit | Whole, call: asyncio.Future[Json]) -> None:
        self._running.discard(call)
        if self._course != _LEAVE:
            self._note(work, _outcome(call))
        elif not call.cancelled():
            # Nobody wants to know, but Python complains about errors that nobody asked for.
            call.exception()
        self._shift.give_back()
        self._close_if_done()

    def _note(self, work: Unit | Whole, outcome: Outcome) -> None:
        if isinstance(work, Whole):
            self._tell(work.end(outcome))
        elif work.resource is None:
            self._tell(News(finish=outcome.finish(self._cancel.is_set())))
        elif outcome.has_failed and self._cancel.is_set():
            self._was_cancelled = True
        else:
            self._tell(News(resource=outcome.about(work.resource.id)))

    def _close_if_done(self) -> None:
        """Says what becomes of that which was not carried out, once nothing runs any more."""
        goes_on = self._course == _ON and self.waiting
        if self._is_closed or self._running or goes_on:
            return
        self._is_closed = True
        if self._left or self._was_cancelled:
            if self._course == _HAND_BACK:
                self._tell(News(release=True))
            elif self._course == _CANCEL:
                self._tell(News(finish={"status": "cancelled"}))
        self._shift.post.close(self.lease)

    def _tell(self, news: News) -> None:
        self._shift.post.tell(self.lease, news)

    def _tell_from_anywhere(self, news: News) -> None:
        # A thread may outlive the loop; then nobody is there to be told.
        with suppress(RuntimeError):
            self._shift.loop.call_soon_threadsafe(self._tell, news)

    def _turn(self, course: int) -> None:
        self._course = course
        self._left = self._left or bool(self.waiting)
        self.waiting.clear()

    def hand_back(self) -> None:
        """Goes on to the end of what runs; the rest is handed back."""
        if self._course == _ON:
            self._turn(_HAND_BACK)
            self._close_if_done()

    def cancelled(self) -> None:
        if self._course < _CANCEL:
            self._turn(_CANCEL)
            self._cancel.set()
            self._close_if_done()

    def lost(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Ends at once, without a word."""
        if self._course < _LEAVE:
            self._turn(_LEAVE)
            self._cancel.set()
            # A thread cannot be ended from outside: its slot is free once it has seen `cancel`.
            if self._handler.is_async:
                self._cancel_calls()
            self._close_if_done()

    def abandon(self) -> None:
        """Ends at once, and waits for no thread either."""
        self.leave()
        self._cancel_calls()

    def _cancel_calls(self) -> None:
        for call in list(self._running):
            call.cancel()

    def heard(self, results: int) -> None:
        # The last unit counts until all is settled.
        results = min(results, self.load - 1)
        self.load -= results
        self._shift.lighten(results)

    def settled(self) -> None:
        self._shift.jobs.discard(self)
        self._shift.lighten(self.load)
        self.load = 0


# Where a job goes from here. It only ever goes down this list.
_ON = 0
_HAND_BACK = 1
_CANCEL = 2
_LEAVE = 3


def _outcome(call: asyncio.Future[Json]) -> Outcome:
    if call.cancelled():
        return Outcome.raised(asyncio.CancelledError("the handler cancelled itself"))
    error = call.exception()
    return Outcome.of(call.result()) if error is None else Outcome.raised(error)


def _is_async(function: Callable[..., object]) -> bool:
    """Whether calling it gives something to wait for, be it a function or an object."""
    while isinstance(function, functools.partial):
        function = function.func
    call = getattr(function, "__call__", None)  # noqa: B004 - what it is, not whether it is
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


async def _awaited(function: Callable[[Any], Json], work: Unit | Whole) -> Json:
    return await function(work)
