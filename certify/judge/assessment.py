"""The findings of one candidate as they count, and the reasons and checks that a result shows.

:mod:`certify.judge.verdict` decides; this module traces failures to their causes and words them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from certify.judge.excerpts import EVIDENCE_LIMIT, excerpt
from certify.model.errors import Trouble
from certify.model.finding import Claim, Finding
from certify.model.result import AppliedWaiver, Check, Reason
from certify.model.terms import Fault, Level, Outcome
from certify.util.text import printable

MOST_LISTED = 5
"""Ids that one reason lists; the others are counted."""
NOT_RUN = "was not run"
"""The message of a check that has no finding."""
_RUN_AGAIN = "Run again. If it persists, see the evidence and the log of the run."
_REMEDIES = {
    Fault.HOST: "Fix the host (certify doctor shows what it lacks), then run again.",
    Fault.LAUNCH: "Launch it another way (--isolation), then run again.",
    Fault.NETWORK: "Check the host's network, then run again.",
    Fault.REGISTRY: "Check the reference and the registry, then run again.",
    Fault.TOOL: "Run again. If it persists, report it as a defect of certify, with the evidence.",
}


class Assessment:
    """The findings of one candidate, with the claims, levels and waivers of their checks."""

    def __init__(
        self,
        findings: Mapping[str, Finding],
        claims: Mapping[str, Claim],
        levels: Mapping[str, Level],
        waived: Mapping[str, AppliedWaiver],
    ) -> None:
        self._findings = findings
        self._claims = claims
        self._levels = levels
        self._waived = waived
        self._positions = {check: position for position, check in enumerate(levels)}

    def passed(self, check: str) -> bool:
        """Return True if the check passed."""
        return check in self._findings and self._findings[check].outcome is Outcome.PASSED

    def failed(self, check: str) -> bool:
        """Return True if the check itself failed, through the image's fault."""
        return check in self._findings and self._findings[check].outcome is Outcome.FAILED

    def waiver(self, check: str) -> AppliedWaiver | None:
        """Return the waiver of a check that failed, or was skipped because of a failure."""
        return self._waived.get(check) if self.failed(self.root(check)) else None

    def root(self, check: str) -> str:
        """Return the check at which a chain of skips began; it may have no finding."""
        trail = [check]
        while finding := self._findings.get(trail[-1]):
            because = finding.because
            # A check that passed, or that is skipped because of this one, explains no skip.
            follow = because is not None and because not in trail and not self.passed(because)
            if finding.outcome is not Outcome.SKIPPED or because is None or not follow:
                break
            trail.append(because)
        return trail[-1]

    def ordered(self, checks: Iterable[str]) -> list[str]:
        """Return each check once, in the order of the result; unknown ids come last."""
        last = len(self._positions)
        return sorted(set(checks), key=lambda check: (self._positions.get(check, last), check))

    def by_relief(self, roots: Iterable[str]) -> list[str]:
        """Return each root once, first those whose remedy answers most of the given ones.

        ``roots`` has a root as often as checks are not met because of it.
        """
        cures = [(self._remedy(root) or root, root) for root in roots]
        answers = Counter(cure for cure, _root in cures)
        relief = {root: answers[cure] for cure, root in cures}
        return sorted(self.ordered(relief), key=lambda root: -relief[root])

    def rejection(self, root: str, roots: Mapping[str, str]) -> Reason:
        """Return why a failed check rejects the image.

        ``roots`` maps each required check that is not met to its :meth:`root`.
        """
        text = self._message(root) or f"{self._title(root)}: failed"
        if root not in roots:
            # Without this, nobody would see why a waived or recommended check rejects an image.
            dependants = _listed([check for check, cause in roots.items() if cause == root])
            waived = self.waiver(root) is not None
            text += (
                f" (it is waived, but required checks that need it are not: {dependants})"
                if waived
                else f" (required checks need it: {dependants})"
            )
        return Reason(check=root, text=text, remedy=self._remedy(root))

    def doubts(self, roots: Iterable[str]) -> list[Reason]:
        """Return why checks are unknown, in order; checks with one message share a reason."""
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
        """Return the check as the result shows it."""
        finding = self._findings[check]
        return Check(
            id=check,
            title=self._title(check),
            group=check.partition(".")[0],
            level=self._levels[check],
            outcome=finding.outcome,
            flaky=finding.flaky,
            seconds=finding.seconds,
            began_seconds=finding.began,
            lane=finding.lane,
            message=self._message(check),
            evidence=finding.evidence,
            remedy="" if finding.outcome is Outcome.PASSED else self._remedy(check),
            waiver=self.waiver(check),
        )

    def _title(self, check: str) -> str:
        return self._claims[check].title if check in self._claims else check

    def _message(self, check: str) -> str:
        """Return the finding's message; that of a skip always names the check that caused it."""
        finding = self._findings[check]
        if finding.outcome is not Outcome.SKIPPED:
            return finding.message
        if finding.because is None:
            return finding.message or "does not apply"
        if finding.because in finding.message:
            return finding.message
        because = f"because of {finding.because}"
        return f"{finding.message} ({because})" if finding.message else f"skipped {because}"

    def _doubt(self, root: str) -> str:
        finding = self._findings.get(root)
        if finding is None:
            return NOT_RUN
        message = self._message(root) or "could not be answered"
        if finding.outcome is Outcome.SKIPPED or finding.fault in (None, Fault.IMAGE):
            return message
        whose = "certify's own" if finding.fault is Fault.TOOL else f"the {finding.fault}'s"
        return f"{message} ({whose} fault)"

    def _remedy(self, check: str) -> str:
        """Return the remedy of the cause, or else of the claim, which is for failures only."""
        finding = self._findings.get(check)
        if finding is None:
            return _RUN_AGAIN
        if finding.remedy:
            return finding.remedy
        match finding.outcome:
            case Outcome.FAILED:
                remedy = self._claims[check].remedy if check in self._claims else ""
            case Outcome.SKIPPED if finding.because is None:
                remedy = "If it should apply, fix the image; otherwise choose a profile without it."
            case Outcome.SKIPPED:
                root = self.root(check)
                remedy = f"Look at {root} first." if root != check else _RUN_AGAIN
            case _:
                remedy = _REMEDIES.get(finding.fault, _RUN_AGAIN) if finding.fault else _RUN_AGAIN
        return remedy


def trouble_reasons(trouble: Trouble | None) -> list[Reason]:
    """Return the trouble, if any, as a reason."""
    if trouble is None:
        return []
    remedy = trouble.remedy or _REMEDIES.get(trouble.fault, _RUN_AGAIN)
    evidence = excerpt(printable(trouble.evidence), EVIDENCE_LIMIT)
    return [Reason(check=None, text=trouble.message, remedy=remedy, evidence=evidence)]


def open_reason(unanswered: list[str]) -> Reason:
    """Return the reason that sums up what a rejection leaves open."""
    count = f"{len(unanswered)} more required check{'s' if len(unanswered) > 1 else ''}"
    text = f"{count} could not be answered ({_listed(unanswered)})"
    return Reason(check=None, text=text, remedy="Fix what failed, then run again.")


def _listed(checks: list[str]) -> str:
    named = ", ".join(checks[:MOST_LISTED])
    rest = len(checks) - MOST_LISTED
    return f"{named} and {rest} more" if rest > 0 else named
