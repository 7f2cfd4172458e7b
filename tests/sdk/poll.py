"""Asks about one operation, or for one, with a cloud's own, unmodified Python SDK.

    poll.py CLIENT ID [NAME=VALUE ...]     one poll, one JSON object on stdout
    poll.py serve                          one poll per JSON line on stdin

A line of `serve` is an object with `client`, `id` and any other field of
`Poll`. With an `action` it asks not for the operation `id` but for that action
with `parameters`; NAME=VALUE gives the same fields on the command line. What a poll leaves
out comes from the environment (README.md lists it). The answer tells what the
SDK did: `{"ok": true, "answer": ...}` is what it returned, even if that is a
cloud's error in a body the SDK does not judge; `{"ok": false, "error": ...}` is
what it raised.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from alibabacloud_bpstudio20210931.client import Client as BpStudio
from alibabacloud_bpstudio20210931.models import (
    ExecuteOperationASyncRequest,
    GetExecuteOperationResultRequest,
)
from alibabacloud_tea_openapi.models import Config
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkecs.v2 import EcsClient, ShowJobRequest
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token
from QcloudApi.qcloudapi import QcloudApi
from tencentcloud.bm.v20180423 import bm_client, models as bm_models
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vpc.v20170312 import models as vpc_models, vpc_client

from tunnel import tunnel

# Some SDKs wait for minutes or for ever; a test must not.
TIMEOUT_S = 10

PROXY_VARIABLES = {"http_proxy", "https_proxy", "all_proxy"}


class UsageError(Exception):
    """The poll was not put to any SDK, because something in it is wrong."""


def setting(variable: str) -> Any:
    """A field of `Poll` that the environment gives unless the poll does."""
    return field(default_factory=lambda: os.environ.get(variable))


@dataclass(frozen=True, kw_only=True)
class Poll:
    """One question, to one server, with one key."""

    client: str
    id: str | int | None = None
    action: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    http: str | None = setting("LONGRUN_HTTP")
    https: str | None = setting("LONGRUN_HTTPS")
    key_id: str | None = setting("LONGRUN_KEY_ID")
    secret: str | None = setting("LONGRUN_KEY_SECRET")
    token: str | None = setting("LONGRUN_TOKEN")
    project: str | None = setting("LONGRUN_PROJECT")
    method: str | None = None
    sign: str | None = None
    route: str = "endpoint"
    resource_group_id: str | None = None


def qcloudapi(module: str, action: str, poll: Poll) -> Any:
    """Tencent Cloud API 2.0, which speaks https only.

    The modules `bm` and `vpc` pin their host and ignore `endpoint`. The SDK
    honours it for a module it does not know, with the same code underneath;
    the pinned host is reached through a proxy.
    """
    config = {
        "secretId": poll.key_id,
        "secretKey": poll.secret,
        "method": poll.method or "GET",
        "SignatureMethod": poll.sign or "HmacSHA1",
    }
    match poll.route:
        case "endpoint":
            api = QcloudApi(f"{module}-local", config | {"endpoint": poll.https})
            return qcloudapi_call(api, action, poll)
        case "tunnel":
            with tunnel(str(poll.https)):
                return qcloudapi_call(QcloudApi(module, config), action, poll)
        case other:
            raise UsageError(f"route is `endpoint` or `tunnel`, not `{other}`")


def qcloudapi_call(api: QcloudApi, action: str, poll: Poll) -> Any:
    """The SDK hands over the bytes of the body, whatever they say."""
    parameters = dict(poll.parameters) if poll.action else {"taskId": poll.id}
    return json.loads(
        api.call(poll.action or action, parameters, req_timeout=TIMEOUT_S)
    )


def tencentcloud_bm(poll: Poll) -> Any:
    """Tencent Cloud API 3.0, bare metal."""
    client = tencentcloud(bm_client.BmClient, poll)
    if poll.action:
        return tencentcloud_call(client, bm_models, poll)
    request = bm_models.DescribeOperationResultRequest()
    request.TaskId = number_if_one(poll.id)
    return json.loads(client.DescribeOperationResult(request).to_json_string())


def tencentcloud_vpc(poll: Poll) -> Any:
    """Tencent Cloud API 3.0, vpc: one action asks by a number, one by a text."""
    client = tencentcloud(vpc_client.VpcClient, poll)
    if poll.action:
        return tencentcloud_call(client, vpc_models, poll)
    task = number_if_one(poll.id)
    if isinstance(task, int):
        request = vpc_models.DescribeTaskResultRequest()
        ask = client.DescribeTaskResult
    else:
        request = vpc_models.DescribeVpcTaskResultRequest()
        ask = client.DescribeVpcTaskResult
    request.TaskId = task
    return json.loads(ask(request).to_json_string())


def tencentcloud_call(client: AbstractClient, models: Any, poll: Poll) -> Any:
    """Any action, through the SDK's own model of its request."""
    request = getattr(models, f"{poll.action}Request")()
    request.from_json_string(json.dumps(poll.parameters))
    return json.loads(getattr(client, str(poll.action))(request).to_json_string())


def tencentcloud(client: type[AbstractClient], poll: Poll) -> Any:
    """A client of API 3.0; left to itself the SDK signs TC3 and sends a POST."""
    server = urlsplit(poll.http)
    http = HttpProfile(
        protocol=server.scheme,
        endpoint=server.netloc,
        reqMethod=poll.method or "POST",
        reqTimeout=TIMEOUT_S,
    )
    profile = ClientProfile(poll.sign or "TC3-HMAC-SHA256", http)
    return client(Credential(poll.key_id, poll.secret), None, profile)


def number_if_one(operation: str | int) -> str | int:
    """The command line has texts only, and the SDK sends what it is given."""
    return int(operation) if str(operation).isdecimal() else operation


