"""Drives the Python package against a running server, one case at a time.

    cases.py CASE

LONGRUN_SERVER and LONGRUN_TOKEN say which server; PYTHONPATH leads to the
package. A case that fails raises.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from longrun import (
    AsyncClient,
    Client,
    Failure,
    NewResource,
    Operation,
    Problem,
    Unit,
    Unreachable,
    WaitTimeout,
    Whole,
    Worker,
)

PATIENCE = 60.0
"""How many seconds anything may take."""
LONG = 3_600.0
"""A lease so long that no heartbeat is due in a test."""
SHORT = 0.2
"""A lease so short that a test can outlast it."""

Case = Callable[[], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def async_case(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    CASES[function.__name__] = lambda: asyncio.run(function())


def equal(found: object, expected: object) -> None:
    assert found == expected, f"{found!r} is not {expected!r}"


def statuses(operation: Operation) -> str:
    return " ".join(f"{one.id}={one.status}" for one in operation.resources)


@contextmanager
def refused(name: str) -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        equal(problem.name, name)
    else:
        raise AssertionError(f"nothing was refused as {name}")


@contextmanager
def at_work(worker: Worker) -> Iterator[Client]:
    """Has a worker work in a thread meanwhile, and end in peace."""
    ends: list[BaseException | None] = []

    def work() -> None:
        try:
            worker.run()
        except BaseException as error:
            ends.append(error)
        else:
            ends.append(None)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with Client() as client:
            yield client
    finally:
        worker.stop()
        thread.join(PATIENCE)
    equal(ends, [None])


def when(client: Client, id: str, is_so: Callable[[Operation], bool]) -> Operation:
    """The operation, once it looks as it shall."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        operation = client.get(id)
        if is_so(operation):
            return operation
        time.sleep(0.005)
    raise AssertionError(f"that did not happen in time: {client.get(id)}")


@case
def calls() -> None:
    """What a caller can do, from plain code."""
    with Client() as client:
        labels = {"of": "calls", "with": "x=y"}

        def submit() -> Operation:
            return client.submit(
                "calls",
                ["a", NewResource("b", type="t", input=[1]), {"id": "ü/?"}],
                input={"n": None},
                labels=labels,
                priority=3,
                deadline=timedelta(minutes=5),
                retention=3600,
                idempotency_key="calls-1",
            )

        first, again = submit(), submit()
        equal(again.id, first.id)
        equal((first.status, statuses(first)), ("queued", "a=pending b=pending ü/?=pending"))
        equal((first.tally.unfinished, first.resource("b").type, first.labels), (3, "t", labels))
        assert first.deadline_at is not None
        equal(round((first.deadline_at - first.created_at).total_seconds()), 300)
        with refused("idempotency-mismatch"):
            client.submit("other", idempotency_key="calls-1")
        others = [client.submit("calls", ["a"], labels=labels).id for _ in range(4)]
        listed = [one.id for one in client.list(kind="calls", labels=labels, page_size=2)]
        equal(listed, [*reversed(others), first.id])
        equal(list(client.list(kind="calls", created_after=far_off())), [])
        cancelled = client.cancel(first.id)
        equal((cancelled.status, cancelled.has_ended), ("cancelled", True))
        events = [event.type for event in client.events(first.id)]
        equal(events[0], "submitted")
        equal(events[-1], "ended")
        equal([one.type for one in client.events(first.id, after=1)], events[1:])
        client.delete(first.id)
        with refused("gone"):
            client.get(first.id)


def far_off() -> datetime:
    return datetime.now(timezone.utc) + timedelta(days=1)


@async_case
async def async_calls() -> None:
    """The same from async code."""
    async with AsyncClient() as client:
        first = await client.submit("async-calls", ["a"], labels={"of": "async"})
        second = await client.submit("async-calls", ["a"])
        listed = [one.id async for one in client.list(kind="async-calls", page_size=1)]
        equal(listed, [second.id, first.id])
        try:
            await client.wait(first.id, timeout=0.1)
        except WaitTimeout as timeout:
            equal(timeout.operation.id, first.id)
        else:
            raise AssertionError("nobody works on it")
        waiting = asyncio.ensure_future(client.wait(first.id))
        await client.cancel(first.id)
        equal((await waiting).status, "cancelled")
        events = [event.type async for event in client.events(first.id)]
        equal(events[-1], "ended")
        await client.delete(first.id)
        with refused("gone"):
            await client.get(first.id)


