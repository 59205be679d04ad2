"""What becomes of each sample on any host: the verdict, and exactly which checks fail."""

from __future__ import annotations

from typing import NamedTuple

from certify.model.result import Result
from certify.model.terms import Level, Outcome

NOT_SHIPPED = {"dockerd.installed", "dockerd.compose", "workspace.git"}


class Expected(NamedTuple):
    """What becomes of a sample under a profile."""

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
    # A tier does not satisfy the next one.
    Expected("webdevops-base", "webdevops-base-app", "rejected", None,
             {"webdevops.user", "webdevops.tools"}, {"workspace.git"}),
    # It is started as shipped, with `bash` and nothing to read, and so ends at once.
    Expected("debian", "webdevops-base", "rejected", None, {"services.supervisord"}, set()),
    # It has curl with certificates, git, bash, sudo, docker and useradd: all that Coder asks for
    # and recommends.
    Expected("debian-devspace", "coder", "certified", "native", set(), set()),
    # A package manager that works is all that Features need, and it has what tools recommend.
    Expected("debian-devspace", "devcontainer", "certified", "native", set(), set()),
    # Ona's environments are Development Containers.
    Expected("debian-devspace", "gitpod", "certified", "native", set(), set()),
    # Coder's agent cannot be fetched into it: there is neither curl nor wget, nor busybox.
    Expected("debian", "coder", "rejected", None, {"workspace.download"},
             {"dockerd.installed", "workspace.sudo", "workspace.git"}),
    # Features install with it; the rest is only recommended.
    Expected("debian", "devcontainer", "certified", "native", set(),
             {"workspace.sudo", "workspace.download", "workspace.git"}),
    # busybox's own wget fetches the agent; that no package can be installed, and no user be made,
    # is only a pity.
    Expected("busybox", "coder", "certified", "native", set(),
             {"image.libc", "packages.manager", "dockerd.installed", "workspace.user",
              "workspace.bash", "workspace.git"}),
    Expected("busybox", "devcontainer", "rejected", None, {"packages.manager"},
             {"image.libc", "workspace.user", "workspace.bash", "workspace.git"}),
]  # fmt: skip


LIKE_OTHERS = {"debian-systemd", "webdevops-bootstrap", "webdevops-base"}
"""Samples whose launches are like those of others: `make test-slow` certifies them."""


def failed(result: Result, *levels: Level) -> set[str]:
    """The checks of these levels that failed."""
    return {
        check.id
        for check in result.checks
        if check.outcome is Outcome.FAILED and check.level in levels
    }


def profiles_of(sample: str) -> list[str]:
    """The profiles that something is expected of a sample under."""
    return [each.profile for each in EXPECTED if each.sample == sample]