def bpstudio(signature_algorithm: str | None, poll: Poll) -> Any:
    """Alibaba Cloud BPStudio; without an algorithm the SDK signs as V3."""
    config = Config(
        access_key_id=poll.key_id,
        access_key_secret=poll.secret,
        endpoint=urlsplit(poll.http).netloc,
        protocol="HTTP",
        signature_algorithm=signature_algorithm,
    )
    client = BpStudio(config)
    match poll.action:
        case None:
            ask = GetExecuteOperationResultRequest(str(poll.id), poll.resource_group_id)
            return client.get_execute_operation_result(ask).to_map()
        case "ExecuteOperationASync":
            submit = ExecuteOperationASyncRequest().from_map(poll.parameters)
            return client.execute_operation_async(submit).to_map()
        case other:
            raise UsageError(f"BPStudio's action is ExecuteOperationASync, not `{other}`")


def huawei_ecs(poll: Poll) -> Any:
    """Huawei Cloud ECS, ShowJob, signed with access key and secret."""
    client = (
        EcsClient.new_builder()
        .with_credentials(BasicCredentials(poll.key_id, poll.secret, poll.project))
        .with_http_config(HttpConfig(timeout=TIMEOUT_S))
        .with_endpoint(poll.http)
        .build()
    )
    return json.loads(client.show_job(ShowJobRequest(str(poll.id))).to_str())


def keystone_token(poll: Poll) -> Any:
    """A job of classic ELB, asked by OpenStack's session with a ready token.

    An action is a method and a path of the API, `POST /loadbalancers`.
    """
    session = Session(auth=Token(poll.http, poll.token), timeout=TIMEOUT_S)
    elb = Adapter(session, service_type="elb")
    if poll.action:
        method, path = poll.action.split(" ", 1)
        url = f"/v1.0/{poll.project}/elbaas{path}"
        return elb.request(url, method, json=poll.parameters or None).json()
    return elb.get(f"/v1.0/{poll.project}/jobs/{poll.id}").json()


class Client(NamedTuple):
    """How a client asks, and the fields of `Poll` it cannot do without."""

    ask: Callable[[Poll], Any]
    needs: tuple[str, ...]


QCLOUDAPI = ("https", "key_id", "secret")
HTTP_KEY = ("http", "key_id", "secret")

CLIENTS = {
    "qcloudapi-bm": Client(
        partial(qcloudapi, "bm", "DescriptionOperationResult"), QCLOUDAPI
    ),
    "qcloudapi-vpc": Client(
        partial(qcloudapi, "vpc", "DescribeNetTaskResult"), QCLOUDAPI
    ),
    "tencentcloud-bm": Client(tencentcloud_bm, HTTP_KEY),
    "tencentcloud-vpc": Client(tencentcloud_vpc, HTTP_KEY),
    "bpstudio-v3": Client(partial(bpstudio, None), HTTP_KEY),
    "bpstudio-v1": Client(partial(bpstudio, "v2"), HTTP_KEY),
    "huawei-ecs": Client(huawei_ecs, ("http", "key_id", "secret", "project")),
    "keystone-token": Client(keystone_token, ("http", "token", "project")),
}


def result(line: str) -> dict[str, Any]:
    """What the SDK returned or raised when asked `line`, as plain JSON."""
    try:
        # stdout is the protocol; whatever an SDK prints goes elsewhere.
        with redirect_stdout(sys.stderr):
            return {"ok": True, "answer": ask(read(line))}
    # What an SDK raises is its own affair, and is what the tests want to see.
    except Exception as error:
        return {"ok": False, "error": describe(error)}


def read(line: str) -> Any:
    """The fields of a poll from one line of JSON."""
    try:
        return json.loads(line)
    except ValueError as error:
        raise UsageError(f"the line is not JSON: {error}") from error


def ask(fields: dict[str, Any]) -> Any:
    """Puts the poll that `fields` describe to its client."""
    try:
        poll = Poll(**fields)
    except TypeError as error:
        raise UsageError(str(error)) from error
    if poll.client not in CLIENTS:
        raise UsageError(f"client is one of {', '.join(CLIENTS)}")
    client = CLIENTS[poll.client]
    missing = [name for name in client.needs if getattr(poll, name) is None]
    if poll.id is None and poll.action is None:
        missing.append("id")
    if missing:
        raise UsageError(f"neither poll nor environment has {', '.join(missing)}")
    return client.ask(poll)


def describe(error: Exception) -> dict[str, Any]:
    """An exception in one form; each SDK names its parts differently."""

    def first(*names: str) -> Any:
        values = (getattr(error, name, None) for name in names)
        return next((value for value in values if value is not None), None)

    return {
        "type": type(error).__name__,
        "code": first("error_code", "code"),
        "message": first("error_msg", "message") or str(error),
        "status": first("status_code", "http_status", "status"),
    }


def serve(lines: Iterable[str]) -> None:
    """Answers each line with a line, in order, until the input ends."""
    for line in lines:
        say(result(line))


def say(answer: dict[str, Any]) -> None:
    """Writes one answer as one line, at once."""
    print(json.dumps(answer, ensure_ascii=False, default=str), flush=True)


def main(arguments: list[str]) -> int:
    """Exit status: 0 the SDK returned, 1 it raised, 2 usage."""
    for name in [name for name in os.environ if name.lower() in PROXY_VARIABLES]:
        del os.environ[name]
    match arguments:
        case ["serve"]:
            serve(sys.stdin)
            return 0
        case [client, operation, *options] if all("=" in each for each in options):
            named = dict(option.split("=", 1) for option in options)
            fields = {"client": client, "id": operation} | named
            answer = result(json.dumps(fields))
            say(answer)
            return 0 if answer["ok"] else 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
