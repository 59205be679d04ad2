"""An engine that hangs or dies at the worst moment: nobody waits for ever, nor blames the image."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable, ImageUnavailable
from certify.model.reference import Reference
from certify.model.terms import Fault
from tests.conftest import SAMPLES, Ended, command
from tests.stories.inconclusive.answers import reason
from tests.support.misbehaving import SILENCE, Reply, forwarding, serving
from tests.support.private_engine import PrivateEngine
from tests.support.registries import running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

Trouble = Callable[[PrivateEngine], AbstractContextManager[None]]
NO_ANSWER = "The container engine does not answer"


@pytest.fixture
def asked(mortal: PrivateEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A connection to it that waits 3 s for each answer."""
    with monkeypatch.context() as meanwhile:  # what else a test does is the host's engine's
        meanwhile.setenv("DOCKER_HOST", mortal.address)
        engine = Engine.connect(timeout=3)
    with engine:
        yield engine


@contextlib.contextmanager
def killed(mortal: PrivateEngine) -> Iterator[None]:
    mortal.kill(signal.SIGKILL)
    yield
    mortal.start()


@contextlib.contextmanager
def stopped(mortal: PrivateEngine) -> Iterator[None]:
    mortal.kill(signal.SIGTERM)
    yield
    mortal.start()


def frozen(mortal: PrivateEngine) -> AbstractContextManager[None]:
    return mortal.frozen()


def test_an_engine_that_hangs_is_not_waited_for(mortal: PrivateEngine, asked: Engine) -> None:
    asked.ping()
    begun = time.monotonic()
    with mortal.frozen(), pytest.raises(EngineUnavailable, match=NO_ANSWER):
        asked.ping(seconds=1)
    assert 1 <= time.monotonic() - begun < 3
    asked.ping()


@contextlib.contextmanager
def stalling(folder: Path) -> Iterator[tuple[str, threading.Event]]:
    """An image of which a registry gives all but the layers, and when it is asked for those."""
    folder.mkdir()
    reached = threading.Event()

    def layer(_method: str, path: str) -> Reply | None:
        if "/blobs/" not in path:
            return None
        reached.set()
        return SILENCE

    with running(folder) as registry:
        registry.push(f"{SAMPLES}/busybox", "team/app:1")
        with serving(forwarding(registry.host, layer)) as port:
            yield f"127.0.0.1:{port}/team/app:1", reached


@pytest.mark.parametrize("trouble", [killed, stopped, frozen])
def test_while_an_image_is_pulled(
    mortal: PrivateEngine, asked: Engine, tmp_path: Path, trouble: Trouble
) -> None:
    with ThreadPoolExecutor(1) as thread, stalling(tmp_path / "registry") as (name, reached):
        pulling = thread.submit(asked.resolve, Reference.parse(name), platform=None, pull="missing")
        assert reached.wait(20)
        with trouble(mortal), pytest.raises(EngineUnavailable, match=NO_ANSWER):
            pulling.result(40)


def test_a_registry_that_falls_silent_is_not_taken_for_the_engine(
    asked: Engine, tmp_path: Path
) -> None:
    with stalling(tmp_path / "registry") as (name, _), pytest.raises(ImageUnavailable) as silent:
        asked.resolve(Reference.parse(name), platform=None, pull="missing")
    assert silent.value.fault is Fault.REGISTRY
    assert "nothing came" in silent.value.message


@pytest.mark.parametrize(
    "trouble", [killed, pytest.param(frozen, marks=pytest.mark.slow, id="frozen")]
)
def test_while_the_candidate_comes_up(
    mortal: PrivateEngine, tmp_path: Path, trouble: Trouble
) -> None:
    words = command("run", "--format", "json", f"{SAMPLES}/debian")
    environment = os.environ | {"CI": "1", "DOCKER_HOST": mortal.address}
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as certifying:
        eventually(lambda: b"installing" in said(mortal))
        with trouble(mortal):
            out, err = certifying.communicate(timeout=120)
    ended = Ended(certifying.returncode, out.decode(), err.decode())
    assert NO_ANSWER in reason(ended, tmp_path / "reports")
    clean = os.environ | {"DOCKER_HOST": mortal.address}
    subprocess.run(command("clean"), env=clean, check=True, capture_output=True)
    assert mortal.docker("ps", "--all", "--quiet").stdout == b""


def said(mortal: PrivateEngine) -> bytes:
    """The launch's own word for how far the candidate has come."""
    running = mortal.docker("ps", "--quiet", "--filter", "label=certify=candidate", check=False)
    name = running.stdout.decode().strip()
    phase = ("exec", name, "cat", "/run/certify/phase")
    return mortal.docker(*phase, check=False).stdout if name else b""
