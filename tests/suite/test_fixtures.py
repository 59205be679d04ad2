"""What a check may ask for: all of it is of one candidate, and lasts as long as that."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from certify.model.terms import Outcome
from tests.suite.test_conductor import Run, a_check

pytest_plugins = ["pytester"]

ALL = "(candidate, host, nested, service, note)"
FIRST = (
    "assert host is candidate.host",
    "assert (nested.first_driver, service.ready_seconds) == ('', None)",
    "assert nested.docker('ps').stdout == service._nested.docker('ps').stdout == 'docker ps'",
    "candidate.seen = nested, service",
    "note('seen')",
)
SECOND = ("assert candidate.seen[0] is nested and candidate.seen[1] is service",)


def test_a_check_is_given_its_candidate_and_what_is_inside(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    run = Run(pytester)
    candidate: Any = run.candidate
    candidate.host = object()
    candidate.run = lambda command, *_args, **_how: SimpleNamespace(stdout=command)
    checks = (a_check("dockerd.one", *FIRST), a_check("dockerd.two", *SECOND))
    found = run(*(each.replace("(candidate, note)", ALL) for each in checks))
    assert [each.outcome for each in found.values()] == [Outcome.PASSED] * 2, found
    assert [each.message for each in found.values()] == ["seen", ""]
