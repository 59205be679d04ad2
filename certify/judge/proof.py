"""Proof of a cause: a signature that blames host, launch, network or registry is a hypothesis.

Before it counts, the facts that it names are looked up. The image is at fault where its own
configuration explains what was seen; without proof nobody is, and the reason says what was looked
at. The facts are gathered elsewhere (:mod:`certify.suite.facts`).
"""

from __future__ import annotations

from collections.abc import Callable

from certify.judge.diagnosis import Diagnosis
from certify.model.terms import Fault

Facts = Callable[[str, str], bool | None]
"""Looks a fact up, given the line that made it matter; None if nobody can tell."""


def prove(diagnosis: Diagnosis | None, facts: Facts) -> Diagnosis | None:
    """Return the diagnosis as the facts leave it: as it was, the image's fault, or unproven."""
    if diagnosis is None:
        return None
    for each in diagnosis.explained_by:
        if facts(each.fact, diagnosis.line):
            found = {"fault": Fault.IMAGE, "cause": each.cause, "remedy": each.remedy}
            return diagnosis.model_copy(update=found)
    if diagnosis.proof and facts(diagnosis.proof, diagnosis.line) is False:
        cause = f"{diagnosis.cause} That is not proven: it is not so that {diagnosis.proof}."
        return diagnosis.model_copy(update={"cause": cause})
    return diagnosis
