"""Ctrl-C and SIGTERM in the middle: exit 130, all cleaned up, and what was found is kept."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from certify.engine import reaper
from certify.engine.client import Engine
from tests.conftest import SAMPLES, command
from tests.support.waiting import containers_of, eventually, owner_of, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

BOOTS = f"{SAMPLES}/debian-devspace"


def ended(engine: Engine, folder: Path, number: int, *words: str) -> tuple[int, str, str]:
    """Run it until the container of the slow image stands, signal it; how it ended."""
    scratch = folder / "tmp"
    scratch.mkdir()
    with running(
        command("run", "--pull", "never", *words, BOOTS),
        folder,
        env=os.environ | {"CI": "1", "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        eventually(lambda: containers_of(engine, process.pid, BOOTS))
        below = [owner_of(int(pid)) for pid in children(process.pid)]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert below, "the checks run in a process of their own"
    eventually(lambda: all(reaper.is_orphan(owner) for owner in below))
    assert list(scratch.iterdir()) == [], "the folder of the notification socket is gone"
    return process.returncode, out.decode(), err.decode()


def children(pid: int) -> list[str]:
    return [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_middle_of_a_boot(engine: Engine, tmp_path: Path, number: int) -> None:
    code, out, err = ended(engine, tmp_path, number)
    assert (code, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err


def test_what_was_found_before_is_recorded(engine: Engine, tmp_path: Path) -> None:
    code, _, err = ended(engine, tmp_path, signal.SIGINT, "--format", "json", f"{SAMPLES}/scratch")
    assert code == 130
    assert "Traceback" not in err
    (found,) = (tmp_path / "reports" / "results").glob("*.json")
    assert "scratch" in found.name
    assert (tmp_path / "reports" / "junit.xml").is_file()
