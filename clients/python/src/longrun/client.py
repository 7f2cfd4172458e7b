"""Submitting operations and asking about them, from plain and from async code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TypeVar

import httpx

from . import _calls
from ._backoff import Backoff
from ._calls import AnyResource, Call, Server
from ._errors import LongrunError, Unreachable, WaitTimeout
from ._types import Event, Json, Operation

T = TypeVar("T")


class Client:
    """A server and the right to ask it, for plain code. It may be shared between threads.

    What is not said is taken from ``LONGRUN_SERVER`` and ``LONGRUN_TOKEN``.
    """

    def __init__(self, server: str | None = None, token: str | None = None) -> None:
        self._server = Server.named(server, token)
        self._http = httpx.Client(headers=self._server.headers, trust_env=not self._server.is_here)

    def submit(
        self,
        kind: str,
        resources: Iterable[AnyResource] = (),
        *,
        input: Json = None,
        project: str | None = None,
        region: str | None = None,
        resource_group: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        not_before: datetime | None = None,
        delay: float | timedelta | None = None,
        deadline: float | timedelta | None = None,
        retention: float | timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Operation:
        """Submits an operation. Spans are in seconds.

        The same idempotency key with the same submission gives the first operation again.
        """
        call = _calls.submit(
            kind,
            resources,
            input=input,
            project=project,
            region=region,
            resource_group=resource_group,
            labels=labels,
            priority=priority,
            not_before=not_before,
            delay=delay,
            deadline=deadline,
            retention=retention,
            idempotency_key=idempotency_key,
        )
        return self._send(call)

    def get(self, id: str) -> Operation:
        """How an operation stands."""
        return self._send(_calls.get(id))

    def wait(self, id: str, timeout: float | None = None) -> Operation:
        """Waits for the end of an operation, over short absences of the server.

        Raises :class:`WaitTimeout` when it has not ended after so many seconds.
        """
        waiting = _Waiting(timeout)
        while True:
            try:
                seen = self._send(_calls.wait(id, waiting.step()))
            except LongrunError as error:
                time.sleep(waiting.pause_after(error))
            else:
                if waiting.is_over(seen):
                    return seen

    def list(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        labels: Mapping[str, str] | None = None,
        project: str | None = None,
        created_after: datetime | None = None,
        stuck: bool = False,
        page_size: int | None = None,
    ) -> Iterator[Operation]:
        """Operations without their resources, the newest first, page by page as they are needed."""
        token = None
        while True:
            call = _calls.list_page(
                status=status,
                kind=kind,
                labels=labels,
                project=project,
                created_after=created_after,
                stuck=stuck,
                page_size=page_size,
                page_token=token,
            )
            page = self._send(call)
            yield from page.operations
            token = page.next_page_token
            if token is None:
                return

    def cancel(self, id: str) -> Operation:
        """Asks for an operation to be cancelled."""
        return self._send(_calls.cancel(id))

    def delete(self, id: str) -> None:
        """Deletes an operation that has ended."""
        self._send(_calls.delete(id))

    def events(self, id: str, after: int = 0) -> Iterator[Event]:
        """What has happened to an operation since the event with this number."""
        number: int | None = after
        while number is not None:
            page = self._send(_calls.event_page(id, number))
            yield from page.events
            number = page.next_after

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, call: Call[T]) -> T:
        try:
            response = self._http.request(**call.request(self._server))
        except httpx.TransportError as error:
            raise _unreachable(self._server, error) from error
        return call.answer(self._server, response)


class AsyncClient:
    """A server and the right to ask it, for async code.

    What is not said is taken from ``LONGRUN_SERVER`` and ``LONGRUN_TOKEN``.
    """

    def __init__(self, server: str | None = None, token: str | None = None) -> None:
        self._server = Server.named(server, token)
        self._http = httpx.AsyncClient(
            headers=self._server.headers, trust_env=not self._server.is_here
        )

    async def submit(
        self,
        kind: str,
        resources: Iterable[AnyResource] = (),
        *,
        input: Json = None,
        project: str | None = None,
        region: str | None = None,
        resource_group: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
        not_before: datetime | None = None,
        delay: float | timedelta | None = None,
        deadline: float | timedelta | None = None,
        retention: float | timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Operation:
        """Submits an operation. Spans are in seconds.

        The same idempotency key with the same submission gives the first operation again.
        """
        call = _calls.submit(
            kind,
            resources,
            input=input,
            project=project,
            region=region,
            resource_group=resource_group,
            labels=labels,
            priority=priority,
            not_before=not_before,
            delay=delay,
            deadline=deadline,
            retention=retention,
            idempotency_key=idempotency_key,
        )
        return await self._send(call)

    async def get(self, id: str) -> Operation:
        """How an operation stands."""
        return await self._send(_calls.get(id))

    async def wait(self, id: str, timeout: float | None = None) -> Operation:
        """Waits for the end of an operation, over short absences of the server.

        Raises :class:`WaitTimeout` when it has not ended after so many seconds.
        """
        waiting = _Waiting(timeout)
        while True:
            try:
                seen = await self._send(_calls.wait(id, waiting.step()))
            except LongrunError as error:
                await asyncio.sleep(waiting.pause_after(error))
            else:
                if waiting.is_over(seen):
                    return seen

    async def list(
        self,
        *,
        status: str | None = None,
        kind: str | None = None,
        labels: Mapping[str, str] | None = None,
        project: str | None = None,
        created_after: datetime | None = None,
        stuck: bool = False,
        page_size: int | None = None,
    ) -> AsyncIterator[Operation]:
        """Operations without their resources, the newest first, page by page as they are needed."""
        token = None
        while True:
            call = _calls.list_page(
                status=status,
                kind=kind,
                labels=labels,
                project=project,
                created_after=created_after,
                stuck=stuck,
                page_size=page_size,
                page_token=token,
            )
            page = await self._send(call)
            for operation in page.operations:
                yield operation
            token = page.next_page_token
            if token is None:
                return

    async def cancel(self, id: str) -> Operation:
        """Asks for an operation to be cancelled."""
        return await self._send(_calls.cancel(id))

    async def delete(self, id: str) -> None:
        """Deletes an operation that has ended."""
        await self._send(_calls.delete(id))

    async def events(self, id: str, after: int = 0) -> AsyncIterator[Event]:
        """What has happened to an operation since the event with this number."""
        number: int | None = after
        while number is not None:
            page = await self._send(_calls.event_page(id, number))
            for event in page.events:
                yield event
            number = page.next_after

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(**call.request(self._server))
        except httpx.TransportError as error:
            raise _unreachable(self._server, error) from error
        return call.answer(self._server, response)


class _Waiting:
    """How a wait goes on: what both clients share of it."""

    def __init__(self, timeout: float | None) -> None:
        self._until = None if timeout is None else time.monotonic() + timeout
        self._backoff = Backoff(0.2, 5.0)
        self._heard_at = time.monotonic()

    def step(self) -> float:
        """How many seconds the next call waits."""
        if self._until is None:
            return _calls.WAIT_STEP
        return min(max(self._until - time.monotonic(), 0.0), _calls.WAIT_STEP)

    def is_over(self, seen: Operation) -> bool:
        """Whether the wait is over. Raises if it is because of the time."""
        self._heard_at = time.monotonic()
        self._backoff.reset()
        if not seen.has_ended and self._until is not None and self._heard_at >= self._until:
            raise WaitTimeout(seen)
        return seen.has_ended

    def pause_after(self, error: LongrunError) -> float:
        """The pause before the next try. Raises if there is none."""
        if not error.is_transient or time.monotonic() - self._heard_at > _calls.ABSENCE_MAX:
            raise error
        return self._backoff.pause()


def _unreachable(server: Server, error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"{server.url} cannot be reached: {error or type(error).__name__}")
