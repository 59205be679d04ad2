"""Compares what an image's checks find side by side with what they find one after another."""

from __future__ import annotations

import re
from itertools import zip_longest

from certify.model.result import Result
from certify.model.terms import Outcome
from tests.stories.sabotage.workshop import Sabotage, examine, surprises

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:m?s\b)?")
"""Seconds, ports, process ids and the like, which are never twice the same."""


def findings(result: Result) -> list[str]:
    """What a result says, a line for each reason and each check, but for what is measured anew."""
    reasons = [f"{each.check}: {each.text}" for each in result.verdict.reasons]
    checks = [
        f"{each.id} ({each.level}) {each.outcome}: "
        f"{'' if each.outcome is Outcome.PASSED else each.message} [{each.remedy}]"
        for each in result.checks
    ]
    return [_NUMBER.sub("#", line) for line in (result.verdict.status, *reasons, *checks)]


def differences(lanes: Result, series: Result) -> list[str]:
    """What only one of the two ways found, two lines each; nothing if they found the same."""
    told = list[str]()
    for one, other in zip_longest(findings(lanes), findings(series)):
        if one != other:
            told += [f"in lanes:  {one}", f"in series: {other}"]
    return told


def examine_both_ways(sabotage: Sabotage) -> tuple[Result, list[str]]:
    """Certify an image in lanes and in series; return the first result, and what surprises."""
    lanes, series = examine(sabotage, lanes=True), examine(sabotage, lanes=False)
    told = surprises(sabotage, lanes) + differences(lanes, series)
    return lanes, told + [f"in series: {each}" for each in surprises(sabotage, series)]
