"""Results as a Code Quality report of GitLab, which merge requests show.

The format is from GitLab's documentation, "Code Quality report format": a list of issues with
description, name of the check, fingerprint, severity, path and line.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify.model.result import Result
from certify.publish.places import NOWHERE, Places, findings
from certify.util.text import safe_json

_SEVERITIES = {"error": "critical", "warning": "minor", "note": "info", "unknown": "info"}


def codequality(results: Sequence[Result], places: Places = NOWHERE) -> str:
    """Return the issues of all images; ``places`` are where the images are named.

    What a waiver excuses is none. Of several reasons that no check stands for, the first counts.
    """
    issues = {
        each.fingerprint: {
            "type": "issue",
            "check_name": each.rule,
            "description": each.message,
            "categories": ["Compatibility"],
            "fingerprint": each.fingerprint,
            "severity": _SEVERITIES[each.level],
            "location": {"path": each.place.file, "lines": {"begin": each.place.line}},
        }
        for each in reversed([*findings(results, places)])
        if each.waiver is None
    }
    return safe_json([*reversed(issues.values())], indent=2) + "\n"
