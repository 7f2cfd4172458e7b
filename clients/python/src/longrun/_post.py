"""The one line to the server about all leases.

What there is to tell is told in batches, silence is filled with heartbeats, and
what the server says about a lease is passed on. One such call is under way at a
time, and what comes in meanwhile shares the next one: the more there is to tell,
the more of it goes into one call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from json import dumps
from typing import Any, Callable, Protocol, TypeVar

from . import _calls
from ._backoff import Backoff
from ._calls import Call, Leased
from ._errors import LongrunError
from ._types import Json
from ._work import News

LEASES_MAX = 1_000
"""Leases that one call may be about."""
RESULTS_MAX = 4_000
"""Results in one report call."""
REPORT_BYTES_MAX = 4 << 20
"""About how many bytes a report call has at most, well below the server's limit of a body."""
PATIENCE_MIN = 1.0
"""The least number of seconds that one call is given."""
MOMENT = 0.05
"""How many seconds old a lease must be to be listened for: what is done in less costs no call."""
DEAFNESS = 2.0
"""How many seconds nothing is listened for after a call that failed."""
LISTEN_MAX = 30.0
"""How many seconds a call listens at most, so that a connection that is gone is noticed."""

logger = logging.getLogger("longrun")
T = TypeVar("T")


class Holder(Protocol):
    """Whoever works under a lease."""

    def cancelled(self) -> None:
        """The operation shall be cancelled."""

    def lost(self) -> None:
        """The lease is lost: nothing that is told will be heard."""

    def heard(self, results: int) -> None:
        """The server has so many more results."""

    def settled(self) -> None:
        """The server has heard everything, or never will."""


class Sender(Protocol):
    """What sends calls."""

    async def _send(self, call: Call[T]) -> T: ...


class Lease:
    """One lease, with what there is to tell about it."""

    def __init__(self, leased: Leased, holder: Holder, now: float) -> None:
        self.id = leased.operation.id
        self.fence = leased.fence
        self.length = leased.lease_ms / 1_000
        self.began_at = now
        self.heard_at = now
        self.is_over = False
        self.is_cancelled = False
        self._holder = holder
        self._is_done = False
        # By resource: of each, only the last news count.
        self._resources: dict[str, Json] = {}
        self._progress: tuple[int, str | None] | None = None
        self._finish: Json = None
        self._release = False

    @property
    def name(self) -> Json:
        return {"id": self.id, "fence": self.fence}

    @property
    def has_mail(self) -> bool:
        return bool(self._resources or self._progress is not None or self._finish or self._release)

    @property
    def is_settled(self) -> bool:
        return self._is_done and not self.has_mail

    def take(self, news: News) -> None:
        """Takes news in."""
        if self.is_over:
            return
        if news.resource is not None:
            self._resources[news.resource["id"]] = news.resource
        if news.progress is not None:
            self._progress = (news.progress, news.message)
        if news.finish is not None:
            self._finish = news.finish
        self._release = self._release or news.release

    def close(self) -> None:
        """Nothing more will come in."""
        self._is_done = True

    def report(self, results_max: int, bytes_max: int) -> tuple[Json, int, int]:
        """What to tell, with how many results and about how many bytes.

        The end goes with the last of the results.
        """
        resources: list[Json] = []
        size = 0
        for resource in islice(self._resources.values(), results_max):
            if size >= bytes_max:
                break
            resources.append(resource)
            size += len(dumps(resource, ensure_ascii=False)) + 64
        told: dict[str, Json] = {**self.name}
        if resources:
            told["resources"] = resources
        if self._progress is not None:
            told["progress"] = self._progress[0]
            if self._progress[1]:
                told["message"] = self._progress[1]
        if len(resources) == len(self._resources):
            if self._finish:
                told["finish"] = self._finish
            if self._release:
                told["release"] = True
        return told, len(resources), size

    def hear_report(self, count: int, answer: Mapping[str, Json], sent_at: float) -> None:
        """The server has answered a report with so many results."""
        if self.is_over:
            return
        if not answer["accepted"]:
            self.lose(answer.get("reason") or "refused")
            return
        self._renew(sent_at)
        told = {id: self._resources.pop(id) for id in list(islice(self._resources, count))}
        self._progress = None
        had_finish = False
        if not self._resources:
            had_finish = self._finish is not None
            self._finish = None
            self._release = False
        self._holder.heard(sum(one["status"] != "running" for one in told.values()))
        status = answer.get("status")
        if status in ("running", "cancelling"):
            self._mend(told, had_finish, answer.get("refused") or ())
            if status == "cancelling":
                self._cancel()
        else:
            # It has ended, or waits again: whatever still runs for it runs in vain.
            self._end()
            self._holder.lost()

    def hear_beat(self, answer: Mapping[str, Json], sent_at: float) -> None:
        """The server has answered a heartbeat."""
        if self.is_over:
            return
        if answer["state"] == "lost":
            self.lose(answer.get("reason") or "lost")
            return
        self._renew(sent_at)
        if answer["state"] == "cancel":
            self._cancel()

    def _renew(self, sent_at: float) -> None:
        # A call that waited comes back after one that did not.
        self.heard_at = max(self.heard_at, sent_at)

    def _cancel(self) -> None:
        self.is_cancelled = True
        self._holder.cancelled()

    def lose(self, reason: str) -> None:
        """It is somebody else's now, or nobody's."""
        if self.is_over:
            return
        logger.warning("%s: the lease %d is lost: %s", self.id, self.fence, reason)
        self._end()
        self._holder.lost()

    def settle(self) -> None:
        self._holder.settled()

    def _mend(
        self, told: Mapping[str, Json], had_finish: bool, refused: Iterable[Mapping[str, Json]]
    ) -> None:
        """Tells failures in place of results that the server cannot take.

        Without any result, the operation would never end.
        """
        error = {"code": "result-refused", "message": "the server did not take the result"}
        for part in refused:
            if part["reason"] != "invalid":
                # An answer that was lost makes us tell the same again: that is no news then.
                continue
            resource = part.get("resource")
            if resource is not None and resource in told:
                self._resources[resource] = {"id": resource, "status": "failed", "error": error}
            elif resource is None and had_finish:
                self._finish = {"status": "failed", "error": error}

    def _end(self) -> None:
        self.is_over = True
        self._resources.clear()
        self._progress = None
        self._finish = None
        self._release = False


