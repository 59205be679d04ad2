"""What tests of the whole share: a real engine, the sample candidates, the command itself."""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable
from certify.model.result import Report, Result
from certify.suite.check_server import SERVER
from certify.util.garbage import collect_rarely
from tests.factories import (  # noqa: F401 - fixtures for all tests
    halting,
    make_check,
    make_result,
    native,
    on_launch,
    one_of_each,
    rejected,
    unreachable,
    waived,
)
from tests.support.command_server import CommandServer
from tests.support.images import tag  # noqa: F401
from tests.support.keys import make_pair, pair, two_pairs  # noqa: F401
from tests.support.postgresql import ledger_url, postgresql_server  # noqa: F401
from tests.support.waiting import eventually

SAMPLES = "certify-sample"
NO_ENGINE = "unix:///var/empty/no-engine.sock"
gc.disable()  # until all tests are collected
# A busy machine is no failure. More examples: pytest --hypothesis-profile=thorough
hypothesis.settings.register_profile("daily", deadline=None, max_examples=50)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500)
hypothesis.settings.load_profile("daily")
# Who runs tests in the background may ignore Ctrl-C; commands under test must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Docker Hub is never asked: nothing listens on the port of tcpmux.
os.environ["CERTIFY_HUB_API"] = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def results(self) -> tuple[Result, ...]:
        return Report.model_validate_json(self.out).results

    @property
    def result(self) -> Result:
        (only,) = self.results
        return only

    def json(self) -> Any:
        return json.loads(self.out)


Certify = Callable[..., Ended]


def command(*arguments: str) -> list[str]:
    """The command line of `certify`, in this interpreter."""
    return [sys.executable, "-P", "-m", "certify", *arguments]


@cache
def command_server() -> CommandServer:
    """Return the server of this process, which ends with it."""
    server = CommandServer()
    atexit.register(server.close)
    return server


def certify_in(folder: Path) -> Certify:
    """Runs `certify` in a folder."""

    def run(*arguments: str, **environment: str) -> Ended:
        variables = os.environ | {"CI": "1", "COLUMNS": "80"} | environment
        if command_server().suits(variables):
            pid, code, out, err = command_server().run(arguments, folder, variables, timeout=600)
            _Remembered.started.add(pid)
            return Ended(code, out.decode(), err.decode())
        ended = subprocess.run(
            command(*arguments),
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=600,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    return run


@pytest.fixture
def certify(tmp_path: Path) -> Certify:
    """Runs `certify` in an empty folder."""
    return certify_in(tmp_path)


LONGEST = (
    "stories/test_certification.py", "stories/test_sweep.py",
    "inconclusive/test_inconclusive_engine.py", "inconclusive/test_inconclusive_network.py",
    "stories/test_publication_registry.py", "stories/test_fix.py", "stories/test_timing.py",
    "stories/test_lanes.py", "inconclusive/test_inconclusive_hang.py", "stories/test_platforms.py",
    # without an engine, those that wait before those that compute
    "repository/test_contributing.py", "ledger/test_recording.py", "suite/test_check_server.py",
    "sweep/test_overlap.py", "repository/test_wheel.py", "stories/test_publication_platforms.py",
    "sweep/test_conclusion.py",
)  # fmt: skip
"""Files that take longest: with one of them last, a core would be idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take longest, so that all processes end at about the same time."""
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get("/".join(item.path.parts[-2:]), len(order)))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests, which live until the end."""
    collect_rarely()  # as the command does
    gc.enable()
    gc.freeze()


@pytest.fixture(autouse=True)
def engine_for_those_who_ask(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only tests with the marker reach the engine, so that nothing runs on it beside them.

    Without one nothing is launched: a server of checks would start in vain.
    """
    if request.node.get_closest_marker("engine") is None:
        monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
        monkeypatch.setattr(SERVER, "start", lambda **_how: None)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real engine. Without one these tests fail: a skip would look like a pass."""
    try:
        found = Engine.connect()
    except EngineUnavailable as error:
        pytest.fail(f"{error.message} {error.remedy}")
    with found:
        yield found


class _Remembered(subprocess.Popen[Any]):
    """A process that a test started; what it leaves behind is looked for."""

    started: ClassVar[set[int]] = set()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started.add(self.pid)


subprocess.Popen = _Remembered  # type: ignore[misc]


def _is_ours(owner: str) -> bool:
    """Whether this process made it, or one that it started and that has ended."""
    _, pid, _ = owner.split("/")
    gone = int(pid) in _Remembered.started and reaper.is_orphan(owner)
    return owner == reaper.owner() or bool(gone)


def leftovers(engine: Engine) -> list[str]:
    """What these tests left on the engine; others may be at work there."""
    api = engine.client.api
    ours = {"label": reaper.RUN}
    found = [
        *((each["Names"][0], each["Labels"]) for each in api.containers(all=True, filters=ours)),
        *((each["Name"], each["Labels"]) for each in api.volumes(filters=ours)["Volumes"] or ()),
        *((each["Name"], each["Labels"]) for each in api.networks(filters=ours)),
        *((each["Id"], each["Labels"]) for each in api.images(filters={"label": "certify=probe"})),
    ]
    return [name for name, labels in found if _is_ours(labels[reaper.OWNER])]


@pytest.fixture
def nothing_left(engine: Engine) -> Iterator[None]:
    """Nothing of certify's stands on the engine when the test ends that did not before it."""
    before = set(leftovers(engine))
    yield
    # What is killed is removed by its watchdog, which may take some seconds.
    eventually(lambda: set(leftovers(engine)) <= before, seconds=15)