@case
def errors() -> None:
    """What goes wrong has its own exception."""
    with Client() as client:
        with refused("not-found"):
            client.get("op-0/../keys")
        with refused("not-ended"):
            client.delete(client.submit("errors").id)
        with refused("invalid"):
            client.submit("errors", priority=10)
    with Client(token="no such token") as stranger, refused("unauthenticated"):
        stranger.get("op-0")
    try:
        Client("http://127.0.0.1:1").get("op-0")
    except Unreachable as error:
        assert error.is_transient
        assert "http://127.0.0.1:1 cannot be reached" in str(error), error
    for address in ("127.0.0.1:8080", "ftp://h", ""):
        try:
            Client(address)
        except ValueError:
            continue
        raise AssertionError(f"{address} is no address")
    stranger_at_work = Worker(token="no such token")
    stranger_at_work.each_resource("errors")(all_sorts)
    with refused("unauthenticated"):
        stranger_at_work.run()
    try:
        Worker().run()
    except ValueError:
        return
    raise AssertionError("it has nothing to do")


def all_sorts(unit: Unit) -> object:
    if unit.id == "bad":
        raise Failure("full", "no room", retryable=True)
    if unit.id == "raises":
        raise KeyError("on purpose")
    if unit.id == "long":
        return "x" * 70_000
    if unit.id == "strange":
        return {"set": {1}}
    if unit.id == "cut":
        raise Failure("ü" * 200, "y" * 70_000)
    return {"id": unit.id, "input": unit.input}


async def all_sorts_async(unit: Unit) -> object:
    await asyncio.sleep(0)
    return all_sorts(unit)


@case
def each_resource() -> None:
    """Each resource has its own end, whether its handler is plain or async."""
    worker = Worker(concurrency=3)
    worker.each_resource("plain")(all_sorts)
    worker.each_resource("async")(all_sorts_async)
    with at_work(worker) as client:
        for kind in ("plain", "async"):
            good = NewResource("good", input=[7])
            others = ("bad", "raises", "long", "strange", "cut")
            ended = client.wait(client.submit(kind, [good, *others]).id, PATIENCE)
            equal(ended.status, "partial")
            equal(ended.resource("good").output, {"id": "good", "input": [7]})
            codes = [one.error.code for one in ended.resources if one.error]
            equal(codes, ["full", "error", "output-too-large", "no-json", "ü" * 128])
            error = ended.resource("bad").error
            assert error is not None
            equal((error.message, error.retryable), ("no room", True))
            alone = client.wait(client.submit(kind, input=8).id, PATIENCE)
            equal((alone.status, alone.output), ("succeeded", {"id": alone.id, "input": 8}))
            failed = client.wait(client.submit(kind, ["bad"]).id, PATIENCE)
            equal(failed.status, "failed")


@case
def whole_operation() -> None:
    """An operation as a whole ends as its handler says."""
    worker = Worker(concurrency=2)

    def carry_out(whole: Whole) -> object:
        whole.progress(30, "on the way")
        ids = [resource.id for resource in whole.operation.resources]
        for id in ids:
            if id == "bad":
                whole.failed(id, Failure("full"))
            elif id != "left":
                whole.succeeded(id, id)
        try:
            whole.succeeded("a")
        except KeyError:
            pass
        else:
            raise AssertionError("it was told of before")
        if "fails" in ids:
            raise Failure("late", "after all")
        return len(ids)

    async def carry_out_async(whole: Whole) -> object:
        return carry_out(whole)

    worker.whole_operation("whole")(carry_out)
    worker.whole_operation("async-whole")(carry_out_async)
    with at_work(worker) as client:
        for kind in ("whole", "async-whole"):
            for resources, status, told, output in (
                (["a", "b"], "succeeded", "a=succeeded b=succeeded", 2),
                (["a", "bad"], "partial", "a=succeeded bad=failed", 2),
                (["a", "left"], "succeeded", "a=succeeded left=succeeded", 2),
                (
                    ["a", "left", "fails"],
                    "partial",
                    "a=succeeded left=failed fails=succeeded",
                    None,
                ),
            ):
                ended = client.wait(client.submit(kind, resources).id, PATIENCE)
                equal((ended.status, statuses(ended)), (status, told))
                equal(ended.output, output)


@case
def concurrency() -> None:
    """Many operations are carried out at once, but never more calls than were allowed."""
    worker = Worker(concurrency=4)
    lock = threading.Lock()
    running, most = 0, 0

    @worker.each_resource("many")
    def handle(unit: Unit) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0)
        with lock:
            running -= 1

    with at_work(worker) as client:
        ids = [client.submit("many", ["a", "b", "c", "d"]).id for _ in range(30)]
        for id in ids:
            equal(client.wait(id, PATIENCE).status, "succeeded")
    assert 1 <= most <= 4, most


@case
def heartbeats() -> None:
    """A handler may take many times as long as a lease: nobody else gets the operation."""
    worker = Worker(lease=SHORT)
    gate = threading.Event()

    @worker.each_resource("gate")
    def handle(unit: Unit) -> None:
        gate.wait(PATIENCE)

    rival = Worker(name="rival")

    @rival.each_resource("gate")
    def take(unit: Unit) -> object:
        raise AssertionError("it is somebody else's")

    with at_work(worker) as client:
        operation = client.submit("gate", ["a"])
        when(client, operation.id, lambda it: statuses(it) == "a=running")
        with at_work(rival):
            try:
                client.wait(operation.id, timeout=5 * SHORT)
            except WaitTimeout:
                gate.set()
            else:
                raise AssertionError("it ended behind a closed gate")
        ended = client.wait(operation.id, PATIENCE)
        equal((ended.status, ended.attempt), ("succeeded", 1))


