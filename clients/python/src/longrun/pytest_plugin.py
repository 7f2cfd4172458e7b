"""The fixture `longrun_emulator` for pytest.

A test says which scenarios it needs with
`@pytest.mark.longrun_scenario("a.toml", clock="frozen")`; paths start from the
folder of the test's file. For each choice one emulator is started, and it is
reset before each test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from longrun.emulator import Emulator

_Running = dict[tuple[object, ...], Emulator]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("longrun")
    group.addoption("--longrun-binary", help="the program longrun [LONGRUN_BIN, or on the path]")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "longrun_scenario(*files, clock=None): what longrun_emulator is started with",
    )


@pytest.fixture(scope="session")
def _longrun_emulators() -> Iterator[_Running]:
    running: _Running = {}
    yield running
    for emulator in running.values():
        emulator.stop()


@pytest.fixture
def longrun_emulator(request: pytest.FixtureRequest, _longrun_emulators: _Running) -> Emulator:
    """An emulator as it is at its start."""
    mark = request.node.get_closest_marker("longrun_scenario")
    files = [str(request.path.parent / file) for file in mark.args] if mark else []
    clock: Any = mark.kwargs.get("clock") if mark else None
    choice = (*files, clock)
    emulator = _longrun_emulators.get(choice)
    if emulator is None:
        binary = request.config.getoption("--longrun-binary")
        emulator = Emulator(*files, binary=binary, clock=clock)
        emulator.start()
        _longrun_emulators[choice] = emulator
    else:
        emulator.reset()
    return emulator
