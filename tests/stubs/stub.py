"""Clouds that play a part: each answers signed polls of the client half of a dialect, by code of its own.

    python3 -B stub.py tencent|tencent3|alibaba|huawei

It writes the port that it listens on as one line to stdout, and plays until its stdin ends. The id of a task names the
part: a list of answers, given in turn, the last one for ever. A poll whose signature is not what the secret of the tests
gives is refused in the words of that cloud, so a test that sees anything else has seen the signature accepted.

Nothing here is shared with the program: the signatures are computed anew from the clouds' documents, with nothing but
the standard library.
"""

import email.utils
import http.server
import importlib
import json
import socket
import struct
import sys
import threading
import time

KEY_ID = "AKIDLONGRUNTEST0001"
KEY_SECRET = "SecretOfTheTests00000000000000000001"

DROP = "drop"
"""The connection is cut before an answer."""
CUT = "cut"
"""The connection is cut in the middle of an answer."""


class Reply:
    """An answer as it goes over the wire."""

    def __init__(self, status, body, content_type="application/json", **headers):
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.headers = {"Content-Type": content_type}
        self.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.clock_ahead = 0


def as_json(value, status=200, **headers):
    return Reply(status, json.dumps(value), **headers)


def page(status, title):
    """What a proxy says in place of the cloud."""
    html = "<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
    return Reply(status, html % (title, title), "text/html; charset=utf-8")


def redirect():
    return Reply(302, "", "text/plain", Location="https://login.example/")


class Parts:
    """Who has said what so far."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.lock = threading.Lock()
        self.counts = {}

    def next(self, name):
        """The next answer of a part, or nothing if there is no such part."""
        script = self.scripts.get(name)
        if script is None:
            return None
        with self.lock:
            count = self.counts.get(name, 0)
            self.counts[name] = count + 1
        return script[min(count, len(script) - 1)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud = None

    def play(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        request = {
            "method": self.command,
            "path": path,
            "query": query,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body,
        }
        answer = self.cloud.answer(request)
        if answer == DROP:
            self.cut()
        elif answer == CUT:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"code\":")
            self.wfile.flush()
            self.cut()
        else:
            self.send(answer)

    do_GET = do_POST = play

    def send(self, answer):
        self.send_response_only(answer.status)
        self.send_header("Date", email.utils.formatdate(time.time() + answer.clock_ahead, usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def cut(self):
        # No goodbye: the other side sees a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass  # It was cut.

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass  # It was cut.


def main():
    Handler.cloud = importlib.import_module(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
