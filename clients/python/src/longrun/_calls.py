"""The calls of the native API, from their arguments to what their answers mean.

Nothing here does IO: the plain and the async client send the same calls.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from json import dumps
from typing import Callable, Generic, NamedTuple, TypeVar, Union
from urllib.parse import quote, urlsplit

import httpx

from ._errors import BadAnswer, Problem
from ._types import (
    Event,
    Json,
    NewResource,
    Operation,
    read_event,
    read_operation,
    without_none,
    write_instant,
)

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds to wait for an answer that needs no waiting."""
CONNECT_PATIENCE = 10.0
"""Seconds to wait for a connection."""
SLACK = 10.0
"""How many seconds longer than the server was asked to wait we wait for it to say so."""
WAIT_STEP = 30.0
"""How many seconds one call of a longer wait waits."""
ABSENCE_MAX = 60.0
"""How many seconds the server may be away before a wait is given up."""

AnyResource = Union[str, NewResource, Mapping[str, Json]]
"""A resource: its id, or more about it."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that is not sent yet, and how its answer is read."""

    method: str
    path: str
    read: Callable[[Json], T]
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json = None
    patience: float = PATIENCE

    def request(self, server: Server) -> dict[str, Json]:
        """The arguments of `httpx.Client.request`."""
        headers = dict(self.headers)
        content = None
        if self.json is not None:
            headers["Content-Type"] = "application/json"
            text = dumps(self.json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            # A lone surrogate is no letter: the server takes its place holder.
            content = text.encode("utf-8", "replace")
        return {
            "method": self.method,
            "url": f"{server.url}/api/v1/{self.path}",
            "params": list(self.params) or None,
            "headers": headers,
            "content": content,
            "timeout": httpx.Timeout(self.patience, connect=CONNECT_PATIENCE),
        }

    def answer(self, server: Server, response: httpx.Response) -> T:
        """What the answer says. Raises if it is no success."""
        try:
            if response.is_success:
                return self.read(response.json() if response.content else None)
            problem = response.json()
            refused = Problem(
                response.status_code, problem["type"], problem["title"], problem.get("detail")
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadAnswer(server.url, response.status_code) from error
        raise refused


class Server(NamedTuple):
    """A server and the right to ask it."""

    url: str
    token: str | None

    @classmethod
    def named(cls, server: str | None, token: str | None) -> Server:
        """What is not said is taken from the environment."""
        if server is None:
            server = os.environ.get("LONGRUN_SERVER", "http://127.0.0.1:8080")
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server!r} is no address of a server: it begins with http(s)://")
        if token is None:
            token = os.environ.get("LONGRUN_TOKEN")
        return cls(server.rstrip("/"), token)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        headers = {"User-Agent": "longrun-python/0.1.0"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    @property
    def is_here(self) -> bool:
        """Whether it is this machine: no proxy elsewhere finds such a server."""
        host = urlsplit(self.url).hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False


class OperationPage(NamedTuple):
    operations: Sequence[Operation]
    next_page_token: str | None


class EventPage(NamedTuple):
    events: Sequence[Event]
    next_after: int | None


class Leased(NamedTuple):
    operation: Operation
    fence: int
    lease_ms: int


def submit(
    kind: str,
    resources: Iterable[AnyResource],
    *,
    input: Json,
    project: str | None,
    region: str | None,
    resource_group: str | None,
    labels: Mapping[str, str] | None,
    priority: int | None,
    not_before: datetime | None,
    delay: float | timedelta | None,
    deadline: float | timedelta | None,
    retention: float | timedelta | None,
    idempotency_key: str | None,
) -> Call[Operation]:
    draft = {
        "kind": kind,
        "resources": [_new_resource(one) for one in resources] or None,
        "input": input,
        "project": project,
        "region": region,
        "resource_group": resource_group,
        "labels": dict(labels) if labels else None,
        "priority": priority,
        "not_before": None if not_before is None else write_instant(not_before),
        "delay_ms": _millis(delay),
        "deadline_ms": _millis(deadline),
        "retention_ms": _millis(retention),
    }
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    return Call("POST", "operations", read_operation, headers=headers, json=without_none(draft))


def get(id: str) -> Call[Operation]:
    return Call("GET", _operation(id), read_operation)


def wait(id: str, seconds: float) -> Call[Operation]:
    # The server counts whole seconds.
    headers = {"Prefer": f"wait={-int(-seconds // 1)}"}
    patience = seconds + SLACK
    return Call("GET", _operation(id), read_operation, headers=headers, patience=patience)


def cancel(id: str) -> Call[Operation]:
    return Call("POST", f"{_operation(id)}:cancel", read_operation)


def delete(id: str) -> Call[None]:
    return Call("DELETE", _operation(id), lambda _: None)


def list_page(
    *,
    status: str | None,
    kind: str | None,
    labels: Mapping[str, str] | None,
    project: str | None,
    created_after: datetime | None,
    stuck: bool,
    page_size: int | None,
    page_token: str | None,
) -> Call[OperationPage]:
    said = {
        "status": status,
        "kind": kind,
        "project": project,
        "created_after": None if created_after is None else write_instant(created_after),
        "stuck": "true" if stuck else None,
        "page_size": None if page_size is None else str(page_size),
        "page_token": page_token,
    }
    params = [(name, value) for name, value in said.items() if value is not None]
    params += [("label", f"{key}={value}") for key, value in (labels or {}).items()]

    def read(page: Json) -> OperationPage:
        return OperationPage(
            [read_operation(one) for one in page["operations"]], page["next_page_token"]
        )

    return Call("GET", "operations", read, params=params)


def event_page(id: str, after: int) -> Call[EventPage]:
    def read(page: Json) -> EventPage:
        return EventPage([read_event(one) for one in page["events"]], page["next_after"])

    return Call("GET", f"{_operation(id)}/events", read, params=[("after", str(after))])


def lease(
    kinds: Sequence[str], max: int, lease_ms: int, wait: float, worker: str
) -> Call[Sequence[Leased]]:
    wish = {
        "kinds": list(kinds),
        "max": max,
        "lease_ms": lease_ms,
        "wait_ms": round(wait * 1_000),
        "worker": worker,
    }

    def read(answer: Json) -> Sequence[Leased]:
        return [
            Leased(read_operation(one["operation"]), one["fence"], one["lease_ms"])
            for one in answer["leases"]
        ]

    return Call("POST", "leases", read, json=wish, patience=wait + SLACK)


def heartbeat(leases: Sequence[Json], patience: float, wait: float = 0.0) -> Call[Sequence[Json]]:
    """With a wait, the answer comes as soon as one of the leases is not simply held any more."""

    def read(answer: Json) -> Sequence[Json]:
        return _complete(answer["leases"], len(leases))

    body: dict[str, Json] = {"leases": leases}
    if wait > 0:
        body["wait_ms"] = round(wait * 1_000)
    return Call("POST", "leases:heartbeat", read, json=body, patience=patience)


def report(reports: Sequence[Json], patience: float) -> Call[Sequence[Json]]:
    def read(answer: Json) -> Sequence[Json]:
        return _complete(answer["reports"], len(reports))

    body = {"reports": reports}
    return Call("POST", "leases:report", read, json=body, patience=patience)


def _complete(answers: Sequence[Json], count: int) -> Sequence[Json]:
    if len(answers) != count:
        raise ValueError("there are as many answers as there were questions")
    return answers


def _new_resource(resource: AnyResource) -> Mapping[str, Json]:
    if isinstance(resource, str):
        return {"id": resource}
    if isinstance(resource, NewResource):
        return resource.to_json()
    return resource


def _millis(span: float | timedelta | None) -> int | None:
    if span is None:
        return None
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    return round(seconds * 1_000)


def _operation(id: str) -> str:
    return f"operations/{quote(id, safe='')}"
