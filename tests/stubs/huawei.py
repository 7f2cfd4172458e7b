"""Huawei Cloud: the job query of ELB, ECS and EVS and the making of a load balancer, with a token or signed with
SDK-HMAC-SHA256, and the identity service.

The first token that is handed out is taken back after two polls, as happens to real ones.
"""

import calendar
import hashlib
import hmac
import json
import re
import time
from urllib.parse import quote, unquote

from stub import DROP, KEY_ID, KEY_SECRET, Parts, Reply, as_json, page, redirect

HOUR = 3600
WINDOW = 900
PROJECT = "0123456789abcdef0123456789abcdef"
AUTHORIZATION = re.compile(r"SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")
JOB = re.compile(r"/(v1|v1\.0)/([0-9a-f]{32})/jobs/([\w-]+)")
SOMEONE = {"name": "someone", "domain": {"name": "ours"}, "password": KEY_SECRET}
PASSWORD = {"methods": ["password"], "password": {"user": SOMEONE}}
APPLICATION = {"methods": ["application_credential"],
               "application_credential": {"id": "a-program", "secret": KEY_SECRET}}
LOGINS = []
POLLS = []


def job(status, entities=None, **more):
    body = {"status": status, "entities": {} if entities is None else entities, "job_id": "j", "job_type": "t",
            "begin_time": "2026-11-21T02:02:06.000Z", "end_time": "", "error_code": None, "fail_reason": None}
    return as_json({**body, **more})


def step(number):
    """Something new, so that the next poll comes soon."""
    return job("RUNNING", message="step %d" % number)


def service_error(status, code, message, **headers):
    return as_json({"error": {"message": message, "code": code}}, status, **headers)


def gateway_error(status, code, message):
    return as_json({"error_msg": message, "error_code": code, "request_id": "r"}, status)


def sub_jobs(*statuses):
    def one(number, status):
        failed = status == "FAIL"
        return {"status": status, "entities": {"server_id": "server-%d" % number}, "job_id": "j-%d" % number,
                "job_type": "createSingleServer", "begin_time": "", "end_time": "",
                "error_code": "Ecs.0319" if failed else None, "fail_reason": "no host is free" if failed else None}
    listed = [one(number, status) for number, status in enumerate(statuses, 1)]
    return {"sub_jobs_total": len(listed), "sub_jobs": listed}


DONE = job("SUCCESS", {"elb": {"id": "elb-1"}})

# The job that makes a balancer fails. Clients that were not made for this stub send nothing but hexadecimal ids.
MADE = "f" * 32
BATCH = "b" * 32

V1_0 = Parts({
    MADE: [job("RUNNING"), job("FAIL", error_code="ELB.1009", fail_reason="CreateIPTask-fail:no address is free")],
    "good": [job("INIT"), job("RUNNING"), DONE],
    # A job of which nearly everything is missing, and words in another case.
    "bare": [as_json({"status": "RUNNING", "job_id": "j"}), as_json({"status": "Success", "entities": None})],
    "odd": [job("LISTENING"), job("RUNNIGN"), job("RUNNING", sub_jobs="[]"), job(7), job("SUCCESS", [])],
    "failed": [job("RUNNING"), job("FAIL", error_code="ELB.1009", fail_reason="CreateIPTask-fail:no address is free")],
    "trouble": [
        Reply(429, "", Retry_After="1"), step(1), service_error(503, "ELB.9999", "busy"), step(2),
        page(504, "Gateway Timeout"), step(3), DROP, step(4),
        as_json({"message": "inner", "code": "X"}), DONE,
    ],
    "unknown": [as_json({"itemNotFound": {"message": "no such job", "code": 404}}, 404)],
    "denied": [gateway_error(403, "APIGW.0302", "not allowed")],
    "nothere": [gateway_error(404, "APIGW.0101", "The API does not exist")],
    "moved": [redirect()],
    "late": [DONE],  # asked for by a clock that is an hour behind
    "long": [step(number) for number in range(6)] + [DONE],
})

