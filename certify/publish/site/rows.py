"""The rows of the matrix page: only what it needs to show, sort and filter a result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from certify.ledger.summaries import once_per_outcomes
from certify.model.result import Check, Result
from certify.model.terms import Outcome
from certify.publish.phrases import Mark, cause_of, is_decisive, mark_of, waiver_text
from certify.publish.suggestion import proven_groups
from certify.util.text import one_line, printable

_EVIDENCE = 8000

LETTERS = {
    Mark.PASSED: "p", Mark.FAILED: "f", Mark.UNKNOWN: "u", Mark.SKIPPED: "s", Mark.NOTED: "n",
}  # fmt: skip
"""The letter of a check in a row: a capital if it is skipped or unknown but decides the verdict.

The row has a dot for a check that the profile does not run.
"""
FIELDS = (
    "stem", "reference", "digest", "platform", "os", "family", "trust", "profile", "status",
    "grade", "boot", "dockerd", "provision", "finished", "expires", "reason", "checks", "more",
    "runs", "base", "size", "missing", "proven", "hosts",
)  # fmt: skip
"""The columns of a row, in order; times are in seconds since 1970."""
_PASSED = LETTERS[Mark.PASSED]
_UNANSWERED = (Mark.UNKNOWN, Mark.SKIPPED)


def row_of(
    result: Result,
    stem: str,
    ids: tuple[str, ...],
    runs: str = "",
    base: str = "",
    note: str = "",
) -> list[Any]:
    """Return the values of a row in the order of :data:`FIELDS`; a letter per check in ``ids``.

    ``runs`` has the initials of the last verdicts, the oldest first. ``base`` is the stem of
    the image that it is built on, ``note`` tells how verdicts differ by kind of host.
    """
    image, startup, verdict = result.image, result.startup, result.verdict
    letters, all_passed = _letters(result.checks, ids)
    return [
        stem,
        one_line(image.reference, 300),
        image.identity,
        image.platform or "",
        _word((image.os.pretty_name or image.os.id) if image.os else ""),
        _word(image.os.id if image.os else ""),
        image.trust.value,
        _word(result.profile),
        verdict.status.value,
        verdict.grade.value if verdict.grade else "",
        startup.boot_seconds,
        startup.dockerd_seconds,
        startup.provision_seconds,
        int(result.finished_at.timestamp()),
        int(result.expires_at.timestamp()),
        cause_of(result),
        letters,
        int(not all_passed),
        runs,
        base,
        image.size_bytes,
        " ".join(result.launch.missing),
        " ".join(proven_groups(result)),
        note,
    ]


_word = lru_cache(maxsize=1_000)(one_line)
"""Shortens what many rows share."""


def bases_of(stems: Sequence[str], results: Sequence[Result]) -> dict[str, str]:
    """Return, by stem, the stem of the image that another is built on, if it is among them.

    All layers of a base are the lowest of the other, and no other base has more of them; both have
    the same profile and platform.
    """
    known: dict[tuple[str, str | None], dict[tuple[str, ...], str]] = {}
    for stem, each in zip(stems, results, strict=True):
        if each.image.layer_digests:
            known.setdefault(_place(each), {})[each.image.layer_digests] = stem
    found: dict[str, str] = {}
    for stem, each in zip(stems, results, strict=True):
        layers = each.image.layer_digests
        for count in range(len(layers) - 1, 0, -1):
            if base := known[_place(each)].get(layers[:count]):
                found[stem] = base
                break
    return found


def _place(result: Result) -> tuple[str, str | None]:
    return result.profile, result.image.platform


@once_per_outcomes
def _letters(checks: tuple[Check, ...], ids: tuple[str, ...]) -> tuple[str, bool]:
    """Return a letter for each id, and whether all checks passed."""
    found = {check.id: _letter(check) for check in checks}
    letters = "".join(found.get(check_id, ".") for check_id in ids)
    return letters, all(each == _PASSED for each in found.values())


@once_per_outcomes
def ids_of(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """Return the ids of checks."""
    return tuple(check.id for check in checks)


def _letter(check: Check) -> str:
    if check.outcome is Outcome.PASSED:
        return _PASSED
    mark = mark_of(check)
    letter = LETTERS[mark]
    return letter.upper() if mark in _UNANSWERED and is_decisive(check) else letter


def details_of(result: Result) -> dict[str, Any]:
    """Return the details of each check that did not pass, shown when a cell is opened."""
    return {
        check.id: {
            "outcome": check.outcome.value,
            "level": check.level.value,
            "title": one_line(check.title),
            "message": one_line(check.message, 600),
            "evidence": printable(check.evidence, limit=_EVIDENCE),
            "remedy": printable(check.remedy, limit=_EVIDENCE),
            "waiver": waiver_text(check.waiver) if check.waiver else "",
        }
        for check in result.checks
        if mark_of(check) is not Mark.PASSED
    }
