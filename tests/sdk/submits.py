"""Has the clouds' own clients submit operations to a Longrun server, and prints what they saw.

Server, key and project come from the environment, in the variables that
`longrun serve --dev` prints. The server carries the operations out by itself.
Each line is an object: `client` is how it was asked, `saw` what came of it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_bpstudio20210931.client import Client as BpStudio
from alibabacloud_bpstudio20210931.models import (
    ExecuteOperationASyncRequest,
    ExecuteOperationSyncRequest,
    GetExecuteOperationResultRequest,
)
from alibabacloud_tea_openapi.models import Config
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkecs.v2 import (
    BatchRebootServersRequest,
    BatchRebootServersRequestBody,
    BatchRebootSeversOption,
    BatchStartServersOption,
    BatchStartServersRequest,
    BatchStartServersRequestBody,
    BatchStopServersOption,
    BatchStopServersRequest,
    BatchStopServersRequestBody,
    DeleteServersRequest,
    DeleteServersRequestBody,
    EcsClient,
    ServerId,
    ShowJobRequest,
)
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

BASE = os.environ["LONGRUN_SERVER"]

# A server that does nothing must not make a test wait for ever.
POLLS_MAX = 200


def bpstudio(algorithm: str | None) -> BpStudio:
    """Without an algorithm the SDK signs as V3."""
    return BpStudio(
        Config(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            endpoint=urlsplit(BASE).netloc,
            protocol="HTTP",
            signature_algorithm=algorithm,
        )
    )


def fields(operation: str, token: str | None = None) -> dict[str, Any]:
    return {
        "ServiceType": "ecs",
        "Operation": operation,
        "Attributes": {"instanceId": "i-1", "regionId": "cn-hangzhou"},
        "ClientToken": token,
    }


def bpstudio_async(algorithm: str | None) -> Any:
    """Submitted, asked about until it has ended."""
    client = bpstudio(algorithm)
    request = ExecuteOperationASyncRequest().from_map(fields("rename"))
    submitted = client.execute_operation_async(request).body
    ask = GetExecuteOperationResultRequest(submitted.data)
    for _ in range(POLLS_MAX):
        data = client.get_execute_operation_result(ask).body.data
        if data.status not in ("INIT", "RUNNING"):
            break
        time.sleep(0.05)
    return [submitted.code, data.operation_id == submitted.data, data.status, data.arguments]


def bpstudio_sync(algorithm: str | None) -> Any:
    """Submitted, and the answer is the end."""
    request = ExecuteOperationSyncRequest().from_map(fields("rename"))
    data = bpstudio(algorithm).execute_operation_sync(request).body.data
    return [data.status, data.arguments]


def bpstudio_token(algorithm: str | None) -> Any:
    """The same token gives the same operation, and is refused with another deed."""
    client = bpstudio(algorithm)
    token = f"token {algorithm}"
    request = ExecuteOperationASyncRequest().from_map(fields("rename", token))
    first, second = (client.execute_operation_async(request).body.data for _ in range(2))
    other = ExecuteOperationASyncRequest().from_map(fields("stop", token))
    return [first == second, saw(lambda: client.execute_operation_async(other))]


def bpstudio_missing(algorithm: str | None) -> Any:
    request = ExecuteOperationASyncRequest(service_type="ecs")
    return bpstudio(algorithm).execute_operation_async(request)


def classic_elb() -> Any:
    """A load balancer from its making to its end, each job asked about where its `uri` says."""
    session = Session(auth=Token(BASE, os.environ["LONGRUN_TOKEN"]), timeout=10)
    elb = Adapter(session, service_type="elbv1")
    root = f"/v1.0/{os.environ['HUAWEICLOUD_SDK_PROJECT_ID']}/elbaas"
    jobs = []

    def job(answer: Any) -> Any:
        submitted = answer.json()
        assert answer.status_code == 200 and submitted["uri"].startswith("/v1/"), submitted
        for _ in range(POLLS_MAX):
            told = elb.get(submitted["uri"]).json()
            if told["status"] not in ("INIT", "RUNNING"):
                break
            time.sleep(0.05)
        jobs.append(f"{told['job_type']} {told['status']}")
        return told["entities"]

    wish = {"name": "lb", "vpc_id": "v", "type": "External", "bandwidth": 5, "admin_state_up": 1}
    made = job(elb.post(f"{root}/loadbalancers", json=wish))["elb"]
    listener = {
        "loadbalancer_id": made["id"], "name": "web", "protocol": "HTTP", "port": 80,
        "backend_protocol": "HTTP", "backend_port": 8080, "lb_algorithm": "roundrobin",
    }
    listener = elb.post(f"{root}/listeners", json=listener).json()
    members = f"{root}/listeners/{listener['id']}/members"
    added = job(elb.post(members, json=[{"server_id": "s-1", "address": "172.16.0.31"}]))
    shown = [one["server_id"] for one in elb.get(members).json()]
    gone = {"removeMember": [{"id": added["members"][0]["id"]}]}
    removed = job(elb.post(f"{members}/action", json=gone))
    elb.delete(f"{root}/listeners/{listener['id']}")
    last = job(elb.delete(f"{root}/loadbalancers/{made['id']}"))
    left = elb.get(f"{root}/loadbalancers").json()["loadbalancers"]
    same = [removed["members"] == gone["removeMember"], last["elb_id"] == made["id"]]
    return [jobs, shown, same, left]


def ecs() -> Any:
    """Batches of servers, each submitted and asked about by ShowJob until it has ended."""
    key = BasicCredentials(
        os.environ["HUAWEICLOUD_SDK_AK"],
        os.environ["HUAWEICLOUD_SDK_SK"],
        os.environ["HUAWEICLOUD_SDK_PROJECT_ID"],
    )
    client = EcsClient.new_builder().with_credentials(key).with_endpoint(BASE).build()
    servers = [ServerId("s-1"), ServerId("s-2")]
    reboot = BatchRebootSeversOption(servers=servers, type="SOFT")
    start = BatchStartServersOption(servers=servers)
    stop = BatchStopServersOption(servers=servers[:1], type="HARD")
    gone = DeleteServersRequestBody(delete_publicip=True, delete_volume=False, servers=servers)
    deeds = [
        lambda: client.batch_reboot_servers(
            BatchRebootServersRequest(BatchRebootServersRequestBody(reboot))
        ),
        lambda: client.batch_start_servers(
            BatchStartServersRequest(BatchStartServersRequestBody(start))
        ),
        lambda: client.batch_stop_servers(
            BatchStopServersRequest(BatchStopServersRequestBody(stop))
        ),
        lambda: client.delete_servers(DeleteServersRequest(gone)),
    ]
    jobs = []
    for deed in deeds:
        ask = ShowJobRequest(deed().job_id)
        for _ in range(POLLS_MAX):
            job = client.show_job(ask)
            if job.status not in ("INIT", "RUNNING"):
                break
            time.sleep(0.05)
        parts = [
            f"{one.job_type} {one.entities.server_id} {one.status}"
            for one in job.entities.sub_jobs or []
        ]
        jobs.append([f"{job.job_type} {job.status}", job.entities.server_id, parts])
    nothing = BatchStartServersRequestBody(BatchStartServersOption(servers=[]))
    refused = saw(lambda: client.batch_start_servers(BatchStartServersRequest(nothing)))
    return [jobs, refused]


CLIENTS: dict[str, Callable[[], Any]] = {"classic elb": classic_elb, "ecs": ecs}
for version, signature in {"V3": None, "V1": "v2"}.items():
    CLIENTS |= {
        f"bpstudio {version}, async": lambda it=signature: bpstudio_async(it),
        f"bpstudio {version}, sync": lambda it=signature: bpstudio_sync(it),
        f"bpstudio {version}, token": lambda it=signature: bpstudio_token(it),
        f"bpstudio {version}, missing": lambda it=signature: bpstudio_missing(it),
    }


def saw(client: Callable[[], Any]) -> Any:
    """What came of it; an exception is told by its code."""
    try:
        # stdout is for the answers; whatever an SDK prints goes elsewhere.
        with redirect_stdout(sys.stderr):
            return client()
    # What an SDK raises is its own affair, and is what the tests want to see.
    except Exception as error:
        code = getattr(error, "error_code", None) or getattr(error, "code", None)
        return str(code or error)


def main() -> None:
    for name, client in CLIENTS.items():
        print(json.dumps({"client": name, "saw": saw(client)}), flush=True)


if __name__ == "__main__":
    main()