V1 = Parts({
    BATCH: [job("INIT", sub_jobs()), job("RUNNING", sub_jobs("SUCCESS", "RUNNING", "INIT")),
            job("FAIL", sub_jobs("SUCCESS", "FAIL", "SUCCESS"), job_type="rebootServer", error_code="Ecs.0000")],
    "batch": [job("INIT", sub_jobs()), job("RUNNING", sub_jobs("SUCCESS", "RUNNING", "INIT")),
              job("FAIL", sub_jobs("SUCCESS", "FAIL", "SUCCESS"), error_code="Ecs.0000", fail_reason="one failed")],
    "volume": [job("WAITING_EXECUTE"), job("RUNNING", {"sub_jobs": []}), job("SUCCESS", {"volume_id": "vol-1"})],
})


def answer(request):
    if request["path"] == "/v3/auth/tokens":
        return log_in(request)
    if (request["method"], request["path"]) == ("POST", "/v1.0/%s/elbaas/loadbalancers" % PROJECT):
        return check_caller(request, "") or make_balancer(json.loads(request["body"]))
    match = JOB.fullmatch(request["path"])
    if not match or request["method"] != "GET":
        return gateway_error(404, "APIGW.0101", "The API does not exist")
    version, project, name = match.groups()
    refusal = check_caller(request, name)
    if refusal:
        return refusal
    if project != PROJECT:
        return service_error(403, "ELB.1000", "not your project")
    parts = V1 if version == "v1" else V1_0
    return parts.next(name) or service_error(404, "ELB.1002", "no such job")


def make_balancer(wish):
    if (wish["name"], wish["type"], wish["bandwidth"]) != ("lb", "External", 5):
        return service_error(400, "ELB.1001", "not what it should be")
    return as_json({"uri": "/v1/%s/jobs/%s" % (PROJECT, MADE), "job_id": MADE})


def check_caller(request, name):
    headers = request["headers"]
    if "x-auth-token" in headers:
        return check_token(headers["x-auth-token"])
    match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match or match.group(1) != KEY_ID or not signed(request, *match.groups()[1:]):
        return gateway_error(401, "APIGW.0301", "Incorrect IAM authentication information: verify aksk signature fail")
    ahead = HOUR if name == "late" else 0
    stamp = calendar.timegm(time.strptime(headers["x-sdk-date"], "%Y%m%dT%H%M%SZ"))
    if abs(stamp - time.time() - ahead) > WINDOW:
        late = gateway_error(401, "APIGW.0303", "Incorrect app authentication information: signature expired")
        late.clock_ahead = ahead
        return late
    return None


def check_token(token):
    POLLS.append(token)
    is_new = token == "token-%d" % len(LOGINS)
    if is_new and not (token == "token-1" and POLLS.count(token) > 2):
        return None
    return gateway_error(401, "APIGW.0307", "The token must be updated")


def log_in(request):
    auth = json.loads(request["body"])["auth"]
    if request["method"] != "POST" or auth["identity"] not in (PASSWORD, APPLICATION):
        return as_json({"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}}, 401)
    # An application credential is for one project, and a scope beside it is refused.
    if (auth["identity"] == APPLICATION) == ("scope" in auth):
        return as_json({"error": {"code": 401, "message": "Not with this scope.", "title": "Unauthorized"}}, 401)
    LOGINS.append(auth)
    base = "http://" + request["headers"]["host"]
    endpoints = [{"interface": "public", "region": "eu-de", "url": base + "/v1.0/" + PROJECT}]
    token = {"methods": auth["identity"]["methods"], "project": {"id": PROJECT, "name": "eu-de"},
             "catalog": [{"type": "elbv1", "endpoints": endpoints}]}
    return as_json({"token": token}, 201, X_Subject_Token="token-%d" % len(LOGINS))


def signed(request, names, given):
    headers = request["headers"]
    listed = names.split(";")
    if "x-sdk-date" not in listed or "host" not in listed or listed != sorted(listed):
        return False
    path = "/".join(quote(unquote(segment), safe="-_.~") for segment in request["path"].split("/"))
    lines = "".join("%s:%s\n" % (name, headers[name].strip()) for name in listed)
    payload = hashlib.sha256(request["body"]).hexdigest()
    canonical = "\n".join([request["method"], path.rstrip("/") + "/", request["query"], lines, names, payload])
    text = "\n".join(["SDK-HMAC-SHA256", headers["x-sdk-date"], hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.compare_digest(given, hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest())
