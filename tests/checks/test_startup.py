"""Late boots and late daemons: one cause is one failure."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.suite.claims import Blocked
from tests.support.checks import load_checks

BOOT, DOCKERD = 15.0, 20.0
CHECKS = load_checks("test_startup")


class _Candidate:
    """A candidate by systemd's clock: its boot ends, and docker.service begins and is active."""

    def __init__(self, boot: float, begun: float, active: float | None, log: str = "") -> None:
        self._log, self._runs = log, active is not None
        self._times = {
            "FinishTimestampMonotonic": boot,
            "InactiveExitTimestampMonotonic": begun,
            "ActiveEnterTimestampMonotonic": active,
            "GeneratorsFinishTimestampMonotonic": 0.1,
        }
        self.budgets = SimpleNamespace(boot=BOOT, dockerd=DOCKERD)
        self.boot_seconds: float | None = None

    def systemd_seconds(self, name: str, unit: str = "") -> float | None:
        return self._times[name]

    def record(self, name: str, value: object) -> None: ...

    def first_boot(self) -> None: ...

    def run(self, command: str, timeout: float = 60) -> SimpleNamespace:
        if command.startswith("systemctl is-active"):
            return SimpleNamespace(rc=0 if self._runs else 3)
        return SimpleNamespace(stdout=self._log if command.startswith("journalctl") else "")

    def defer_to(self, check: str, reason: str) -> None:
        raise Blocked(check, reason)


def failures(candidate: _Candidate) -> tuple[set[str], set[str]]:
    """Return the checks that fail, and those that others of them defer to."""
    failed, named = set(), set()
    for check, run in (
        ("startup.boot", CHECKS.test_boot),
        ("startup.dockerd", CHECKS.test_dockerd),
    ):
        try:
            run(candidate, lambda _text: None)
        except AssertionError:
            failed.add(check)
        except Blocked as blocked:
            named.add(blocked.because)
    return failed, named


@pytest.mark.parametrize(
    ("boot", "begun", "active", "failed"),
    [
        (14.9, 1.0, 2.0, set()),
        (15.1, 1.0, 2.0, {"startup.boot"}),
        (15.1, 14.0, 15.0, {"startup.boot"}),  # dockerd waits for what is slow
        (20.5, 19.9, 20.4, {"startup.boot"}),  # so late that dockerd is late as well
        (21.5, 0.5, 21.0, {"startup.dockerd"}),  # and the boot waits for it
        (20.4, 0.3, 20.4, {"startup.dockerd"}),
        (60.0, 20.0, 45.0, {"startup.boot", "startup.dockerd"}),  # two causes
    ],
)
def test_a_boot_over_its_limit_is_one_failure(
    boot: float, begun: float, active: float, failed: set[str]
) -> None:
    assert failures(_Candidate(boot, begun, active))[0] == failed


LOG = """\
[72672.9] 4f13 systemd[1]: docker.service: Failed to get cgroup ID , ignoring: No
[   {:.1f}] 4f13 systemd[1]: Starting docker.service - Docker Application Container Engine...
[   {:.1f}] 4f13 systemd[1]: docker.service: Main process exited, code=exited, status=1/FAILURE
[   {:.1f}] 4f13 systemd[1]: Failed to start docker.service - Docker Application Container Engine.
"""


@pytest.mark.parametrize(("ended", "because"), [(60.9, "dockerd.running"), (20.0, "")])
def test_a_boot_that_waited_for_a_dockerd_that_ends_is_dockerds_failure(
    ended: float, because: str
) -> None:
    candidate = _Candidate(61.1, 0.9, None, LOG.format(0.9, ended, ended + 0.1))
    with pytest.raises((AssertionError, Blocked)) as raised:
        CHECKS.test_boot(candidate, lambda _text: None)
    assert getattr(raised.value, "because", "") == because


@given(*[st.floats(0, 60)] * 3)
def test_what_is_deferred_to_fails_and_two_failures_are_two_causes(
    before: float, own: float, after: float
) -> None:
    boot, active = before + own + after, before + own
    failed, named = failures(_Candidate(boot, before, active))
    assert named <= failed
    if len(failed) == 2:
        own = active - before  # as rounded
        assert boot - own > BOOT or own <= DOCKERD
        assert own > DOCKERD
