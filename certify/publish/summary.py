"""Results without their long texts, for tables: ten thousand of them fit in memory."""

from __future__ import annotations

from functools import lru_cache
from sys import intern

from certify.model.result import AppliedWaiver, Check, Launch, Os, Reason, Result
from certify.model.terms import Level, Outcome
from certify.util.text import one_line

_LAUNCH = Launch(kind="init", isolation="")


def summary_of(result: Result) -> Result:
    """Return a result with the same image, verdict and outcomes, but no long texts.

    Evidence, messages, log, command and host are removed; one line of the first reason stays.
    Equal checks share one object, so that a summary takes a few kilobytes.
    """
    reasons = tuple(
        Reason(check=reason.check, text=one_line(reason.text, 300), remedy="")
        for reason in result.verdict.reasons[:1]
    )
    return result.model_copy(
        update={
            "image": result.image.model_copy(
                update={
                    "layer_digests": tuple(map(intern, result.image.layer_digests)),
                    "created": None,
                    "os": _os(result.image.os),
                }
            ),
            "verdict": result.verdict.model_copy(update={"reasons": reasons}),
            "checks": tuple(
                _check(check.id, check.group, check.level, check.outcome, check.waiver)
                for check in result.checks
            ),
            "waivers": (),
            "launch": _LAUNCH,
            "log": "",
            "host": None,
            "recommendation": None,
            "inventory": None,
        }
    )


def _os(found: Os | None) -> Os | None:
    if found is None:
        return None
    name = found.pretty_name and one_line(found.pretty_name)
    return _system(one_line(found.id), name)


@lru_cache(maxsize=1000)
def _system(os_id: str, pretty_name: str | None) -> Os:
    return Os(id=os_id, pretty_name=pretty_name)


@lru_cache(maxsize=10_000)
def _check(
    check_id: str, group: str, level: Level, outcome: Outcome, waiver: AppliedWaiver | None
) -> Check:
    return Check(
        id=check_id, title="", group=group, level=level, outcome=outcome, seconds=0, waiver=waiver
    )
