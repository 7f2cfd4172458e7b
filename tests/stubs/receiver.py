"""A receiver of operations that the executor `http` sends, written as a user would from docs/executors.md alone.

    python3 -B receiver.py [FOLDER]

It writes the port that it listens on as one line to stdout, and plays until its stdin ends. The kind of an operation
names the part. With a folder it speaks TLS, with the `certificate.pem` and the `key.pem` in it. A delivery whose signature is not right gets 401, so a test that sees anything else has seen it accepted.
Nothing here is shared with the program, and nothing but the standard library is used.
"""

import hashlib
import hmac
import http.server
import json
import ssl
import sys
import threading
import time
import urllib.request

SECRET = b"the secret of the tests"
TOLERANCE_S = 300
TOKEN = "TokenOfTheTests000000000000000000001"


def is_signed(header, body):
    """Whether this came from whoever knows the secret, and not long ago."""
    parts = dict(part.split("=", 1) for part in (header or "").split(","))
    try:
        told, age_s = parts["v1"], abs(time.time() - int(parts["t"]))
    except (KeyError, ValueError):
        return False
    expected = hmac.new(SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(told, expected) and age_s <= TOLERANCE_S


def results(lease):
    done = [
        {"id": one["id"], "status": "succeeded", "output": {"got": one["input"]}}
        for one in lease["operation"]["resources"]
    ]
    return {"resources": done}


def call(server, path, body):
    request = urllib.request.Request(
        server + "/api/v1/" + path,
        json.dumps(body).encode(),
        {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def report_later(server, lease):
    name = {"id": lease["operation"]["id"], "fence": lease["fence"]}
    held = call(server, "leases:heartbeat", {"leases": [name]})
    assert held["leases"][0]["state"] == "held", held
    told = call(server, "leases:report", {"reports": [name | results(lease)]})
    assert told["reports"][0]["accepted"], told


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = {}
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_signed(self.headers["Longrun-Signature"], body):
            return self.answer(401)
        lease = json.loads(body)
        operation = lease["operation"]
        with self.lock:
            number = self.seen[operation["id"]] = self.seen.get(operation["id"], 0) + 1
        getattr(self, "play_" + operation["kind"])(lease, number)

    def play_now(self, lease, number):
        self.answer(200, results(lease))

    def play_later(self, lease, number):
        self.answer(202)
        server = lease["operation"]["labels"]["server"]
        threading.Thread(target=report_later, args=(server, lease)).start()

    def play_forgets(self, lease, number):
        """Takes it over and is never heard of again, the first time."""
        self.answer(202) if number == 1 else self.answer(200, results(lease))

    def play_flaky(self, lease, number):
        if number == 1:
            self.answer(503, retry_after=0)
        elif number == 2:
            self.answer(429)
        elif number == 3:
            self.close_connection = True
        elif number == 4:
            # Longer than the server has been told to wait.
            time.sleep(2)
            self.answer(200, {"finish": {"status": "failed", "error": {"code": "too-late"}}})
        else:
            self.answer(200, results(lease))

    def play_broken(self, lease, number):
        self.answer(500)

    def play_refuses(self, lease, number):
        self.answer(400)

    def play_redirects(self, lease, number):
        self.answer(307, location="/elsewhere")

    def play_chats(self, lease, number):
        self.answer(200, "done!")

    def play_errs(self, lease, number):
        self.answer(200, {"resources": [{"id": "a", "status": "excellent"}]})

    def play_others(self, lease, number):
        self.answer(200, {"id": "op-of-somebody-else"} | results(lease))

    def play_fails(self, lease, number):
        error = {"code": "full", "message": "no room"}
        self.answer(200, {"finish": {"status": "failed", "error": error}})

    play_forged = play_now

    def answer(self, status, value=None, **headers):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, header in headers.items():
            self.send_header(name.replace("_", "-"), str(header))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1] + "/certificate.pem", sys.argv[1] + "/key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
