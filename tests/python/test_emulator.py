"""The fixture of the Python package, in a pytest of its own."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from longrun.emulator import Emulator, EmulatorError

SUBMISSION = {"kind": "reboot", "resources": [{"id": "a"}, {"id": "b"}]}


def status(emulator: Emulator, id: str) -> str:
    word: str = emulator.call("GET", f"operations/{id}")["status"]
    return word


@pytest.mark.longrun_scenario("../../examples/trouble.toml", clock="frozen")
@pytest.mark.parametrize("time", [1, 2])
def test_each_begins_anew(longrun_emulator: Emulator, time: int) -> None:
    first, second = (longrun_emulator.call("POST", "operations", SUBMISSION) for _ in range(2))
    assert first["task_id"] == 1
    longrun_emulator.advance(hours=2)
    assert status(longrun_emulator, first["id"]) == "partial"
    assert status(longrun_emulator, second["id"]) == "running"
    assert longrun_emulator.figures()["polls"] == {"native": 2}


def test_without_a_scenario(longrun_emulator: Emulator) -> None:
    made = longrun_emulator.call("POST", "operations", SUBMISSION)
    longrun_emulator.advance(seconds=3)
    assert status(longrun_emulator, made["id"]) == "succeeded"
    assert longrun_emulator.env["TENCENTCLOUD_SECRET_ID"]
    with pytest.raises(EmulatorError, match="404"):
        longrun_emulator.call("GET", "operations/nothing")


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[[rule]]\nnames = 'x'\n")
    with pytest.raises(EmulatorError, match=r"wrong\.toml:2: `rule\[0\]\.names`"):
        Emulator(wrong).start()


def test_it_ends() -> None:
    with Emulator() as emulator:
        url = emulator.url
        urlopen(f"{url}/healthz").close()
    with pytest.raises(URLError):
        urlopen(f"{url}/healthz")
