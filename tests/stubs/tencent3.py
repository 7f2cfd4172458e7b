"""Tencent Cloud, API 3.0: DescribeOperationResult of bm, DescribeVpcTaskResult and DescribeTaskResult of vpc, and a
submission for each."""

import hashlib
import hmac
import json
import re
import time

from stub import DROP, KEY_ID, KEY_SECRET, Parts, Reply, as_json, page

HOUR = 3600
WINDOW = 300
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d{2}-\d{2})/([a-z]+)/tc3_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def told(**fields):
    return as_json({"Response": {**fields, "RequestId": "5b9d8c1e-0000-4000-8000-000000000001"}})


def submitted(**fields):
    return as_json({"Response": {"RequestId": "5b9d8c1e-0000-4000-8000-000000000002", **fields}})


def error(code, message="no"):
    return told(Error={"Code": code, "Message": message})


def machines(whole, **each):
    listed = [{"InstanceId": name.replace("_", "-"), "TaskStatus": status} for name, status in each.items()]
    return told(TaskStatus=whole, SubtaskStatusSet=listed)


DONE = machines(1, cpm_1=1)

BM = Parts({
    "1": [machines(4, cpm_1=4), DONE],
    "2": [machines("7", cpm_1="1", cpm_2="2", cpm_3="4"), machines(3, cpm_1=1, cpm_2=2, cpm_3=1)],
    "3": [error("RequestLimitExceeded"), machines(4), page(503, "Busy"), machines(4), DROP,
          told(TaskStatus=None, SubtaskStatusSet=None), error("InternalError.DbError"), DONE],
    "4": [machines(2, cpm_1=2)],
    "5": [error("ResourceNotFound")],
    "6": [error("AuthFailure.UnauthorizedOperation")],
    "7": [DONE],  # asked for by a clock that is an hour behind
    "8": [error("InvalidAction")],
    "9": [error("UnsupportedRegion", "ap-beijing is not a region of this API")],
})

UUID = "481e9b6e-81d1-4859-b8cf-%012d"

VPC = Parts({
    UUID % 1: [told(Status="RUNNING", Output="", Result=[]), told(Status="SUCCESS", Output="", Result=[])],
    UUID % 2: [told(Status="RUNNING", Output=""),
               told(Status="FAILED", Output="the address is in use",
                    Result=[{"ResourceId": "eni-1", "Status": "SUCCESS"}, {"ResourceId": "eni-2", "Status": "FAILED"}])],
    UUID % 3: [told(Status="WAITING"), error("RequestLimitExceeded.UinLimitExceeded"), told(Status="success", Output=None)],
    UUID % 4: [told(Status="SUCCESS", Output="")],  # asked for by a clock that is an hour behind
    "42": [told(TaskId=42, Result="RUNNING"), told(TaskId=42, Result="SUCCESS")],
})

REGIONS = ("ap-beijing", "ap-guangzhou")

SERVICES = {
    ("2018-04-23", "DescribeOperationResult"): ("bm", BM),
    ("2017-03-12", "DescribeVpcTaskResult"): ("vpc", VPC),
    ("2017-03-12", "DescribeTaskResult"): ("vpc", VPC),
}

# What they must be given, and the part that the task plays which they make.
SUBMISSIONS = {
    ("2018-04-23", "RebootDevices"): ("bm", {"InstanceIds": ["cpm-1", "cpm-2"]}, {"TaskId": 2}),
    ("2017-03-12", "DeleteHaVip"): ("vpc", {"HaVipId": "havip-1"}, {"RequestId": UUID % 2}),
    ("2017-03-12", "ReleaseAddresses"): ("vpc", {"AddressIds": ["eip-1"]}, {"TaskId": "42"}),
}


def answer(request):
    headers = request["headers"]
    if request["method"] != "POST" or request["path"] != "/":
        return error("InvalidRequest", "this stub wants a POST of /")
    match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match:
        return error("AuthFailure.InvalidAuthorization")
    key, date, service, names, given = match.groups()
    stamp = headers["x-tc-timestamp"]
    if key != KEY_ID:
        return error("AuthFailure.SecretIdNotFound")
    if date != time.strftime("%Y-%m-%d", time.gmtime(int(stamp))) or not signed(request, date, service, names, given):
        return error("AuthFailure.SignatureFailure")
    action = (headers["x-tc-version"], headers["x-tc-action"])
    if action in SUBMISSIONS:
        wanted, parameters, made = SUBMISSIONS[action]
        if service != wanted:
            return error("InvalidAction")
        return submitted(**made) if json.loads(request["body"]) == parameters else error("InvalidParameter")
    wanted, parts = SERVICES.get(action, (None, None))
    if service != wanted:
        return error("InvalidAction")
    task = json.loads(request["body"])["TaskId"]
    ahead = HOUR if (parts is BM and task == 7) or task == UUID % 4 else 0
    if abs(int(stamp) - time.time() - ahead) > WINDOW:
        late = error("AuthFailure.SignatureExpire", "the timestamp is outside the window")
        late.clock_ahead = ahead
        return late
    if headers.get("x-tc-region", REGIONS[0]) not in REGIONS:
        # The code is the one that an unknown task has in some APIs.
        words = "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used."
        return error("InvalidParameterValue", words)
    is_number = headers["x-tc-action"] != "DescribeVpcTaskResult"
    if isinstance(task, int) != is_number:
        return error("InvalidParameter")
    return parts.next(str(task)) or error("ResourceNotFound")


def signed(request, date, service, names, given):
    headers = request["headers"]
    if not {"content-type", "host"} <= set(names.split(";")) or names.split(";") != sorted(names.split(";")):
        return False
    lines = "".join("%s:%s\n" % (name, headers[name].strip().lower()) for name in names.split(";"))
    payload = hashlib.sha256(request["body"]).hexdigest()
    canonical = "\n".join(["POST", "/", "", lines, names, payload])
    scope = "%s/%s/tc3_request" % (date, service)
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["TC3-HMAC-SHA256", headers["x-tc-timestamp"], scope, hashed])
    key = ("TC3" + KEY_SECRET).encode()
    for step in (date, service, "tc3_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(given, hmac.new(key, text.encode(), hashlib.sha256).hexdigest())