class Post:
    """All leases of a worker. It lives in one loop."""

    def __init__(self, client: Sender, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._leases: dict[int, Lease] = {}
        # What comes in during a call waits here: what was told and what was not stay apart.
        self._inbox: list[tuple[Lease, News | None]] = []
        self._stirred = asyncio.Event()
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._backoff = Backoff(0.05, 2.0)

    def begin(self, lease: Lease) -> None:
        """Keeps a lease from now on."""
        self._leases[id(lease)] = lease
        self._idle.clear()
        self._stirred.set()
        self._begun.set()

    def tell(self, lease: Lease, news: News) -> None:
        """Passes news on as soon as it can."""
        self._inbox.append((lease, news))
        self._stirred.set()

    def close(self, lease: Lease) -> None:
        """Nothing more is to be told about a lease."""
        self._inbox.append((lease, None))
        self._stirred.set()

    async def drained(self) -> None:
        """Waits until nothing is left to tell."""
        await self._idle.wait()

    async def run(self) -> None:
        """Talks with the server until it is cancelled."""
        listening = asyncio.ensure_future(self._listen())
        try:
            await self._talk()
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        """Hears at once what the server wants of a lease, by heartbeats that wait.

        Each is about all leases that are older than a moment. When there are others, it is
        given up and begun anew.
        """
        while True:
            self._begun.clear()
            leases = self._obeying()[:LEASES_MAX]
            if leases:
                listening = asyncio.ensure_future(self._hear(leases))
                try:
                    await self._until_others(leases, listening)
                finally:
                    listening.cancel()
            else:
                await self._begun.wait()
            await asyncio.sleep(MOMENT)

    def _obeying(self) -> list[Lease]:
        """The leases of which an order of the server would be news."""
        return [lease for lease in self._kept() if not lease.is_cancelled]

    async def _until_others(self, leases: Sequence[Lease], listening: asyncio.Future[None]) -> None:
        """Waits until the call has ended, or there are leases that it is not about."""
        while not listening.done():
            begun = asyncio.ensure_future(self._begun.wait())
            try:
                either: set[asyncio.Future[Any]] = {listening, begun}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                begun.cancel()
            self._begun.clear()
            # What is done in a moment is not worth a new call.
            await asyncio.sleep(MOMENT)
            if len(leases) < LEASES_MAX and any(one not in leases for one in self._obeying()):
                return

    async def _hear(self, leases: Sequence[Lease]) -> None:
        sent_at = self._clock()
        # Shorter than the pause between heartbeats, which are not needed then.
        wait = min(min(lease.length for lease in leases) / 4, LISTEN_MAX)
        call = _calls.heartbeat([lease.name for lease in leases], wait + PATIENCE_MIN, wait)
        try:
            answers = await self._client._send(call)
        except LongrunError as error:
            # Heartbeats find out what is to be done about it.
            logger.debug("a heartbeat that waits failed: %s", error)
            await asyncio.sleep(DEAFNESS)
            return
        for lease, answer in zip(leases, answers):
            lease.hear_beat(answer, sent_at)

    async def _talk(self) -> None:
        while True:
            if not any(lease.has_mail for lease in self._leases.values()):
                await self._stir()
            self._take_in()
            self._give_up()
            await self._beat()
            await self._report()
            self._let_go()

    def _take_in(self) -> None:
        self._stirred.clear()
        for lease, news in self._inbox:
            if news is None:
                lease.close()
            else:
                lease.take(news)
        self._inbox.clear()

    async def _stir(self) -> None:
        """Waits until there is news, or a heartbeat is due."""
        due_at = self._next_beat_at()
        pause = None if due_at is None else max(due_at - self._clock(), 0.0)
        try:
            await asyncio.wait_for(self._stirred.wait(), pause)
        except asyncio.TimeoutError:
            return

    def _kept(self) -> list[Lease]:
        return [lease for lease in self._leases.values() if not lease.is_over]

    def _next_beat_at(self) -> float | None:
        beats = (lease.heard_at + lease.length / 3 for lease in self._kept())
        return min(beats, default=None)

    def _give_up(self) -> None:
        """Lets go of leases that must have ended by now."""
        now = self._clock()
        for lease in self._kept():
            if lease.heard_at + lease.length <= now:
                lease.lose("no answer while the lease lasted")

    async def _beat(self) -> None:
        """Sends heartbeats, if any are due. Those that are nearly due go along."""
        sent_at = self._clock()
        due_at = self._next_beat_at()
        if due_at is None or due_at > sent_at:
            return
        due = [one for one in self._kept() if one.heard_at + one.length / 4 <= sent_at]
        due = due[:LEASES_MAX]
        call = _calls.heartbeat([lease.name for lease in due], _patience(due))
        for lease, answer in zip(due, await self._ask(call, due)):
            lease.hear_beat(answer, sent_at)

    async def _report(self) -> None:
        """Reports as much as goes into one call."""
        sent_at = self._clock()
        results_left, bytes_left = RESULTS_MAX, REPORT_BYTES_MAX
        told: list[tuple[Lease, int]] = []
        reports: list[Json] = []
        for lease in self._leases.values():
            if len(told) == LEASES_MAX or results_left <= 0 or bytes_left <= 0:
                break
            if lease.has_mail:
                report, count, size = lease.report(results_left, bytes_left)
                results_left -= count
                bytes_left -= size
                told.append((lease, count))
                reports.append(report)
        if not told:
            return
        leases = [lease for lease, _ in told]
        answers = await self._ask(_calls.report(reports, _patience(leases)), leases)
        for (lease, count), answer in zip(told, answers):
            lease.hear_report(count, answer, sent_at)

    async def _ask(self, call: Call[Sequence[Json]], leases: Sequence[Lease]) -> Sequence[Json]:
        """The answers. There are none when the leases are lost, or it is worth another try."""
        try:
            answers = await self._client._send(call)
        except LongrunError as error:
            if error.is_transient:
                logger.warning("trying again: %s", error)
                await asyncio.sleep(self._backoff.pause())
            else:
                for lease in leases:
                    lease.lose(str(error))
            return ()
        self._backoff.reset()
        return answers

    def _let_go(self) -> None:
        for key, lease in list(self._leases.items()):
            if lease.is_settled:
                del self._leases[key]
                lease.settle()
        if not self._leases:
            self._idle.set()


def _patience(leases: Iterable[Lease]) -> float:
    """How many seconds a call about these leases may take."""
    return max(min(lease.length for lease in leases) / 3, PATIENCE_MIN)
