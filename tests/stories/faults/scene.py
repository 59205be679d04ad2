"""One run of certify that something happens to, and what is to be seen of it afterwards.

The image is small and good, and the profile has one check that waits, so that whatever is told
against the image comes from the fault.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify.engine import reaper
from certify.engine.client import Engine
from certify.model.errors import CertifyError
from certify.model.terms import Status
from tests.conftest import SAMPLES, Ended, command
from tests.support.waiting import eventually, owner_of

IMAGE = f"{SAMPLES}/busybox"
WITHIN = 10.0
"""Seconds in which a killed run must have left nothing."""
PROFILE = """\
name = "calm"
title = "Calm"
description = "An image with a shell, and a check that waits."
source = "tests/stories/faults"
launch = "idle"
required = ["image.os", "image.shell", "image.waiting"]
"""
CHECK = '''
from pathlib import Path
from certify.suite import check

@check("image.waiting", title="waits", needs=("image.shell",), remedy="None.")
def test_waiting(candidate):
    """A command ends well.

    Why: somebody waits for it.

    How: it takes long enough for something to happen meanwhile.
    """
    mark = Path({mark!r})
    mark.with_suffix(".new").write_text(candidate.job.container)
    mark.with_suffix(".new").rename(mark)
    answer = candidate.run("sleep " + Path({wait!r}).read_text())
    assert answer.rc == 0, "the command failed"
'''


@dataclass
class Scene:
    """A folder to certify in, and the run that something happens to."""

    folder: Path
    engine: Engine
    """The host's engine."""
    address: str = ""
    """The address of another engine to certify on."""
    process: subprocess.Popen[bytes] | None = None
    owners: set[str] = field(default_factory=set)
    reports: str = "reports"
    ledger: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "calm.toml").write_text(PROFILE)
        (self.folder / "checks").mkdir()
        text = CHECK.format(mark=str(self.mark), wait=str(self._wait))
        (self.folder / "checks/test_waiting.py").write_text(text)
        self.wait(3)

    def add_checks(self, *names: str) -> None:
        """Have the profile recommend further checks."""
        with (self.folder / "calm.toml").open("a") as file:
            file.write(f"recommended = {json.dumps(names)}\n")

    @property
    def mark(self) -> Path:
        """The file that the check writes once it runs; it holds the container's id."""
        return self.folder / "mark"

    @property
    def _wait(self) -> Path:
        return self.folder / "wait"

    def wait(self, seconds: float) -> None:
        """Set how long the check waits."""
        self._wait.write_text(str(seconds))

    def words(self, *words: str) -> list[str]:
        """Return the options that every command line here has, after the ones that are given."""
        kept = ["--reports", self.reports, *(["--ledger", self.ledger] if self.ledger else [])]
        return command(*words, *kept)

    def run(self, image: str = IMAGE, *words: str) -> list[str]:
        """Return the command line of a run with the calm profile."""
        calm = ["--profile", "./calm.toml", "--checks", "checks", "--format", "json"]
        return self.words("run", *calm, *words, image)

    def start(self, words: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Start a command, by default the run."""
        environment = os.environ | {"CI": "1"} | self.environment
        if self.address:
            environment["DOCKER_HOST"] = self.address
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                words or self.run(),
                cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        with contextlib.suppress(IndexError, FileNotFoundError):
            self.owners.add(owner_of(self.process.pid))
        return self.process

    def said(self, text: str) -> bool:
        """Return True once the run has written a text to its standard error; False if it ended."""
        assert self.process is not None
        found = text in (self.folder / "err").read_text("utf-8", "replace")
        assert found or self.process.poll() is None, (self.folder / "err").read_text()
        return found

    def until(self, ready: Callable[[], object]) -> None:
        """Wait for a moment of the run, and note whose objects to look for afterwards."""
        eventually(ready, seconds=600)  # on an emulated machine
        self.owners_below()

    def owners_below(self) -> set[str]:
        """Note the processes that the run has started, and return how they sign their objects."""
        assert self.process is not None
        found: set[str] = set()
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                below = (task / "children").read_text().split()
                found |= {owner_of(int(child)) for child in below}
        self.owners |= found
        return found

    def ended(self, seconds: float = 300) -> Ended:
        """Wait for the end of the run."""
        assert self.process is not None
        code = self.process.wait(seconds)
        texts = [(self.folder / name).read_text("utf-8", "replace") for name in ("out", "err")]
        return Ended(code, *texts)

    def left(self, *, running: bool = False) -> list[str]:
        """Return the names of what the run's processes have on the host's engine."""
        api: Any = self.engine.client.api
        ours = {"label": reaper.RUN}
        images = {"label": f"{reaper.LABEL}={reaper.PROBE}"}
        listed = [
            *api.containers(all=not running, filters=ours),
            *([] if running else [*(api.volumes(filters=ours)["Volumes"] or ())]),
            *([] if running else [*api.networks(filters=ours), *api.images(filters=images)]),
        ]
        return [
            str(each.get("Id") or each["Name"])
            for each in listed
            if (each["Labels"] or {}).get(reaper.OWNER) in self.owners
        ]

    def seconds_until_nothing_is_left(self, allowed: float = WITHIN) -> float | None:
        """Return how long it took, or None if something is left after so many seconds."""
        begun = time.monotonic()
        while self.left():
            if time.monotonic() - begun > allowed:
                return None
            time.sleep(0.1)
        return time.monotonic() - begun

    def next_run(self) -> Ended:
        """Certify the same image once more, in peace."""
        self.wait(0)
        self.start(self.run(IMAGE))
        return self.ended()


def told(ended: Ended) -> str:
    """Return what a run told: a verdict with its first reason, its last words, or its signal."""
    if ended.code < 0:
        return f"ended by signal {-ended.code}"
    with contextlib.suppress(ValueError, CertifyError):
        (result,) = ended.results
        verdict = result.verdict
        kept = ", not recorded" if ended.code == 3 and verdict.status is Status.CERTIFIED else ""
        if verdict.status is Status.CERTIFIED:
            return f"certified{kept}"
        return f"{verdict.status.value}: {verdict.reasons[0].text}"
    if ended.code == 130:
        return "exit 130"
    lines = [line for line in ended.err.splitlines() if line.strip() and not line.startswith(" ")]
    return f"exit {ended.code}: {lines[-1] if lines else ''}"
