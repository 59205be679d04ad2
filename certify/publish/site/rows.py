"""What the matrix page knows of a result: as little as it takes to show, sort and filter a row."""

from __future__ import annotations

from typing import Any

from certify.model import Check, Result
from certify.publish.phrases import Mark, decides, excuse, mark_of
from certify.safetext import one_line, printable

_EVIDENCE = 8000

LETTERS = {
    Mark.PASSED: "p", Mark.FAILED: "f", Mark.UNKNOWN: "u", Mark.SKIPPED: "s", Mark.NOTED: "n",
}  # fmt: skip
"""One letter for what a check came to: a capital where the verdict hangs on it though it was not
answered; a dot for one that the profile does not ask.
"""
FIELDS = (
    "stem", "reference", "digest", "platform", "os", "family", "trust", "profile", "status",
    "grade", "boot", "dockerd", "provision", "finished", "expires", "reason", "checks", "more",
)  # fmt: skip
"""The columns of a row, in their order."""


def row_of(result: Result, stem: str) -> dict[str, Any]:
    """One row, by the names of :data:`FIELDS`; ``checks`` by check id."""
    image, startup, verdict = result.image, result.startup, result.verdict
    return {
        "stem": stem,
        "reference": one_line(image.reference, 300),
        "digest": image.digest or image.image_id or "",
        "platform": image.platform or "",
        "os": one_line((image.os.pretty_name or image.os.id) if image.os else ""),
        "family": one_line(image.os.id if image.os else ""),
        "trust": image.trust.value,
        "profile": one_line(result.profile),
        "status": verdict.status.value,
        "grade": verdict.grade.value if verdict.grade else "",
        "boot": startup.boot_seconds,
        "dockerd": startup.dockerd_seconds,
        "provision": startup.provision_seconds,
        "finished": int(result.finished_at.timestamp()),
        "expires": int(result.expires_at.timestamp()),
        "reason": one_line(verdict.reasons[0].text, 300) if verdict.reasons else "",
        "checks": {check.id: _letter(check) for check in result.checks},
        "more": int(any(mark_of(check) is not Mark.PASSED for check in result.checks)),
    }


def _letter(check: Check) -> str:
    mark = mark_of(check)
    letter = LETTERS[mark]
    return letter.upper() if decides(check) and mark in (Mark.UNKNOWN, Mark.SKIPPED) else letter


def details_of(result: Result) -> dict[str, Any]:
    """What a cell opens to: of each check that did not pass, what it said and what to do."""
    return {
        check.id: {
            "outcome": check.outcome.value,
            "level": check.level.value,
            "title": one_line(check.title),
            "message": one_line(check.message, 600),
            "evidence": printable(check.evidence, limit=_EVIDENCE),
            "remedy": printable(check.remedy, limit=_EVIDENCE),
            "waiver": excuse(check.waiver) if check.waiver else "",
        }
        for check in result.checks
        if mark_of(check) is not Mark.PASSED
    }
