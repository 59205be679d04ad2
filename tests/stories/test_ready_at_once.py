"""The profile for workspaces that nobody waits for, on the sample that has everything."""

from __future__ import annotations

import pytest

from certify.judge.profiles import load
from certify.model.terms import Grade, Outcome, Status
from tests.conftest import SAMPLES, Certify

# Its budgets are small: nothing else may be at work.
pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]


def test_a_native_image_is_ready_at_once(certify: Certify) -> None:
    result = certify(
        "run", f"{SAMPLES}/debian-devspace", "--profile", "devspace-fast", "--format", "json"
    ).result
    assert (result.verdict.status, result.verdict.grade) == (Status.CERTIFIED, Grade.NATIVE)
    checks = {each.id: each for each in result.checks}
    assert set(checks) == set(load("devspace-fast").checks)
    assert {each.outcome for each in result.checks} == {Outcome.PASSED}
    assert checks["startup.provision"].message == "nothing had to be installed"
    budgets = load("devspace-fast").budgets
    for name, most in (("boot", budgets.boot), ("dockerd", budgets.dockerd)):
        assert float(checks[f"startup.{name}"].message.split()[0]) <= most < 15
