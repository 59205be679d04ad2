"""What becomes of each sample on any host: the verdict, and exactly which checks fail."""

from __future__ import annotations

from typing import NamedTuple

from certify.model.result import Result
from certify.model.terms import Level, Outcome

NOT_SHIPPED = {"dockerd.installed", "dockerd.compose", "workspace.git"}


class Expected(NamedTuple):
    sample: str
    profile: str
    status: str
    grade: str | None
    required: set[str]
    """The required checks that fail."""
    others: set[str]
    """The other checks that fail."""


EXPECTED = [
    Expected("debian-devspace", "devspace", "certified", "native", set(), set()),
    Expected("debian-devspace", "plain", "certified", "native", set(), set()),
    Expected("debian-systemd", "devspace", "certified", "on-launch", set(), NOT_SHIPPED),
    Expected("debian-systemd", "plain", "certified", "native", set(), set()),
    Expected("debian", "devspace", "certified", "on-launch", set(),
             {"systemd.installed", *NOT_SHIPPED}),
    Expected("debian", "plain", "certified", "native", set(), set()),
    Expected("debian-degraded", "devspace", "certified", "native", set(), {"systemd.units"}),
    Expected("debian-broken-dockerd", "devspace", "rejected", None, {"dockerd.container"}, set()),
    Expected("busybox", "devspace", "rejected", None, {"packages.manager"},
             {"image.libc", "systemd.installed", "dockerd.installed", "workspace.git"}),
    Expected("busybox", "plain", "rejected", None, {"packages.manager"}, {"image.libc"}),
    Expected("scratch", "devspace", "rejected", None, {"image.os"}, set()),
    Expected("scratch", "plain", "rejected", None, {"image.os"}, set()),
    Expected("webdevops-bootstrap", "webdevops-bootstrap", "certified", "native", set(), set()),
    Expected("webdevops-base", "webdevops-base", "certified", "native", set(), set()),
    Expected("webdevops-base-app", "webdevops-base-app", "certified", "native", set(), set()),
    # The one point in which it is broken: a program's output goes to a file.
    Expected("webdevops-base-broken", "webdevops-base", "rejected", None, {"services.logs"}, set()),
]  # fmt: skip


def failed(result: Result, *levels: Level) -> set[str]:
    """The checks of these levels that failed."""
    return {
        check.id
        for check in result.checks
        if check.outcome is Outcome.FAILED and check.level in levels
    }
