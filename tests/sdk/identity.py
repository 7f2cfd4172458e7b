"""Has the clouds' own clients log in at a Longrun server, and prints what they saw.

The server and the credentials come from the environment, in the variables that
`longrun serve --dev` prints, with `LONGRUN_JOB` for a job that exists. Each line
is an object: `client` is how it was asked, `saw` what came of it.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import openstack
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkecs.v2 import EcsClient, ShowJobRequest
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity import generic, v3
from keystoneauth1.session import Session

TIMEOUT_S = 10

BASE = os.environ["LONGRUN_SERVER"]
AUTH_URL = os.environ["OS_AUTH_URL"]
DOMAIN = os.environ["OS_USER_DOMAIN_NAME"]
PROJECT = os.environ["OS_PROJECT_ID"]
REGION = os.environ["OS_REGION_NAME"]
JOB = os.environ["LONGRUN_JOB"]
USER = {
    "username": os.environ["OS_USERNAME"],
    "password": os.environ["OS_PASSWORD"],
    "user_domain_name": DOMAIN,
}
BY_ID = {"project_id": PROJECT}
BY_NAME = {"project_name": REGION, "project_domain_name": DOMAIN}


def session(auth: Any) -> Session:
    return Session(auth=auth, timeout=TIMEOUT_S)


def job_of(asked: Session) -> str:
    """The state of the job, found through the catalog."""
    elb = Adapter(asked, service_type="elbv1", region_name=REGION)
    return elb.get(f"/jobs/{JOB}").json()["status"]


def password(plugin: Callable[..., Any], auth_url: str, scope: dict[str, str]) -> Any:
    """A token for a password, and a job with it."""
    asked = session(plugin(auth_url=auth_url, **USER, **scope))
    access = asked.auth.get_access(asked)
    return [access.project_id, access.project_name, access.domain_id, job_of(asked)]


def unscoped() -> Any:
    """A token without a scope is good for the list of projects, and for another token."""
    first = session(v3.Password(auth_url=AUTH_URL, unscoped=True, **USER))
    own = first.get(f"{AUTH_URL}/auth/projects").json()["projects"]
    token = v3.Token(auth_url=AUTH_URL, token=first.get_token(), project_id=own[0]["id"])
    return [first.get_project_id(), [one["name"] for one in own], job_of(session(token))]


def domain_scope() -> Any:
    """A token for the account shows nothing of a project."""
    asked = session(v3.Password(auth_url=AUTH_URL, domain_name=DOMAIN, **USER))
    access = asked.auth.get_access(asked)
    types = [one["type"] for one in access.service_catalog.catalog]
    return [access.domain_name, access.project_id, types]


def own_token() -> Any:
    """A key's own token is taken for a token like any other."""
    token = os.environ["LONGRUN_TOKEN"]
    return job_of(session(v3.Token(auth_url=AUTH_URL, token=token, **BY_ID)))


def validation() -> Any:
    """Whose a token is."""
    asked = session(v3.Password(auth_url=AUTH_URL, **USER, **BY_ID))
    subject = {"X-Subject-Token": asked.get_token()}
    shown = asked.get(f"{AUTH_URL}/auth/tokens", headers=subject).json()["token"]
    return [shown["user"]["name"], shown["project"]["name"], shown["methods"]]


def no_catalog() -> Any:
    """A token for somebody who knows where to go."""
    auth = v3.Password(auth_url=AUTH_URL, include_catalog=False, **USER, **BY_ID)
    asked = session(auth)
    return auth.get_access(asked).service_catalog.catalog


def openstacksdk() -> Any:
    """What `openstack.connect()` makes of the printed variables."""
    cloud = openstack.connect(api_timeout=TIMEOUT_S)
    elb = Adapter(cloud.session, service_type="elbv1", region_name=REGION)
    return [
        cloud.current_project_id,
        [one.name for one in cloud.identity.projects()],
        [one.name for one in cloud.identity.user_projects(cloud.current_user_id)],
        cloud.identity.get_project(cloud.current_project_id).id,
        elb.get(f"/jobs/{JOB}").json()["status"],
    ]


def wrong_password() -> Any:
    auth = v3.Password(auth_url=AUTH_URL, **(USER | {"password": "wrong"}), **BY_ID)
    return session(auth).get_token()


def unknown_project() -> Any:
    auth = v3.Password(auth_url=AUTH_URL, **USER, project_id="f" * 32)
    return session(auth).get_token()


def forgotten_token() -> Any:
    """The session asks for another token once the server says that its own is bad."""
    auth = v3.Password(auth_url=AUTH_URL, **USER, **BY_ID)
    asked = session(auth)
    auth.get_access(asked)._auth_token = "MIIforgotten"
    return job_of(asked)


def huawei(region: str) -> Any:
    """Access key and secret without a project: the SDK looks its id up by the region's name."""
    config = HttpConfig(timeout=TIMEOUT_S)
    key = (os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"])
    client = (
        EcsClient.new_builder()
        .with_http_config(config)
        .with_credentials(BasicCredentials(*key).with_iam_endpoint(BASE))
        .with_region(Region(region, BASE))
        .build()
    )
    return client.show_job(ShowJobRequest(JOB)).status


CLIENTS: dict[str, Callable[[], Any]] = {
    "v3.Password, project by id": lambda: password(v3.Password, AUTH_URL, BY_ID),
    "v3.Password, project by name": lambda: password(v3.Password, AUTH_URL, BY_NAME),
    "generic.Password": lambda: password(generic.Password, AUTH_URL, BY_ID),
    "generic.Password, base": lambda: password(generic.Password, BASE, BY_NAME),
    "v3.Password, unscoped": unscoped,
    "v3.Password, domain": domain_scope,
    "v3.Password, no catalog": no_catalog,
    "v3.Password, validation": validation,
    "v3.Token": own_token,
    "openstacksdk": openstacksdk,
    "forgotten token": forgotten_token,
    "huaweicloudsdkcore": lambda: huawei(REGION),
    "huaweicloudsdkcore, unknown region": lambda: huawei("no-such-region"),
    "unknown project": unknown_project,
    "wrong password": wrong_password,
}


def saw(client: Callable[[], Any]) -> Any:
    """What came of it; an exception is told by its class and its status."""
    try:
        # stdout is for the answers; whatever an SDK prints goes elsewhere.
        with redirect_stdout(sys.stderr):
            return client()
    # What an SDK raises is its own affair, and is what the tests want to see.
    except Exception as error:
        status = getattr(error, "http_status", None)
        return f"{type(error).__name__} {status or ''}".strip()


def main() -> None:
    for name, client in CLIENTS.items():
        print(json.dumps({"client": name, "saw": saw(client)}), flush=True)


if __name__ == "__main__":
    main()
