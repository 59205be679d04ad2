"""Decides which images are approved, from a policy, recorded results and revocations. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from certify.approved.hosts import earliest_end, host_objections
from certify.approved.policy import Policy
from certify.judge.waivers import valid_until
from certify.ledger.summaries import once_per_outcomes
from certify.model.approved import Approved, Revocation, entry_of
from certify.model.clock import is_ahead
from certify.model.platform import normalize_platform
from certify.model.result import Check, Image, Result
from certify.model.result_key import ResultKey
from certify.model.revocation import find_revocation, split_revoked
from certify.model.terms import Level, Status

_Content = tuple[str, str, str]
"""A digest, platform and profile."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An image that is not approved, and the reason."""

    key: ResultKey
    reason: str


def approve(
    policy: Policy,
    results: Iterable[tuple[int, Result]],
    revoked: Sequence[Revocation],
    now: datetime,
) -> tuple[list[Approved], list[Exclusion]]:
    """Return the approved images in the order of the results, and those that are left out.

    Each result comes with its number in the ledger. All names of an image share one decision: a
    rejection under one name outweighs a certificate under another that was recorded before.
    """
    approved: list[tuple[int, Approved]] = []
    excluded: list[Exclusion] = []
    rejected: dict[_Content, tuple[int, str]] = {}
    manifests: dict[_Content, tuple[str, ...]] = {}
    for number, result in results:
        image, contents = result.image, _contents(result.image, result.profile)
        if image.digest and image.manifest_digest:
            known = manifests.get(contents[0], ())
            if image.manifest_digest not in known:
                manifests[contents[0]] = (*known, image.manifest_digest)
        if result.verdict.status is Status.REJECTED:
            for each in contents:
                rejected[each] = max((number, image.reference), rejected.get(each, (0, "")))
        reason = next(_objections(policy, result, revoked, now), None)
        if reason is None:
            approved.append((number, _approved(policy, result)))
        else:
            excluded.append(Exclusion(ResultKey.of(result), reason))
    listed = []
    for number, entry in approved:
        contents = _contents(entry, entry.profile)
        latest, rejected_as = max(rejected.get(each, (0, "")) for each in contents)
        if latest > number:
            reason = f"the same image was rejected later, as {rejected_as}"
        elif len(found := manifests.get(contents[0], ())) > 1:
            reason = _ambiguous(entry.platform, found)
        else:
            listed.append(entry)
            continue
        excluded.append(Exclusion(entry.key, reason))
    return listed, excluded


def lost_images(
    before: Sequence[Approved], after: Sequence[Approved], revoked: Sequence[Revocation]
) -> list[Approved]:
    """Return the entries whose names are no longer listed, except revoked images."""
    keys = {each.key for each in after}
    gone = [each for each in before if each.key not in keys]
    return split_revoked(gone, revoked)[0]


def shrinks_too_much(policy: Policy, before: Sequence[Approved], lost: Sequence[Approved]) -> bool:
    """Return True if a list loses more of its images at once than the policy allows."""
    return 100 * len(lost) > policy.max_shrink_percent * len(before)


def _contents(image: Image | Approved, profile: str) -> list[_Content]:
    """Return the digests of index and manifest, each with platform and profile."""
    platform = normalize_platform(image.platform or "")
    digests = dict.fromkeys(filter(None, (image.digest, image.manifest_digest)))
    return [(digest, platform, profile) for digest in digests]


def _ambiguous(platform: str, manifests: Collection[str]) -> str:
    return (
        f"its index holds {len(manifests)} manifests for {platform}, so engines may run another"
        " than the one that was certified"
    )


