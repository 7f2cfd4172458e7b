"""Alibaba Cloud BPStudio: GetExecuteOperationResult and ExecuteOperationASync, signed with ACS3."""

import calendar
import hashlib
import hmac
import json
import re
import time
from urllib.parse import parse_qsl

from stub import DROP, KEY_ID, KEY_SECRET, Parts, Reply, as_json, page

HOUR = 3600
WINDOW = 900
AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
NONCES = set()
# The parts that the operations play which are made here, one after the other.
MADE = ["op-partial", "op-good"]


def told(data, code=200, message=""):
    envelope = {"Code": code, "Message": message, "RequestId": "33D9749B-713A-4BCC-B3B4-8B0094083E97"}
    if data is not None:
        envelope["Data"] = data
    return as_json(envelope)


def state(status, message="", arguments="", **more):
    return told({"OperationId": "op", "Status": status, "Message": message, "Arguments": arguments}, **more)


def error(status, code, message="no", **headers):
    return as_json({"RequestId": "R", "HostId": "h", "Code": code, "Message": message}, status, **headers)


def instances(success, **each):
    told_of = {name.replace("_", "-"): {"status": status, "message": words} for name, (status, words) in each.items()}
    return json.dumps({"success": success, "message": "", "attributes": {"instances": told_of}})


XML = ("<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>R</RequestId><HostId>h</HostId>"
       "<Code>ServiceUnavailable</Code><Message>busy</Message></Error>")

PARTS = Parts({
    "op-good": [state("INIT"), state("RUNNING"), state("SUCCESS", arguments='{"ip":"10.0.0.1"}')],
    # Numbers as texts, words in small letters, texts of nothing but quotes.
    "op-texts": [state("running\n", code="200", message='" "'), state("success", code="200")],
    # The document's own sample of a status lists all four.
    "op-four": [state("INIT：初始\nRUNNING：运行中\nSUCCESS：成功\nFAILURE：失败\n"), state("PAUSED"), state("SUCCESS")],
    "op-gone": [told(None)],
    "op-null": [as_json({"Code": "200", "Message": "", "Data": None, "RequestId": "R"})],
    "op-trouble": [
        error(400, "Throttling.User", x_acs_retry_after="300"), state("RUNNING", "step 1"),
        error(503, "ServiceUnavailable"), state("RUNNING", "step 2"), Reply(503, XML, "text/xml;charset=utf-8"),
        state("RUNNING", "step 3"), page(502, "Bad Gateway"), state("RUNNING", "step 4"), DROP, state("RUNNING", "step 5"),
        error(400, "SignatureNonceUsed"), state("SUCCESS"),
    ],
    "op-partial": [state("RUNNING", arguments=instances(False, i_a=("Success", ""), i_b=("Running", ""))),
                   state("FAILURE", arguments=instances(False, i_a=("Success", ""), i_b=("Failed", "Disk.Full: no room")))],
    "op-failed": [state("FAILURE", message="Quota.Exceeded: no more instances in this zone")],
    "op-quoted": [state("FAILURE", message='"[{"status":"Failed","requestId":"x"}]"')],
    "op-object": [state("SUCCESS", arguments={"ip": ["10.0.0.1"]})],
    "op-denied": [error(403, "NoPermission", "You are not authorized.")],
    "op-business": [told({"Status": "SUCCESS"}, code=8004)],
    "op-elsewhere": [error(400, "InvalidRegionId", "The specified region is not one of this service.")],
    "op-late": [state("SUCCESS")],  # asked for by a clock that is an hour behind
    "op/path _with*signs": [state("SUCCESS")],
})


def answer(request):
    headers = request["headers"]
    match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match or request["method"] != "POST" or request["path"] != "/":
        return error(400, "IncompleteSignature")
    key, names, given = match.groups()
    if key != KEY_ID:
        return error(404, "InvalidAccessKeyId.NotFound")
    if not signed(request, names.split(";"), given):
        return error(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
    if headers["x-acs-version"] != "2021-09-31":
        return error(404, "InvalidVersion")
    form = dict(parse_qsl(request["query"]) + parse_qsl(request["body"].decode()))
    if headers["x-acs-action"] == "ExecuteOperationASync":
        attributes = json.loads(form["Attributes"])
        is_whole = (form["ServiceType"], form["Operation"], attributes["instanceId"]) == ("ecs", "rename", "i-1")
        return told(MADE.pop(0)) if is_whole else error(400, "InvalidParameter")
    if headers["x-acs-action"] != "GetExecuteOperationResult":
        return error(404, "InvalidAction.NotFound")
    ahead = HOUR if form["OperationId"] == "op-late" else 0
    stamp = calendar.timegm(time.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ"))
    if abs(stamp - time.time() - ahead) > WINDOW:
        late = error(400, "InvalidTimeStamp.Expired")
        late.clock_ahead = ahead
        return late
    if headers["x-acs-signature-nonce"] in NONCES:
        return error(400, "SignatureNonceUsed", "it really was")
    NONCES.add(headers["x-acs-signature-nonce"])
    if form.get("ResourceGroupId", "rg-ours") != "rg-ours":
        return error(403, "NoPermission")
    return PARTS.next(form["OperationId"]) or error(404, "InvalidOperationId.NotFound")


def signed(request, names, given):
    headers = request["headers"]
    must = {name for name in headers if name.startswith("x-acs-")} | {"host", "content-type"}
    digest = hashlib.sha256(request["body"]).hexdigest()
    if not must <= set(names) or names != sorted(names) or headers["x-acs-content-sha256"] != digest:
        return False
    lines = "".join("%s:%s\n" % (name, headers[name].strip()) for name in names)
    canonical = "\n".join(["POST", "/", request["query"], lines, ";".join(names), digest])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    return hmac.compare_digest(given, hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest())
