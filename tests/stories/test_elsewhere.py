"""What slowness explains in a verdict on another host, and what it does not."""

from __future__ import annotations

import pytest

from certify.judge.profiles import load
from certify.judge.verdict import judge
from certify.model.finding import Finding
from certify.model.result import Result
from certify.model.terms import Fault, Outcome
from certify.suite.catalogue import claims
from tests.stories.elsewhere import SLOW, deviations
from tests.stories.expected import EXPECTED, Expected

FAILED, UNKNOWN, SKIPPED = Outcome.FAILED, Outcome.UNKNOWN, Outcome.SKIPPED
GOOD = Expected("sample", "devspace", "certified", "native", set(), {"systemd.units"})
BAD = Expected("sample", "devspace", "rejected", None, {"dockerd.container"}, set())
UNITS = Finding(id="systemd.units", outcome=FAILED, fault=Fault.IMAGE)
BROKEN = Finding(id="dockerd.container", outcome=FAILED, fault=Fault.IMAGE)


def late(check: str) -> Finding:
    message = f"31 s, more than 15 s; but {SLOW}: …"
    return Finding(id=check, outcome=UNKNOWN, message=message, fault=Fault.HOST)


def unknown(check: str) -> Finding:
    return Finding(id=check, outcome=UNKNOWN, message="no route", fault=Fault.NETWORK)


def skipped(check: str, because: str) -> Finding:
    return Finding(id=check, outcome=SKIPPED, because=because)


def result(*findings: Finding) -> Result:
    """A result in which all other checks passed, judged as any other."""
    profile = load("devspace")
    passed = {each: Finding(id=each, outcome=Outcome.PASSED) for each in profile.checks}
    verdict, checks = judge(profile, passed | {each.id: each for each in findings}, claims())
    return Result.model_construct(verdict=verdict, checks=checks)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (GOOD, (UNITS,)),
        (GOOD, (UNITS, late("startup.boot"))),
        (GOOD, (late("systemd.state"), skipped("systemd.units", "systemd.state"))),
        (BAD, (BROKEN,)),
        (BAD, (BROKEN, late("startup.boot"))),
        (BAD, (late("dockerd.running"), skipped("dockerd.container", "dockerd.running"))),
    ],
)
def test_as_expected_or_left_open_by_slowness(
    expected: Expected, found: tuple[Finding, ...]
) -> None:
    assert deviations(expected, result(*found)) == []


@pytest.mark.parametrize(
    ("expected", "found", "wrong"),
    [
        (GOOD, (UNITS, BROKEN), ["not certified native", "dockerd.container failed"]),
        (GOOD, (UNITS, BROKEN, late("startup.boot")),
         ["not certified native", "dockerd.container failed"]),
        (GOOD, (UNITS, unknown("packages.refresh")),
         ["not certified native", "packages.refresh unknown"]),
        (GOOD, (), ["systemd.units did not fail"]),
        (BAD, (), ["not rejected", "dockerd.container did not fail"]),
        (BAD, (late("startup.boot"),), ["dockerd.container did not fail"]),
        (BAD, (unknown("dockerd.container"),),
         ["not rejected", "dockerd.container did not fail", "dockerd.container unknown"]),
    ],
)  # fmt: skip
def test_what_slowness_does_not_explain(
    expected: Expected, found: tuple[Finding, ...], wrong: list[str]
) -> None:
    assert deviations(expected, result(*found)) == wrong


def test_what_is_expected_fits_the_profiles() -> None:
    for each in EXPECTED:
        checks = load(each.profile).checks
        assert each.required | each.others <= set(checks)
        assert bool(each.required) is (each.status == "rejected")
