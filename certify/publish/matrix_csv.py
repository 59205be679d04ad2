"""The matrix as CSV (RFC 4180) for spreadsheets: a row per result, a column per check."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from certify.model.result import Result
from certify.publish.phrases import EXPIRED, status_of
from certify.util.text import one_line

_FACTS = (
    "reference", "digest", "platform", "os", "trust", "profile", "verdict", "grade",
    "boot_seconds", "dockerd_seconds", "provision_seconds", "finished_at", "expires_at", "reason",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@")


def matrix_csv(results: Sequence[Result], now: datetime) -> str:
    """Return all results in the order given, with the outcome of each check in its column.

    A certificate that has expired by ``now`` has the verdict ``expired`` and no grade. Text that
    a spreadsheet would take for a formula is preceded by an apostrophe, as OWASP advises.
    """
    ids = list(dict.fromkeys(check.id for result in results for check in result.checks))
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([*_FACTS, *map(_cell, ids)])
    for result in results:
        outcomes = {
            check.id: "waived" if check.waiver else check.outcome.value for check in result.checks
        }
        writer.writerow([*_facts(result, now), *(outcomes.get(check_id, "") for check_id in ids)])
    return file.getvalue()


def _facts(result: Result, now: datetime) -> list[str]:
    image, startup, verdict = result.image, result.startup, result.verdict
    status = status_of(result, now)
    seconds = (startup.boot_seconds, startup.dockerd_seconds, startup.provision_seconds)
    texts = [
        image.reference,
        image.identity,
        image.platform or "",
        (image.os.pretty_name or image.os.id) if image.os else "",
        image.trust.value,
        result.profile,
        status,
        verdict.grade.value if verdict.grade and status != EXPIRED else "",
    ]
    return [
        *map(_cell, texts),
        *("" if each is None else f"{each:.3f}" for each in seconds),
        result.finished_at.isoformat(timespec="seconds"),
        result.expires_at.isoformat(timespec="seconds"),
        _cell(verdict.reasons[0].text if verdict.reasons else ""),
    ]


def _cell(text: str) -> str:
    shown = one_line(text, 1000)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
