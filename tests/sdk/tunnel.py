"""A CONNECT proxy that leads every host to one address.

An SDK that pins its cloud's host can be pointed elsewhere without touching it,
as its users do it: with `https_proxy`. The bytes pass through unread, so TLS,
certificate and signature are between the SDK and the server, and both see the
cloud's own host name.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread


@contextmanager
def tunnel(address: str) -> Iterator[None]:
    """Runs a proxy to `address` (HOST:PORT), named by `https_proxy` meanwhile."""
    host, port = address.rsplit(":", 1)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass  # The request's head; the host it asks for is ignored.
            with closing(socket.create_connection((host, int(port)))) as server:
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = Thread(target=pump, args=(server, self.connection))
                back.start()
                pump(self.connection, server)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        Thread(target=proxy.serve_forever, args=(0.01,)).start()
        os.environ["https_proxy"] = f"http://127.0.0.1:{proxy.server_address[1]}"
        try:
            yield
        finally:
            del os.environ["https_proxy"]
            proxy.shutdown()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends, then tells the sink so."""
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # One end hung up, which ends the copy as well.
