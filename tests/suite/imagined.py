"""Imagined candidates: the ends of checks are made up, and a real conductor handles them.

It decides on the order of the checks, on prerequisites and on skips.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine import packages
from certify.engine.boot import Boot
from certify.engine.container_state import ContainerState, ContainerStopped
from certify.engine.session import SessionLost
from certify.judge.profiles import Profile
from certify.model.finding import Finding
from certify.suite.candidate import Candidate
from certify.suite.catalogue import specs, suite_directory
from certify.suite.claims import Spec, unknown
from certify.suite.conductor import Conductor

TRUTHS = ("passes", "fails", "unknown", "skips", "ends it", "rests on what it needs")
"""What a check comes upon; the last passes only if all that it needs was asked before."""
_ITEMS = [
    SimpleNamespace(
        function=SimpleNamespace(certify_check=spec),
        name=spec.claim.id,
        stash=pytest.Stash(),
        path=suite_directory() / "test_imagined.py",
    )
    for spec in specs()
]


@dataclass(frozen=True)
class Imagined:
    """An image, as far as checks are concerned."""

    truths: Mapping[str, str]
    """What each check comes upon; it passes if it is not named."""
    leaves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The checks that each check defers to, if it fails."""
    missing: tuple[str, ...] = ()
    """What the launch of an init was to install, in vain."""
    family: str | None = "apt"
    dies: bool = False
    """Whether its container does not stay up."""
    refused: bool = False
    """Whether its shell cannot be started."""
    most: int | None = None
    """How many checks there is time for; null for all."""

    def examined(self, profiles: Sequence[Profile]) -> tuple[dict[str, Finding], bool]:
        """What a launch for these profiles finds, and whether time was up before its end."""
        candidate = _Candidate(self, profiles)
        conductor = Conductor(cast(Candidate, candidate))
        items = list(_ITEMS)
        silent = SimpleNamespace(hook=SimpleNamespace(pytest_deselected=lambda items: None))
        conductor.pytest_collection_modifyitems(cast(Any, silent), cast(Any, items))
        for item in items[: self.most]:
            _asked(conductor, item, lambda spec: self._ask(spec, candidate, conductor))
        return conductor.findings, len(items) > len(items[: self.most])

    def _ask(self, spec: Spec, candidate: _Candidate, conductor: Conductor) -> None:
        truth = self.truths.get(spec.claim.id, "passes")
        if truth == "unknown":
            unknown("who knows")
        if truth == "skips":
            pytest.skip("does not apply")
        if truth == "ends it":
            candidate.ended = True
            raise ContainerStopped("the container ended by itself")
        if truth == "rests on what it needs":
            assert all(each in conductor.findings for each in spec.claim.needs), "nothing to go on"
        if truth == "fails":
            for other in self.leaves.get(spec.claim.id, ()):
                candidate.defer_to(other, f"needs {other}")
            pytest.fail("so not")


def _asked(conductor: Conductor, item: Any, ask: Callable[[Spec], None]) -> None:
    """Ask one check as pytest does: set it up, call it, make its report."""
    spec = item.function.certify_check
    call = pytest.CallInfo.from_call(lambda: conductor.pytest_runtest_setup(item), when="setup")
    if call.excinfo is None:
        call = pytest.CallInfo.from_call(lambda: ask(spec), when="call")
    reporting = conductor.pytest_runtest_makereport(item, call)
    next(reporting)
    with contextlib.suppress(StopIteration):
        reporting.send(cast(Any, None))


class _Candidate:
    """The candidate as the conductor sees it."""

    defer_to = cast(Any, Candidate.defer_to)
    longest_wait = 0.0
    is_foreign = False

    def __init__(self, image: Imagined, profiles: Sequence[Profile]) -> None:
        self._image = image
        self.ended = False
        self.transcript: list[object] = []
        self.container = self
        self.package_manager = packages.family(image.family) if image.family else None
        launch = profiles[0].launch
        self.missing = image.missing if launch == "init" else ()
        self.job = SimpleNamespace(
            launch=launch,
            liveness_check=profiles[0].liveness_check,
            start_error="no such file" if image.refused else "",
            checks=tuple({each: None for profile in profiles for each in profile.checks}),
        )

    @property
    def boot(self) -> Boot:
        if self._image.dies:
            raise ContainerStopped("the container ended by itself")
        vars(self)["boot"] = boot = Boot(
            ready=True, phase="booting", missing=self.missing, installed=100, timeline={}
        )
        return boot

    def is_missing(self, capability: str) -> bool:
        return capability in self.missing

    def fail_if_unusable(self, capability: str) -> None:
        """Return: what is missing is not there at all."""

    def ran_out_of_memory(self) -> bool:
        return False

    def run(self, _command: str) -> SimpleNamespace:
        return SimpleNamespace(rc=0)  # the repositories have every package

    def logs(self, tail: int = 60) -> str:
        return ""

    def console_output(self) -> str:
        return ""

    def state(self) -> ContainerState:
        return ContainerState(running=not self.ended, exit_code=1, oom_killed=False)

    def require_running(self) -> None: ...

    def shell(self) -> None:
        raise SessionLost("nobody launched it")
