"""What handlers are handed, and what comes of them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from json import dumps
from typing import Callable

from ._errors import Failure
from ._types import Json, Operation, Resource, without_none

PAYLOAD_BYTES_MAX = 64 * 1024
"""Bytes of an output or of a message that a server takes."""
CODE_BYTES_MAX = 256
"""Bytes of a code that a server takes."""


class Cancellation:
    """Says that an operation shall be cancelled, or that its lease is lost.

    A handler that goes on and succeeds has succeeded; one that raises from then
    on was cancelled. Both threads and coroutines can wait for it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._set = threading.Event()
        self._waiting: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        """Whether it has been said."""
        return self._set.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits in a plain handler; says whether it has been said."""
        return self._set.wait(timeout)

    async def waited(self) -> None:
        """Waits in an async handler."""
        if not self.is_set():
            future = self._loop.create_future()
            self._waiting.append(future)
            await future

    def set(self) -> None:
        """Says it. Called in the loop alone."""
        self._set.set()
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()


@dataclass(frozen=True)
class Unit:
    """Something that can be worked on by itself: a resource, or a whole operation that has none."""

    operation: Operation
    resource: Resource | None
    cancel: Cancellation

    @property
    def id(self) -> str:
        """The id of the resource, or that of the operation if it has none."""
        return self.resource.id if self.resource else self.operation.id

    @property
    def input(self) -> Json:
        """What the submitter said about the resource, or about the operation if it has none."""
        return self.resource.input if self.resource else self.operation.input


class Whole:
    """An operation in hand, with all of its resources that are still open.

    A handler tells of resources as they end. What it returns ends the operation:
    what is still open has succeeded then, and has failed when the handler raises.
    Telling is safe from any thread.
    """

    def __init__(
        self, operation: Operation, cancel: Cancellation, tell: Callable[[News], None]
    ) -> None:
        self.operation = operation
        self.cancel = cancel
        self._tell = tell
        self._lock = threading.Lock()
        self._open = {resource.id for resource in operation.resources}
        self._last: Json = None

    @property
    def input(self) -> Json:
        """What the submitter said about the operation."""
        return self.operation.input

    def succeeded(self, resource: str, output: Json = None) -> None:
        """Tells that a resource went well. Raises ``KeyError`` if it is no open one."""
        self._note(resource, Outcome.of(output))

    def failed(self, resource: str, failure: Failure) -> None:
        """Tells that a resource went wrong. Raises ``KeyError`` if it is no open one."""
        self._note(resource, Outcome.failed(failure))

    def progress(self, percent: int, message: str = "") -> None:
        """Tells how far the operation is: from 0 to 100, and in words."""
        percent = min(max(percent, 0), 100)
        self._tell(News(progress=percent, message=cut(message, PAYLOAD_BYTES_MAX) or None))

    def _note(self, resource: str, outcome: Outcome) -> None:
        told = outcome.about(resource)
        with self._lock:
            self._open.remove(resource)
            if not self._open:
                # The last one is told together with the end, so that the end can have an output.
                self._last = told
                return
        self._tell(News(resource=told))

    def end(self, outcome: Outcome) -> News:
        """How the operation ends when its handler has. Called by the worker."""
        with self._lock:
            last = self._last
        if last is not None and outcome.says_nothing:
            # The results say all that there is to say.
            return News(resource=last)
        return News(resource=last, finish=outcome.finish(self.cancel.is_set()))


@dataclass(frozen=True)
class News:
    """Something to tell the server about an operation."""

    resource: Json = None
    progress: int | None = None
    message: str | None = None
    finish: Json = None
    release: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a handler, within what a server takes."""

    output: Json = None
    error: Json = None

    @classmethod
    def of(cls, output: Json) -> Outcome:
        """The outcome of a handler that has returned."""
        try:
            text = dumps(output, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            return cls.failed(Failure("no-json", f"the output cannot be written: {error}"))
        output_bytes = len(text.encode("utf-8", "replace"))
        if output_bytes > PAYLOAD_BYTES_MAX:
            message = f"the output has {output_bytes} bytes, of {PAYLOAD_BYTES_MAX}"
            return cls.failed(Failure("output-too-large", message))
        return cls(output=output)

    @classmethod
    def raised(cls, error: BaseException) -> Outcome:
        """The outcome of a handler that has raised."""
        if not isinstance(error, Failure):
            text = str(error)
            name = type(error).__name__
            error = Failure("error", f"{name}: {text}" if text else name)
        return cls.failed(error)

    @classmethod
    def failed(cls, failure: Failure) -> Outcome:
        """A failure, cut to what a server takes."""
        error = {
            "code": cut(failure.code, CODE_BYTES_MAX),
            "message": cut(failure.message, PAYLOAD_BYTES_MAX),
            "retryable": failure.retryable,
        }
        return cls(error=error)

    @property
    def has_failed(self) -> bool:
        return self.error is not None

    @property
    def says_nothing(self) -> bool:
        """Whether it went well and nothing came of it."""
        return self.output is None and self.error is None

    def about(self, resource: str) -> Json:
        """What is told of a resource."""
        return {"id": resource, **self._result()}

    def finish(self, is_cancelled: bool) -> Json:
        """What is told of the operation as a whole."""
        if is_cancelled and self.has_failed:
            return {"status": "cancelled"}
        return self._result()

    def _result(self) -> dict[str, Json]:
        status = "failed" if self.has_failed else "succeeded"
        return without_none({"status": status, "output": self.output, "error": self.error})


def cut(text: str, limit_bytes: int) -> str:
    """Cuts a text where a letter ends."""
    return text.encode("utf-8", "replace")[:limit_bytes].decode("utf-8", "ignore")
