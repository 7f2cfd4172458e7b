"""What can go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._types import Operation


class LongrunError(Exception):
    """Something went wrong with a call."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may do better later."""
        return False


class Unreachable(LongrunError):
    """There was no answer."""

    @property
    def is_transient(self) -> bool:
        return True


class BadAnswer(LongrunError):
    """There was an answer, and it is none of a Longrun server."""

    def __init__(self, server: str, status: int) -> None:
        super().__init__(f"{server} does not answer like a Longrun server (status {status})")
        self.status = status

    @property
    def is_transient(self) -> bool:
        # What stands in front of a server answers in words of its own while it is away.
        return _is_transient(self.status)


class Problem(LongrunError):
    """The server refused."""

    def __init__(self, status: int, type: str, title: str, detail: str | None) -> None:
        super().__init__(f"{detail or title} (status {status})")
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail

    @property
    def name(self) -> str:
        """The last part of the type, for example ``not-found``."""
        return self.type.rpartition(":")[2]

    @property
    def is_transient(self) -> bool:
        return _is_transient(self.status)


class WaitTimeout(LongrunError, TimeoutError):
    """An operation has not ended in time."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(f"{operation.id} is {operation.status}")
        self.operation = operation


class Failure(Exception):
    """What a handler raises when its work has failed.

    ``code`` is for programs and ``message`` for people; ``retryable`` says
    whether another try may do better.
    """

    def __init__(self, code: str, message: str = "", *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.retryable = retryable


def _is_transient(status: int) -> bool:
    return status == 429 or 500 <= status <= 599
