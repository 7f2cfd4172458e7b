"""What goes over the wire of the native API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Any
"""Whatever can be written as JSON."""


@dataclass(frozen=True)
class NewResource:
    """A resource of an operation that is to be submitted."""

    id: str
    type: str | None = None
    input: Json = None

    def to_json(self) -> dict[str, Json]:
        return without_none({"id": self.id, "type": self.type, "input": self.input})


@dataclass(frozen=True)
class Tally:
    """How many resources of an operation stand how."""

    succeeded: int
    failed: int
    unfinished: int


@dataclass(frozen=True)
class Progress:
    """How far an operation is."""

    percent: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class ErrorInfo:
    """What went wrong with an operation or a resource."""

    code: str
    message: str
    retryable: bool = False


@dataclass(frozen=True)
class Resource:
    """One thing that an operation works on.

    ``status`` is ``pending``, ``running``, ``succeeded``, ``failed`` or
    ``cancelled``; ``input`` is shown to workers only.
    """

    id: str
    status: str
    type: str | None = None
    input: Json = None
    output: Json = None
    error: ErrorInfo | None = None


@dataclass(frozen=True)
class Operation:
    """What a caller waits for.

    ``status`` is ``queued``, ``running``, ``cancelling``, ``succeeded``,
    ``failed``, ``partial``, ``cancelled`` or ``expired``; ``input`` is shown to
    workers only, and ``resources`` are left out of lists.
    """

    id: str
    task_id: int
    job_id: str
    kind: str
    status: str
    tally: Tally
    version: int
    attempt: int
    created_at: datetime
    resources: Sequence[Resource] = ()
    progress: Progress = field(default_factory=Progress)
    input: Json = None
    output: Json = None
    error: ErrorInfo | None = None
    attempts_max: int | None = None
    project: str | None = None
    region: str | None = None
    resource_group: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    not_before: datetime | None = None
    deadline_at: datetime | None = None
    expires_at: datetime | None = None
    stuck: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.ended_at is not None

    @property
    def has_succeeded(self) -> bool:
        """Whether it has ended and all of it went well."""
        return self.status == "succeeded"

    def resource(self, id: str) -> Resource:
        """The resource with this id. Raises ``KeyError`` if there is none."""
        for resource in self.resources:
            if resource.id == id:
                return resource
        raise KeyError(id)


@dataclass(frozen=True)
class EventResource:
    """A resource that an event is about."""

    id: str
    status: str


@dataclass(frozen=True)
class Event:
    """Something that happened to an operation; what is not said is ``None``."""

    number: int
    at: datetime
    type: str
    worker: str | None = None
    fence: int | None = None
    lease_ms: int | None = None
    resources: Sequence[EventResource] = ()
    progress: Progress | None = None
    reason: str | None = None
    status: str | None = None
    not_before: datetime | None = None
    error: ErrorInfo | None = None


def read_operation(data: Mapping[str, Json]) -> Operation:
    """An operation as a server writes it. What it says besides is left out."""
    tally = data["tally"]
    return Operation(
        id=data["id"],
        task_id=data["task_id"],
        job_id=data["job_id"],
        kind=data["kind"],
        status=data["status"],
        tally=Tally(tally["succeeded"], tally["failed"], tally["unfinished"]),
        version=data["version"],
        attempt=data["attempt"],
        created_at=_instant(data["created_at"]),
        resources=tuple(_resource(one) for one in data.get("resources") or ()),
        progress=_progress(data.get("progress")) or Progress(),
        input=data.get("input"),
        output=data.get("output"),
        error=_error(data.get("error")),
        attempts_max=data.get("attempts_max"),
        project=data.get("project"),
        region=data.get("region"),
        resource_group=data.get("resource_group"),
        labels=data.get("labels") or {},
        started_at=_maybe_instant(data.get("started_at")),
        updated_at=_maybe_instant(data.get("updated_at")),
        ended_at=_maybe_instant(data.get("ended_at")),
        not_before=_maybe_instant(data.get("not_before")),
        deadline_at=_maybe_instant(data.get("deadline_at")),
        expires_at=_maybe_instant(data.get("expires_at")),
        stuck=data.get("stuck"),
    )


def read_event(data: Mapping[str, Json]) -> Event:
    """An event as a server writes it."""
    resources = data.get("resources") or ()
    return Event(
        number=data["number"],
        at=_instant(data["at"]),
        type=data["type"],
        worker=data.get("worker"),
        fence=data.get("fence"),
        lease_ms=data.get("lease_ms"),
        resources=tuple(EventResource(one["id"], one["status"]) for one in resources),
        progress=_progress(data.get("progress")),
        reason=data.get("reason"),
        status=data.get("status"),
        not_before=_maybe_instant(data.get("not_before")),
        error=_error(data.get("error")),
    )


def write_instant(instant: datetime) -> str:
    """An instant as a server reads it. One without a zone is refused: it could mean anything."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} names no time zone")
    return instant.isoformat()


def without_none(data: Mapping[str, Json]) -> dict[str, Json]:
    """The same without what is not said."""
    return {name: value for name, value in data.items() if value is not None}


def _resource(data: Mapping[str, Json]) -> Resource:
    return Resource(
        id=data["id"],
        status=data["status"],
        type=data.get("type"),
        input=data.get("input"),
        output=data.get("output"),
        error=_error(data.get("error")),
    )


def _progress(data: Mapping[str, Json] | None) -> Progress | None:
    return Progress(data.get("percent"), data.get("message")) if data else None


def _error(data: Mapping[str, Json] | None) -> ErrorInfo | None:
    if not data:
        return None
    return ErrorInfo(data["code"], data["message"], data.get("retryable", False))


def _instant(text: str) -> datetime:
    # Python 3.9 and 3.10 do not know `Z`.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _maybe_instant(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
