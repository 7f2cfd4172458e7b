"""Holds the real answers of a server against the description that it gives of itself.

described.py URL TOKEN: validates /openapi.json as OpenAPI 3.1, makes every call
that it describes, good and bad, and validates status, content type and body of
each answer. Ends with 1 and a word about what does not fit.
"""

import sys
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

JSON = dict[str, Any]


class Described:
    """A server, its description, and which calls of it were made."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        self.document: JSON = self.http.get("/openapi.json").raise_for_status().json()
        validate(self.document)
        self.calls = {
            call["operationId"]: (method, path, call)
            for path, item in self.document["paths"].items()
            for method, call in item.items()
            if method != "parameters"
        }
        self.made: set[str] = set()

    def call(self, name: str, status: int, place: str = "", **request: Any) -> Any:
        """Makes a call, which must be answered with this status, as it is described."""
        method, path, call = self.calls[name]
        path = path.replace("{id}", place).replace("{shelf}", place)
        answer = self.http.request(method, path, **request)
        where = f"{name} {path}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code == status, where
        response = self.resolved(call["responses"][str(status)])
        content = response.get("content")
        if content is None:
            assert not answer.content, where
        else:
            kind = answer.headers["content-type"].split(";")[0]
            assert kind in content, f"{where}: {kind}"
            if kind.endswith("json"):
                self.check(content[kind]["schema"], answer.json(), where)
        self.made.add(name)
        return answer.json() if answer.text.startswith("{") else None

    def resolved(self, part: JSON) -> JSON:
        reference: str | None = part.get("$ref")
        if reference is None:
            return part
        return self.document["components"]["responses"][reference.rsplit("/", 1)[1]]

    def check(self, schema: JSON, value: Any, where: str) -> None:
        whole = {**schema, "components": self.document["components"]}
        checker = FormatChecker(formats=["date-time"])
        errors = list(Draft202012Validator(whole, format_checker=checker).iter_errors(value))
        assert not errors, f"{where}: {[error.message for error in errors]}"


def main(url: str, token: str) -> None:
    it = Described(url, token)
    operations(it)
    workers(it)
    keys(it)
    for page in ["healthz", "readyz", "metrics", "openapi"]:
        it.call(page, 200)
    it.call("getShelf", 200, "tencent-vpc")
    it.call("putShelf", 200, "tencent-vpc", json={"templates": {}, "referrers": []})
    it.call("getShelf", 404, "no-shelf")
    missing = it.calls.keys() - it.made
    assert not missing, f"described and not called: {missing}"
    print(len(it.made))


def operations(it: Described) -> None:
    resources = [{"id": "a", "type": "t", "input": {"x": 1}}, {"id": "b"}]
    draft = {"kind": "k", "resources": resources, "labels": {"l": "v"}, "deadline_ms": 60_000}
    key = {"Idempotency-Key": "once"}
    place = it.call("submit", 202, json=draft, headers=key)["id"]
    it.call("submit", 200, json=draft, headers=key)
    it.call("submit", 422, json={**draft, "priority": 9}, headers=key)
    it.call("submit", 400, json={"kind": ""})
    it.call("submit", 415, content="x", headers={"Content-Type": "text/plain"})
    it.call("submitAll", 202, json={"operations": [draft, {"kind": "other", "delay_ms": 60_000}]})
    it.call("submitAll", 400, json={"operations": []})
    it.call("list", 200, params={"label": "l=v", "page_size": 1})
    it.call("list", 200, params={"stuck": "true"})
    it.call("list", 400, params={"status": "strange"})
    it.call("get", 200, place, params={"since": 0}, headers={"Prefer": "wait=1"})
    it.call("get", 404, "op-0")
    it.call("get", 401, place, headers={"Authorization": "Bearer wrong"})
    it.call("resources", 200, place, params={"status": "pending"})
    it.call("events", 200, place)
    it.call("delete", 409, place)
    it.call("cancel", 200, place)
    it.call("cancel", 409, it_ends(it, "fine"))
    stream = {"Accept": "text/event-stream"}
    it.call("events", 200, place, headers=stream)
    it.call("events", 204, place, headers={**stream, "Last-Event-ID": "2"})
    it.call("delete", 204, place)
    it.call("get", 410, place)
    it.call("bulk", 200, json={"action": "cancel", "preview": True, "kind": "k"})
    it.call("bulk", 400, json={"action": "dance"})


def it_ends(it: Described, kind: str) -> str:
    """An operation that a worker has carried out."""
    place: str = it.call("submit", 202, json={"kind": kind})["id"]
    lease = it.call("lease", 200, json={"kinds": [kind]})["leases"][0]
    finish = {"status": "succeeded", "output": {"n": 1}}
    report = {"id": place, "fence": lease["fence"], "finish": finish}
    it.call("report", 200, json={"reports": [report]})
    return place


def workers(it: Described) -> None:
    draft = {"kind": "work", "input": [1], "resources": [{"id": "a", "input": 1}, {"id": "b"}]}
    place = it.call("submit", 202, json=draft)["id"]
    lease = it.call("lease", 200, json={"kinds": ["work"], "max": 5})["leases"][0]
    held = {"id": place, "fence": lease["fence"]}
    it.call("heartbeat", 200, json={"leases": [held, {"id": "op-0", "fence": 1}]})
    results = [
        {"id": "a", "status": "failed", "error": {"code": "E"}},
        {"id": "no", "status": "succeeded"},
    ]
    it.call("report", 200, json={"reports": [{**held, "resources": results, "progress": 50}]})
    it.call("report", 200, json={"reports": [{**held, "fence": 99}, {"id": "op-0", "fence": 1}]})
    it.call("events", 200, place)
    it.call("resources", 200, place)
    finish = {"status": "failed", "error": {"code": "E", "message": "no", "retryable": False}}
    it.call("report", 200, json={"reports": [{**held, "finish": finish}]})
    it.call("get", 200, place)
    it.call("lease", 200, json={"kinds": ["nothing"]})
    it.call("lease", 400, json={"kinds": []})


def keys(it: Described) -> None:
    it.call("addKey", 201, json={"id": "K1", "user": "somebody"})
    it.call("addKey", 201, json={"id": "K2", "policy": {"Version": "1", "Statement": []}})
    it.call("addKey", 400, json={"id": "K1"})
    it.call("addKey", 403, json={"account": "another"})
    it.call("keys", 200)
    it.call("disableKey", 200, "K1")
    it.call("enableKey", 200, "K1")
    it.call("setPassword", 200, "K1", json={"password": "a password of some length"})
    it.call("removePassword", 200, "K1")
    it.call("removeKey", 204, "K1")
    it.call("removeKey", 404, "K1")


if __name__ == "__main__":
    main(*sys.argv[1:])
