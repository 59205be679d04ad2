"""What every test here asks of a run: inconclusive, for a reason that a person can act on."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from certify.model.terms import Level, Outcome, Status
from tests.conftest import Ended


def reason(ended: Ended, reports: Path) -> str:
    """The reason of an inconclusive run, in which nothing was held against the image."""
    assert ended.code == 3, f"exit {ended.code}\n{ended.err}\n{seen(ended)}"
    assert "Traceback" not in ended.err
    result = ended.result
    assert result.verdict.status is Status.INCONCLUSIVE
    assert result.verdict.grade is None
    assert not [
        check.id
        for check in result.checks
        if check.outcome is Outcome.FAILED and check.level is Level.REQUIRED
    ]
    first = result.verdict.reasons[0]
    assert first.remedy, "a person must know what to do"
    suites = ET.parse(reports / "junit.xml").getroot()
    assert suites.findall(".//error"), "JUnit tells it apart from a failure"
    assert not suites.findall(".//failure")
    assert (reports / "matrix.md").is_file()
    return first.text


def seen(ended: Ended) -> str:
    """What was seen by the checks that did not pass."""
    checks = ended.result.checks if ended.out.startswith("{") else ()
    return "\n".join(
        f"{check.id}: {check.message}\n{check.evidence}"
        for check in checks
        if check.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
    )
