"""Lets the clouds' own clients look for credentials where they do by themselves, and prints what they found.

The home and the variables are those that the program is given. Each line is an object: `client` is whose SDK it was,
`saw` what came of it.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from alibabacloud_credentials.provider import DefaultCredentialsProvider
from huaweicloudsdkcore.auth.provider import CredentialProviderChain, EnvCredentialProvider, ProfileCredentialProvider
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from tencentcloud.common.credential import DefaultCredentialProvider

TIMEOUT_S = 10


def tencent() -> Any:
    return [DefaultCredentialProvider().get_credential().secret_id]


def alibaba() -> Any:
    found = DefaultCredentialsProvider().get_credentials()
    return [found.get_access_key_id(), found.get_security_token(), found.get_provider_name()]


def huawei() -> Any:
    # The whole chain would ask the machine's own address for metadata if there were no file.
    chain = CredentialProviderChain((EnvCredentialProvider.get_basic(), ProfileCredentialProvider.get_basic()))
    found = chain.get_credentials()
    return [found.ak, found.project_id]


def application() -> Any:
    """The project of a token that an application credential is good for."""
    auth = v3.ApplicationCredential(
        auth_url=os.environ["OS_AUTH_URL"],
        application_credential_id=os.environ["OS_APPLICATION_CREDENTIAL_ID"],
        application_credential_secret=os.environ["OS_APPLICATION_CREDENTIAL_SECRET"],
    )
    session = Session(auth=auth, timeout=TIMEOUT_S)
    return [session.get_project_id()]


CLIENTS: dict[str, Callable[[], Any]] = {
    "tencentcloud": tencent,
    "alibabacloud": alibaba,
    "huaweicloud": huawei,
    "keystoneauth1": application,
}

for name, look in CLIENTS.items():
    print(json.dumps({"client": name, "saw": look()}), flush=True)
