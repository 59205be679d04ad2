"""One candidate's findings as they count, and how they are put into words.

Used by :mod:`certify.judge.verdict`, which decides; this module only traces causes and tells them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from certify.judge.diagnosis import diagnose
from certify.judge.excerpts import excerpt
from certify.model.errors import Trouble
from certify.model.finding import Claim, Finding
from certify.model.result import Check, Reason, Waived
from certify.model.terms import Fault, Level, Outcome
from certify.util.text import printable

NAMED_AT_MOST = 5
"""Ids in one reason; the rest is counted."""

_MEND = {
    Fault.HOST: "Mend the host (certify doctor tells what it lacks), then run again.",
    Fault.LAUNCH: "Launch it in another way (--isolation), then run again.",
    Fault.NETWORK: "Check the host's network, then run again.",
    Fault.REGISTRY: "Check the reference and the registry, then run again.",
    Fault.TOOL: "Run again; if it stays, report it as a defect of certify with the evidence.",
}
_RUN_AGAIN = "Run again; if it stays, the evidence and the log of the run tell more."
EVIDENCE_LIMIT = 8000
"""Characters of evidence that a check or a reason keeps."""
NOT_RUN = "was not run"
"""The message of a check that nobody ran."""


class CandidateFindings:
    """What was found, as it counts, and what can be said about it."""

    def __init__(
        self,
        seen: Mapping[str, Finding],
        claims: Mapping[str, Claim],
        levels: Mapping[str, Level],
        waivers: Mapping[str, Waived],
    ) -> None:
        self._seen = seen
        self._claims = claims
        self._levels = levels
        self._waivers = waivers
        self._places = {check: place for place, check in enumerate(levels)}

    def passed(self, check: str) -> bool:
        """Whether it was asked and passed."""
        return check in self._seen and self._seen[check].outcome is Outcome.PASSED

    def failed(self, check: str) -> bool:
        """Whether it failed by itself, for a reason that is the image's."""
        return check in self._seen and self._seen[check].outcome is Outcome.FAILED

    def waiver(self, check: str) -> Waived | None:
        """What excuses a check that failed, or was skipped because of a failure; no other."""
        return self._waivers.get(check) if self.failed(self.root(check)) else None

    def root(self, check: str) -> str:
        """The check at which a chain of skips began; it may be one that was never run."""
        trail = [check]
        while finding := self._seen.get(trail[-1]):
            because = finding.because
            # A skip that blames a check that passed, or itself by a detour, explains nothing.
            follow = because is not None and because not in trail and not self.passed(because)
            if finding.outcome is not Outcome.SKIPPED or because is None or not follow:
                break
            trail.append(because)
        return trail[-1]

    def ordered(self, checks: Iterable[str]) -> list[str]:
        """Each once, in the order of the result; those that are not in it come last."""
        last = len(self._places)
        return sorted(set(checks), key=lambda check: (self._places.get(check, last), check))

    def failure(self, root: str, roots: Mapping[str, str]) -> Reason:
        """Why a check that failed by itself rejects; ``roots`` maps what it rejects to causes."""
        text = self._message(root) or f"{self._title(root)}: failed"
        if root not in roots:
            # Else nobody would see why a check that is waived or not required rejects an image.
            held_up = [check for check, cause in roots.items() if cause == root]
            waived = "it is waived; not waived, " if self.waiver(root) else ""
            text += f" ({waived}required and not to be asked without it: {_listed(held_up)})"
        return Reason(check=root, text=text, remedy=self._remedy(root))

    def doubts(self, roots: Iterable[str]) -> list[Reason]:
        """What is unknown, in order; checks that say the same are one reason."""
        groups: dict[str, list[str]] = {}
        for root in roots:
            groups.setdefault(self._doubt(root), []).append(root)
        return [
            Reason(
                check=checks[0] if len(checks) == 1 else None,
                text=text if len(checks) == 1 else f"{text} ({_listed(checks)})",
                remedy=self._remedy(checks[0]),
            )
            for text, checks in groups.items()
        ]

    def check(self, check: str) -> Check:
        """The check as the result shows it."""
        finding = self._seen[check]
        return Check(
            id=check,
            title=self._title(check),
            group=check.partition(".")[0],
            level=self._levels[check],
            outcome=finding.outcome,
            seconds=finding.seconds,
            message=self._message(check),
            evidence=finding.evidence,
            remedy="" if finding.outcome is Outcome.PASSED else self._remedy(check),
            waiver=self.waiver(check),
        )

    def _title(self, check: str) -> str:
        return self._claims[check].title if check in self._claims else check

    def _message(self, check: str) -> str:
        """The finding's own words; those of a skip always name what it is because of."""
        finding = self._seen[check]
        if finding.outcome is not Outcome.SKIPPED:
            return finding.message
        if finding.because is None:
            return finding.message or "does not apply"
        if finding.because in finding.message:
            return finding.message
        named = f"because of {finding.because}"
        return f"{finding.message} ({named})" if finding.message else f"skipped {named}"

    def _doubt(self, root: str) -> str:
        finding = self._seen.get(root)
        if finding is None:
            return NOT_RUN
        message = self._message(root) or "could not be answered"
        if finding.outcome is Outcome.SKIPPED or finding.fault in (None, Fault.IMAGE):
            return message
        where = "certify's own" if finding.fault is Fault.TOOL else f"the {finding.fault}'s"
        return f"{message} ({where} fault)"

    def _remedy(self, check: str) -> str:
        """What to do; the claim's advice is about the image, so it fits only what failed."""
        finding = self._seen.get(check)
        if finding is None:
            return _RUN_AGAIN
        if finding.outcome is Outcome.FAILED:
            return self._claims[check].remedy if check in self._claims else ""
        if finding.outcome is Outcome.SKIPPED:
            if finding.because is None:
                return "Where it must apply, mend the image; else choose a profile without it."
            root = self.root(check)
            return f"See to {root} first." if root != check else _RUN_AGAIN
        cause = diagnose(f"{finding.message}\n{finding.evidence}") if finding.fault else None
        if cause is not None and cause.fault is finding.fault:
            return cause.remedy
        return _MEND.get(finding.fault, _RUN_AGAIN) if finding.fault else _RUN_AGAIN


def trouble_reasons(trouble: Trouble | None) -> list[Reason]:
    """The trouble as a reason, if there is any."""
    if trouble is None:
        return []
    remedy = trouble.remedy or _MEND.get(trouble.fault, _RUN_AGAIN)
    evidence = excerpt(printable(trouble.evidence), EVIDENCE_LIMIT)
    return [Reason(check=None, text=trouble.message, remedy=remedy, evidence=evidence)]


def summary(unanswered: list[str]) -> Reason:
    """What a rejection leaves open, in one sentence."""
    count = f"{len(unanswered)} more required check{'s' if len(unanswered) > 1 else ''}"
    text = f"{count} could not be answered ({_listed(unanswered)})"
    return Reason(check=None, text=text, remedy="Mend what failed, then run again.")


def _listed(checks: list[str]) -> str:
    named = ", ".join(checks[:NAMED_AT_MOST])
    rest = len(checks) - NAMED_AT_MOST
    return f"{named} and {rest} more" if rest > 0 else named
