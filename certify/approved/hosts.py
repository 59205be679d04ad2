"""The kinds of host that must agree before an image is approved. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from certify.approved.policy import Policy
from certify.model.host import HostVerdict
from certify.model.result import Result
from certify.model.terms import Status


def relevant_kinds(policy: Policy, kinds: Collection[str]) -> list[str]:
    """Return the kinds of host whose verdicts the policy asks for, of those that are known."""
    return [kind for kind in kinds if any(fnmatchcase(kind, glob) for glob in policy.hosts or ())]


def verdicts_by_host(result: Result) -> tuple[HostVerdict, ...]:
    """Return the verdicts on an image by kind of host; its own, if no other kind judged it."""
    if result.hosts or result.host is None:
        return result.hosts
    return (
        HostVerdict(
            kind=result.host.kind,
            status=result.verdict.status,
            grade=result.verdict.grade,
            finished_at=result.finished_at,
            expires_at=result.expires_at,
        ),
    )


def host_objections(policy: Policy, result: Result, now: datetime) -> Iterator[str]:
    """Yield the reasons not to approve an image that lie with a kind of host the policy names."""
    known = verdicts_by_host(result)
    for glob in policy.hosts or ():
        found = [each for each in known if fnmatchcase(each.kind, glob)]
        for each in found:
            yield from _objections(policy, each, now)
        if not any(each.status is Status.CERTIFIED for each in found):
            yield f"no host of the kind {glob} has certified it, and the policy requires one"


def earliest_end(policy: Policy, result: Result) -> datetime:
    """Return the moment at which the first certificate ends that the policy asks for."""
    kinds = relevant_kinds(policy, [each.kind for each in result.hosts])
    return min(
        (each.expires_at for each in result.hosts if each.kind in kinds),
        default=result.expires_at,
    )


def _objections(policy: Policy, verdict: HostVerdict, now: datetime) -> Iterator[str]:
    kind, grade = verdict.kind, verdict.grade
    if verdict.status is Status.REJECTED:
        yield f"it is rejected on {kind}"
    if verdict.status is not Status.CERTIFIED:
        return
    if verdict.expires_at <= now:
        yield f"its certificate of {kind} expired on {verdict.expires_at:%Y-%m-%d}"
    if grade not in policy.grades:
        yield f"its grade is {grade and grade.value} on {kind}, which the policy does not allow"
    days = policy.max_age_days
    if days is not None and now - verdict.finished_at > timedelta(days=days):
        when = f"{verdict.finished_at:%Y-%m-%d}"
        yield f"its certificate of {kind} is of {when}, more than {days:g} days ago"
