"""Images that are unusual and right, made from a good sample; each must be certified.

The images are data, in ``harmless.toml`` beside this module; its head explains the format.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from certify.model.result import Result
from certify.model.terms import Outcome, Status
from tests.stories.sabotage.workshop import Variant


class Harmless(Variant):
    """One oddity, of which no check may say anything."""

    repository = "certify-harmless"


@cache
def harmless() -> tuple[Harmless, ...]:
    """All of them, in the order of the file."""
    text = Path(__file__).with_name("harmless.toml").read_text("utf-8")
    return tuple(Harmless.model_validate(each) for each in tomllib.loads(text)["harmless"])


def complaints(_of: Harmless, result: Result) -> list[str]:
    """What is held against the image, a line each; nothing if all is well."""
    told = [f"{each.check}: {each.text}" for each in result.verdict.reasons]
    if result.verdict.status is not Status.CERTIFIED:
        told.append(f"{result.verdict.status}, not {Status.CERTIFIED}")
    wrong = (Outcome.FAILED, Outcome.UNKNOWN)
    return told + [
        f"{each.id} {each.outcome}: {each.message}"
        for each in result.checks
        if each.outcome in wrong and each.id not in [one.check for one in result.verdict.reasons]
    ]
