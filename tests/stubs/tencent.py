"""Tencent Cloud, API 2.0: DescriptionOperationResult of bare metal and DescribeNetTaskResult of vpc, and a submission of
each."""

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qsl

from stub import CUT, DROP, KEY_ID, KEY_SECRET, Parts, Reply, as_json, page, redirect

HOUR = 3600
WINDOW = 300


def told(data, code=0, **more):
    return as_json({"code": code, "message": "", "codeDesc": "Success", "data": data, **more})


def error(code, message, desc="", **headers):
    return as_json({"code": code, "message": message, "codeDesc": desc}, **headers)


def machines(whole, **each):
    listed = [{"instanceId": name.replace("_", "-"), "status": status} for name, status in each.items()]
    return told({"status": whole, "instanceIds": listed})


def step(number):
    """Something new, so that the next poll comes soon."""
    return told({"status": 4, "instanceIds": []}, message="step %d" % number)


RUNNING = machines(4, cpm_1=4, cpm_2=4)
HALF = machines(5, cpm_1=1, cpm_2=4)
DONE = machines(1, cpm_1=1, cpm_2=1)
THROTTLED = error(4400, "too many calls", "LimitExceeded")

BM = Parts({
    "1": [RUNNING, HALF, DONE],
    # The damage of the document's example, and the name that only its table has; the code as a text.
    "2": [
        Reply(200, '{"code":"0","message":"","data":{"status ":"7","resourceIds ":['
                   '{"instanceId ":"cpm-1 ","status ":1},{"instanceId ":"cpm-2 ","status ":"2"},'
                   '{"instanceId ":"cpm-3 ","status ":4}]}}'),
        Reply(200, '\ufeff{"code":"0","message":"OK","data":{"status ":3,"resourceIds ":['
                   '{"instanceId ":"cpm-1 ","status ":1},{"instanceId ":"cpm-2 ","status ":2},'
                   '{"instanceId ":"cpm-3 ","status ":1}]}}'),
    ],
    "3": [
        THROTTLED, step(1), page(503, "Busy"), step(2), DROP, step(3), CUT, step(4), Reply(200, ""), step(5),
        error(6000, "(9001)database", "InternalError.DbError"), DONE,
    ],
    "4": [RUNNING, machines(2, cpm_1=2, cpm_2=2)],
    "5": [error(5000, "no such task", "InvalidResource.NotFound")],
    "6": [error(4000, "(10001)no such task", "InvalidParameter")],
    "7": [error(4102, "not yours", "UnauthorizedOperation")],
    "8": [DONE],  # asked for by a clock that is an hour behind
    # An empty map of PHP, a word that nobody knows, and an end that its parts deny.
    "9": [told([]), machines(9, cpm_1=4), machines(1, cpm_1=1, cpm_2=4), machines(1, cpm_1=1, cpm_2=1)],
    "10": [RUNNING],
    "11": [redirect()],
    "12": [page(404, "Not here")],
    "13": [Reply(429, "slow down", "text/plain", Retry_After="1"), DONE],
})


def net(status, code=0, message="OK", **more):
    return told({"status": status, "output": {"code": code, "message": message}, **more})


VPC = Parts({
    "1": [net(2), net(0)],
    "2": [net(2), net(1, 29258, "the referenced resource is missing")],
    "3": [THROTTLED, told(None), net(7), net("2"), page(502, "Bad Gateway"),
          net(0, data={"total": 1, "detail": [{"id": "sg-1"}]})],
    "4": [error(4000, "(29258)gone", "InvalidResource")],
    "5": [error(29254, "not allowed")],
    "6": [net(0)],  # asked for by a clock that is an hour behind
})

# As they were called first, and as they are called now; who names none is asked for all.
REGIONS = ("", "bj", "gz", "ap-beijing", "ap-guangzhou")

ACTIONS = {"DescriptionOperationResult": BM, "DescribeNetTaskResult": VPC}

# What they must be given, and the part that the task plays which they make.
SUBMISSIONS = {
    "RebootDevice": ({"instanceIds.0": "cpm-1", "instanceIds.1": "cpm-2"}, 2),
    "ModifyService": ({"serviceId": "ppm-web", "service.0": "tcp:80"}, 2),
}


def answer(request):
    if request["method"] not in ("GET", "POST") or request["path"] != "/v2/index.php":
        return error(4600, "this stub wants a GET or a POST of /v2/index.php")
    text = request["query"] if request["method"] == "GET" else request["body"].decode()
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        return error(4000, "a parameter is given twice")
    if parameters.get("SecretId") != KEY_ID:
        return error(4104, "SecretId does not exist", "AuthFailure")
    if parameters.get("SignatureMethod") != "HmacSHA256":
        return error(4100, "this stub wants HmacSHA256", "AuthFailure")
    if not signed(request, parameters):
        return error(4100, "the signature does not match", "AuthFailure")
    task = parameters.get("taskId", "")
    wanted, part = SUBMISSIONS.get(parameters.get("Action"), (None, None))
    if part:
        is_whole = wanted.items() <= parameters.items()
        return told({"taskId": part}) if is_whole else error(4000, "a parameter is missing")
    parts = ACTIONS.get(parameters.get("Action"))
    ahead = HOUR if (parts, task) in ((BM, "8"), (VPC, "6")) else 0
    if abs(int(parameters["Timestamp"]) - time.time() - ahead) > WINDOW:
        late = error(4500, "the Timestamp is outside the window", "ReplayAttack")
        late.clock_ahead = ahead
        return late
    if parameters.get("Region", "") not in REGIONS:
        # Bare metal has one number for whatever is wrong with a parameter, also for a task that there is not.
        module = "(10001)" if parts is BM else ""
        return error(4000, module + "The value of Region is not valid", "InvalidParameter")
    return (parts and parts.next(task)) or error(6100, "no such action or part", "InvalidAction")


def signed(request, parameters):
    given = parameters.pop("Signature", "")
    text = "&".join("%s=%s" % pair for pair in sorted(parameters.items()))
    text = "%s%s%s?%s" % (request["method"], request["headers"]["host"], request["path"], text)
    digest = hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(given, base64.b64encode(digest).decode())