@case
def cancelling() -> None:
    """A cancelled operation is told to its handlers at once; they may succeed all the same."""
    worker = Worker(lease=LONG)

    @worker.each_resource("plain")
    def plain(unit: Unit) -> None:
        assert unit.cancel.wait(PATIENCE)
        raise Failure("stopped")

    @worker.each_resource("async")
    async def coroutine(unit: Unit) -> None:
        await unit.cancel.waited()
        raise Failure("stopped")

    @worker.whole_operation("stubborn")
    def stubborn(whole: Whole) -> str:
        assert whole.cancel.wait(PATIENCE)
        return "done all the same"

    with at_work(worker) as client:
        for kind, told in (
            ("plain", "a=cancelled b=cancelled"),
            ("async", "a=cancelled b=cancelled"),
            ("stubborn", "a=succeeded b=succeeded"),
        ):
            operation = client.submit(kind, ["a", "b"])
            when(client, operation.id, lambda it: it.status == "running")
            equal(client.cancel(operation.id).status, "cancelling")
            equal(statuses(client.wait(operation.id, PATIENCE)), told)


@case
def lost_leases() -> None:
    """A handler whose lease is lost is cancelled, and its slot is free again."""
    worker = Worker(lease=SHORT)
    ends: list[str] = []

    @worker.each_resource("plain")
    def plain(unit: Unit) -> None:
        assert unit.cancel.wait(PATIENCE)
        ends.append("plain")

    @worker.each_resource("async")
    async def coroutine(unit: Unit) -> None:
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            ends.append("async")
            raise

    worker.each_resource("next")(all_sorts)
    with at_work(worker) as client:
        for kind in ("plain", "async"):
            operation = client.submit(kind, ["a", "b"], deadline=2 * SHORT)
            equal(client.wait(operation.id, PATIENCE).status, "expired")
            equal(client.wait(client.submit("next").id, PATIENCE).status, "succeeded")
            equal(ends.pop(), kind)
    equal(ends, [])


@case
def stopping() -> None:
    """A worker that shall end finishes what runs and hands back the rest."""
    worker = Worker()
    gate = threading.Event()
    heeded = threading.Event()

    def heeds(record: logging.LogRecord) -> bool:
        if "taking no more" in record.msg:
            heeded.set()
        return True

    logger = logging.getLogger("longrun")
    logger.setLevel(logging.INFO)
    logger.addFilter(heeds)

    @worker.each_resource("stop")
    def handle(unit: Unit) -> None:
        if unit.id != "a":
            gate.wait(PATIENCE)

    with Client() as client:
        operation = client.submit("stop", ["a", "b", "c"])
        with at_work(worker):
            when(client, operation.id, lambda it: statuses(it) == MIDWAY)
            worker.stop()
            assert heeded.wait(PATIENCE)
            gate.set()
        left = client.get(operation.id)
        equal((left.status, statuses(left)), ("queued", "a=succeeded b=succeeded c=pending"))


MIDWAY = "a=succeeded b=running c=pending"


@async_case
async def in_a_loop() -> None:
    """A worker works in a loop of its user's, and ends at once when it is cancelled there."""
    worker = Worker(concurrency=2)
    begun = asyncio.Event()

    @worker.each_resource("loop")
    async def handle(unit: Unit) -> str:
        if unit.id == "stuck":
            begun.set()
            await asyncio.sleep(PATIENCE)
        return unit.id

    async with AsyncClient() as client:
        working = asyncio.ensure_future(worker.work())
        operation = await client.submit("loop", ["a", "b"])
        equal((await client.wait(operation.id, PATIENCE)).status, "succeeded")
        stuck = await client.submit("loop", ["stuck"])
        await asyncio.wait_for(begun.wait(), PATIENCE)
        working.cancel()
        try:
            await working
        except asyncio.CancelledError:
            equal((await client.get(stuck.id)).status, "running")
        else:
            raise AssertionError("it was cancelled")


@case
def until_a_signal() -> None:
    """Works until a signal comes; whoever runs this script sends it, and reads the log."""
    logging.basicConfig(level=logging.INFO)
    worker = Worker(name="until-a-signal")

    @worker.each_resource("signal")
    def handle(unit: Unit) -> None:
        if unit.id == "b":
            # The gate is in the hands of whoever sends the signal.
            sys.stdin.readline()

    worker.run()


if __name__ == "__main__":
    CASES[sys.argv[1]]()