def _objections(
    policy: Policy, result: Result, revoked: Sequence[Revocation], now: datetime
) -> Iterator[str]:
    """Yield the reasons not to approve an image, the most important first."""
    image, verdict, grade = result.image, result.verdict, result.verdict.grade
    revocation = find_revocation(image.digest, image.manifest_digest, revoked)
    if revocation is not None:
        yield f"revoked: {revocation.reason}"
    if verdict.status is not Status.CERTIFIED or grade is None:
        detail = f": {verdict.reasons[0].text}" if verdict.reasons else ""
        yield f"{verdict.status.value}{detail}"
        return
    if not (image.digest and image.registry and image.repository and image.platform):
        yield "it has no digest in a registry, so it cannot be pulled by digest"
        return
    if image.rival_manifests:
        yield _ambiguous(image.platform, image.rival_manifests)
    if is_ahead(result.finished_at, now):
        yield f"it was certified on {result.finished_at:%Y-%m-%d}, which is yet to come"
    waived = _waived(result.checks)
    expires = valid_until(waived, result.expires_at)
    if expires <= now:
        yield f"its certificate expired on {expires:%Y-%m-%d}"
    if policy.profiles is not None and result.profile not in policy.profiles:
        wanted = " or ".join(policy.profiles)
        yield f"it was certified under {result.profile}, the policy requires {wanted}"
    if grade not in policy.grades:
        yield f"its grade is {grade.value}, which the policy does not allow"
    age = now - result.finished_at
    if policy.max_age_days is not None and age > timedelta(days=policy.max_age_days):
        when = f"{result.finished_at:%Y-%m-%d}"
        yield f"it was certified on {when}, more than {policy.max_age_days:g} days ago"
    if not policy.allows_repository(image.registry, image.repository):
        yield f"{image.registry}/{image.repository} is not among the registries allowed"
    if policy.trust is not None and image.trust not in policy.trust:
        yield f"its trust tier is {image.trust.value}, which the policy does not allow"
    if waived and not policy.waivers:
        yield f"its certificate depends on waivers: {', '.join(check.id for check in waived)}"
    yield from _too_slow(policy, result)
    yield from host_objections(policy, result, now)


def _too_slow(policy: Policy, result: Result) -> Iterator[str]:
    startup, most = result.startup, policy.max_startup
    required = _required(result.checks)
    for what, seconds, allowed, timed in (
        ("boot", startup.boot_seconds, most.boot, "startup.boot" in required),
        ("dockerd", startup.dockerd_seconds, most.dockerd, "startup.dockerd" in required),
        ("installation", startup.provision_seconds, most.provision, result.launch.missing),
    ):
        if allowed is None:
            continue
        if seconds is None and timed:
            yield f"{what} was not timed, and the policy allows {allowed:g} s"
        elif seconds is not None and seconds > allowed:
            yield f"{what} took {seconds:.2f} s, the policy allows {allowed:g} s"
    runs = len(startup.samples)
    if policy.min_runs is not None and result.launch.kind == "init" and runs < policy.min_runs:
        yield f"{runs} starts were timed, the policy requires {policy.min_runs}"


@once_per_outcomes
def _required(checks: tuple[Check, ...]) -> frozenset[str]:
    return frozenset(each.id for each in checks if each.level is Level.REQUIRED)


@once_per_outcomes
def _waived(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    return tuple(each for each in checks if each.waiver and each.level is Level.REQUIRED)


def _approved(policy: Policy, result: Result) -> Approved:
    image, grade = result.image, result.verdict.grade
    assert image.digest and image.registry and image.repository and image.platform and grade
    waived = _waived(result.checks)
    return entry_of(
        {
            "pin": f"{image.registry}/{image.repository}@{image.digest}",
            "reference": image.reference,
            "registry": image.registry,
            "repository": image.repository,
            "tag": image.tag,
            "digest": image.digest,
            "manifest_digest": image.manifest_digest,
            "platform": image.platform,
            "profile": result.profile,
            "grade": grade,
            "trust": image.trust,
            "waived": tuple(check.id for check in waived),
            "boot_seconds": result.startup.boot_seconds,
            "provision_seconds": result.startup.provision_seconds,
            "suite": result.suite.digest,
            "certified_at": result.finished_at,
            "expires_at": valid_until(waived, earliest_end(policy, result)),
        }
    )
