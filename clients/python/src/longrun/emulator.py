"""`longrun emulate` for the length of a test.

    with Emulator("power.toml", clock="frozen") as emulator:
        emulator.url, emulator.env["TENCENTCLOUD_SECRET_ID"]
        emulator.advance(hours=2)

It starts the program on a free port of this machine and ends it. Nothing but
the standard library is needed.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from datetime import timedelta
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

LAST = "OS_REGION_NAME"
"""The variable in the last of the lines that the program prints."""
PATIENCE_S = 30.0
"""How long the program may take for an answer, or to end."""


class EmulatorError(Exception):
    """The emulator did not start, or did not do something."""


class Emulator:
    """An emulator that runs until the block ends."""

    def __init__(
        self,
        *scenarios: str | os.PathLike[str],
        binary: str | None = None,
        clock: str | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        program = binary or os.environ.get("LONGRUN_BIN") or "longrun"
        command = [program, "emulate", "--listen", "127.0.0.1:0", *arguments]
        if clock is not None:
            command += ["--clock", clock]
        self._command = command + [os.fspath(scenario) for scenario in scenarios]
        self._process: subprocess.Popen[str] | None = None
        self._opener = build_opener(ProxyHandler({}))
        self.env: dict[str, str] = {}
        """What SDKs are told: the address and the credentials, by their variables."""

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it. Once this returns, requests are answered."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LONGRUN_")}
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=inherited,
            )
            self._process = process
            assert process.stdout is not None
            for line in process.stdout:
                name, _, value = line.removeprefix("export ").rstrip("\n").partition("=")
                self.env[name] = "".join(shlex.split(value))
                if name == LAST:
                    return
            process.wait(PATIENCE_S)
            self.stop()
            log.seek(0)
            raise EmulatorError(f"`{shlex.join(self._command)}` did not start: {log.read()}")

    def stop(self) -> None:
        """Ends it, in peace if it can be."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    @property
    def url(self) -> str:
        """The beginning of its URLs."""
        return self.env["LONGRUN_SERVER"]

    @property
    def token(self) -> str:
        """The bearer token of the key for development."""
        return self.env["LONGRUN_TOKEN"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Makes a call of the native API: `path` is what stands behind `/api/v1/`."""
        request = Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                raise EmulatorError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def advance(self, span: timedelta | None = None, **parts: float) -> Any:
        """Moves the clock: by a `timedelta`, or by what makes one (`hours=2`)."""
        passed = timedelta(**parts) if span is None else span
        return self.call("POST", "clock:advance", {"millis": passed // timedelta(milliseconds=1)})

    def now(self) -> str:
        """What time it is there."""
        now: str = self.call("GET", "clock")["now"]
        return now

    def reset(self) -> None:
        """Makes everything as it was at the start."""
        self.call("POST", "emulator:reset")

    def figures(self) -> Any:
        """How often it was polled, and what came of it."""
        return self.call("GET", "emulator")
