"""Watches an operation with an unmodified client of server-sent events.

watch.py URL TOKEN: prints the number and the type of each event. When the
connection breaks, it comes back with the last number it has heard, as browsers
do, and it ends when it is told that there is no more (204).
"""

import json
import sys
import time

import httpx
import httpx_sse


def main(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    pause = 0.1
    with httpx.Client(timeout=60, trust_env=False) as client:
        while True:
            try:
                with httpx_sse.connect_sse(client, "GET", url, headers=headers) as source:
                    if source.response.status_code == 204:
                        return
                    source.response.raise_for_status()
                    for event in source.iter_sse():
                        if event.retry is not None:
                            pause = event.retry / 1000
                        if event.data:
                            headers["Last-Event-ID"] = event.id
                            print(event.id, json.loads(event.data)["type"], flush=True)
            except httpx.TransportError:
                pass  # The server is away.
            time.sleep(pause)


if __name__ == "__main__":
    main(*sys.argv[1:])
