"""Checks of the user's own that break: the report names the line and what to do."""

from __future__ import annotations

import re
import sys

import pytest

from certify.model.terms import Outcome
from tests.suite.test_conductor import HEAD, Run, a_check


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # A file is written anew within a second, perhaps as long as before: no compiled one is right.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Run(pytester)


OWN_MISTAKES = [
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("raise RuntimeError", "RuntimeError:"),
    ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ("helper()", "ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("body", "cause"), OWN_MISTAKES)
def test_a_check_of_ones_own_that_breaks_is_told_by_its_line(
    run: Run, body: str, cause: str
) -> None:
    source = "def helper():\n    1 / (2 - 2)\n\n" + a_check("image.one", body)
    finding = run(source)["image.one"]
    lines = (HEAD + source).strip().splitlines()
    broken = "    1 / (2 - 2)" if body == "helper()" else f"    {body}"
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, None)
    assert finding.message == f"suite_a.py:{lines.index(broken) + 1}: {cause}"
    assert finding.remedy == "Correct your check (`certify help writing-checks.md`)."


def test_a_fixture_that_is_missing_is_told_with_those_that_exist(run: Run) -> None:
    own = "@pytest.fixture\ndef mine(): ...\n\n"
    check = a_check("image.one").replace("(candidate, note)", "(hots, mine)")
    finding = run(own, check)["image.one"]
    assert (finding.outcome, finding.fault) == (Outcome.UNKNOWN, None)
    assert re.fullmatch(r"suite_a.py:\d+: there is no fixture 'hots'", finding.message)
    assert finding.remedy == (
        "Correct your check; it can use the fixtures candidate, host, mine, nested, note, service"
        " (`certify help writing-checks.md`)."
    )
