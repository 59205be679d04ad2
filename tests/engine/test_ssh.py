"""An engine on another machine, by OpenSSH's own client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.engine.ssh import FOLDER
from certify.model.errors import EngineUnavailable
from tests.conftest import SAMPLES, certify_in
from tests.support.profiles import quick
from tests.support.ssh_server import ssh_server
from tests.support.waiting import eventually


def forwards() -> list[str]:
    """The command lines of all connections that certify has opened."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [
        each for each in listed.stdout.splitlines() if each.startswith("ssh -T") and FOLDER in each
    ]


def test_what_ssh_says_is_told() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        Engine.connect("ssh://nobody@127.0.0.1:1")
    assert (
        "ssh://nobody@127.0.0.1:1 cannot be reached: ssh: connect to host" in caught.value.message
    )
    assert "Connection refused" in caught.value.message


@pytest.fixture
def path_of_ssh(tmp_path: Path) -> Iterator[str]:
    """A path on which ``ssh`` reads a configuration of the test's own."""
    with ssh_server(tmp_path):
        (tmp_path / "bin").mkdir()
        wrapper = tmp_path / "bin/ssh"
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {tmp_path}/config "$@"\n')
        wrapper.chmod(0o755)
        yield f"{tmp_path}/bin:{os.environ['PATH']}"


@pytest.mark.engine
@pytest.mark.slow
def test_an_image_is_certified_on_another_machine(
    path_of_ssh: str, tmp_path: Path, engine: Engine, nothing_left: None
) -> None:
    words = ("run", "--profile", quick(tmp_path), f"{SAMPLES}/debian", "--format", "json")
    certify = certify_in(tmp_path)
    own = engine.architecture
    ended = certify(*words, "--platform", f"linux/{own}", "--engine", f"{own}=ssh://builder",
                    PATH=path_of_ssh)  # fmt: skip
    assert (ended.code, ended.results[0].verdict.status) == (0, "certified"), ended.err
    by_variable = certify(*words, PATH=path_of_ssh, DOCKER_HOST="ssh://builder")
    assert (by_variable.code, by_variable.results[0].verdict.status) == (0, "certified")
    assert not forwards()


@pytest.mark.engine
def test_the_connection_ends_with_a_killed_process(path_of_ssh: str) -> None:
    code = (
        "import os; from certify.engine.client import Engine;"
        "engine = Engine.connect('ssh://builder'); assert not engine.local;"
        "print(engine.info['ID'], flush=True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False,
                           env=os.environ | {"PATH": path_of_ssh})  # fmt: skip
    assert ended.stdout.strip(), ended.stderr
    eventually(lambda: not forwards() and not list(Path("/tmp").glob(f"{FOLDER}*")))
