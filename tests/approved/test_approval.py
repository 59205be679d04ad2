"""Which images are approved: each reason to be left out by itself, and what a list may lose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.approved.approval import Exclusion, approve, lost_images, shrinks_too_much
from certify.approved.policy import MaxStartup, Policy
from certify.model.approved import Approved, Revocation
from certify.model.platform import normalize_platform
from certify.model.result import AppliedWaiver, Launch, Reason, Result, Startup, Verdict
from certify.model.result_key import ResultKey
from certify.model.terms import Grade, Level, Outcome, Status, Trust
from tests.factories import (
    NOW,
    REGISTRY,
    REPOSITORY,
    a_certificate,
    a_check,
    a_waiver,
    an_entry,
    digest,
)

ANYTHING = Policy()
INIT = Launch(kind="init", isolation="caps")


def days(count: float) -> timedelta:
    return timedelta(days=count)


def held(number: int, index: int) -> list[Revocation]:
    """The revocation of a manifest that an index is known to hold."""
    return [each.model_copy(update={"indexes": (digest(index),)}) for each in revoked(number)]


def revoked(*numbers: int) -> list[Revocation]:
    reference = f"{REGISTRY}/{REPOSITORY}:1"
    return [
        Revocation(digest=digest(each), reference=reference, reason="a miner", revoked_at=NOW)
        for each in numbers
    ]


def of_status(status: Status, *reasons: str, **fields: Any) -> Result:
    told = tuple(Reason(check=None, text=each, remedy="") for each in reasons)
    return a_certificate(verdict=Verdict(status=status, reasons=told), **fields)


def timed(*, samples: int = 1, checks: str = "boot dockerd", **fields: Any) -> Result:
    """A result of an init that was booted, and of which these times were asked."""
    startup: dict[str, Any] = {"boot_seconds": 4.0, "dockerd_seconds": 5.0} | fields
    return a_certificate(
        launch=INIT,
        checks=tuple(a_check(f"startup.{each}", Outcome.PASSED) for each in checks.split()),
        startup=Startup(samples=(4.0,) * samples, **startup),
    )


SOON = NOW + days(9)


def waived(until: datetime = SOON, level: Level = Level.REQUIRED) -> Result:
    waiver = AppliedWaiver(reason="known", owner="ana", expires=until)
    return a_certificate(checks=(a_check("image.os", Outcome.FAILED, level, waiver=waiver),))


def decide(
    results: Sequence[Result], policy: Policy = ANYTHING, stopped: Sequence[Revocation] = ()
) -> tuple[list[Approved], list[Exclusion]]:
    """Approve results that were recorded in the order in which they were finished."""

    def recorded(index: int) -> tuple[datetime, bool]:
        return results[index].finished_at, results[index].verdict.status is Status.REJECTED

    order = sorted(range(len(results)), key=recorded)
    numbered = [(order.index(index) + 1, result) for index, result in enumerate(results)]
    return approve(policy, numbered, stopped, NOW)


def reason(
    result: Result, policy: Policy = ANYTHING, stopped: list[Revocation] | None = None
) -> str | None:
    """Why it is left out; nothing if it is approved."""
    images, left = decide([result], policy, stopped or [])
    assert len(images) + len(left) == 1
    return left[0].reason if left else None


# ---------------------------------------------------------------- one image


def test_a_certificate_is_approved_as_it_stands() -> None:
    result = waived().model_copy(
        update={"startup": Startup(boot_seconds=0.8, provision_seconds=12.0)}
    )
    result = result.model_copy(
        update={"image": result.image.model_copy(update={"trust": Trust.VERIFIED})}
    )
    images, left = decide([result], stopped=revoked(8))
    assert left == []
    assert images == [
        Approved(
            pin=f"{REGISTRY}/{REPOSITORY}@{digest(1)}",
            reference=f"{REGISTRY}/{REPOSITORY}:1",
            registry=REGISTRY,
            repository=REPOSITORY,
            tag="1",
            digest=digest(1),
            manifest_digest=digest(2),
            platform="linux/amd64",
            profile="plain",
            grade=Grade.NATIVE,
            trust=Trust.VERIFIED,
            waived=("image.os",),
            boot_seconds=0.8,
            provision_seconds=12.0,
            suite=digest(9),
            certified_at=NOW,
            expires_at=NOW + days(9),
        )
    ]


@pytest.mark.parametrize("manifest", [None, digest(1)], ids=["unknown", "no index"])
def test_an_unknown_manifest_stays_unknown(manifest: str | None) -> None:
    images, _ = decide([a_certificate(image={"manifest_digest": manifest})])
    assert (images[0].digest, images[0].manifest_digest) == (digest(1), manifest)


LOCAL = {"digest": None, "manifest_digest": None, "registry": None, "repository": None}

CASES: dict[str, tuple[Result, Policy, list[Revocation], str | None]] = {
    "revoked by its index": (a_certificate(), ANYTHING, revoked(1), "revoked: a miner"),
    "revoked by its manifest": (a_certificate(), ANYTHING, revoked(8, 2), "revoked: a miner"),
    "another one is revoked": (a_certificate(), ANYTHING, revoked(3), None),
    "another one of its index is revoked": (a_certificate(), ANYTHING, held(3, 1), None),
    "one of its index is revoked, perhaps its own": (
        a_certificate(image={"manifest_digest": None}), ANYTHING, held(3, 1), "revoked: a miner",
    ),
    "rejected": (of_status(Status.REJECTED), ANYTHING, [], "rejected"),
    "rejected, and why": (
        of_status(Status.REJECTED, "it has no shell", "x"), ANYTHING, [],
        "rejected: it has no shell",
    ),
    "inconclusive": (
        of_status(Status.INCONCLUSIVE, "the network was down"), ANYTHING, [],
        "inconclusive: the network was down",
    ),
    "rejected and revoked": (
        of_status(Status.REJECTED, "x"), ANYTHING, revoked(2), "revoked: a miner",
    ),
    "only local": (
        a_certificate(image=LOCAL), ANYTHING, [],
        "it has no digest in a registry, so it cannot be pulled by digest",
    ),
    "of no known platform": (
        a_certificate(image={"platform": None}), ANYTHING, [],
        "it has no digest in a registry, so it cannot be pulled by digest",
    ),
    "expired just now": (
        a_certificate(expires_at=NOW), ANYTHING, [], f"its certificate expired on {NOW:%Y-%m-%d}",
    ),
    "expires in a second": (
        a_certificate(expires_at=NOW + timedelta(seconds=1)), ANYTHING, [], None,
    ),
    "its waiver expired": (
        waived(NOW), ANYTHING, [], f"its certificate expired on {NOW:%Y-%m-%d}",
    ),
    "a waiver expired that was not needed": (waived(NOW, Level.RECOMMENDED), ANYTHING, [], None),
    "of another profile": (
        a_certificate(), Policy(profiles=("devspace", "coder")), [],
        "it was certified under plain, the policy requires devspace or coder",
    ),
    "of one of the profiles": (a_certificate(), Policy(profiles=("devspace", "plain")), [], None),
    "of another grade": (
        a_certificate(), Policy(grades=(Grade.ON_LAUNCH,)), [],
        "its grade is native, which the policy does not allow",
    ),
    "certified too long ago": (
        a_certificate(finished_at=NOW - days(14.5)), Policy(max_age_days=14), [],
        f"it was certified on {NOW - days(14.5):%Y-%m-%d}, more than 14 days ago",
    ),
    "certified just in time": (
        a_certificate(finished_at=NOW - days(14)), Policy(max_age_days=14), [], None,
    ),
    "of another registry": (
        a_certificate(), Policy(registries=("ghcr.io", "docker.io/library/*")), [],
        f"{REGISTRY}/{REPOSITORY} is not among the registries allowed",
    ),
    "of an allowed registry": (a_certificate(), Policy(registries=("*.invalid",)), [], None),
    "of an allowed repository": (
        a_certificate(), Policy(registries=("*.invalid/team/*",)), [], None,
    ),
    "of another repository": (
        a_certificate(), Policy(registries=("*.invalid/other/*",)), [],
        f"{REGISTRY}/{REPOSITORY} is not among the registries allowed",
    ),
    "not trusted": (
        a_certificate(), Policy(trust=(Trust.OFFICIAL, Trust.VERIFIED)), [],
        "its trust tier is unknown, which the policy does not allow",
    ),
    "trusted": (
        a_certificate(image={"trust": Trust.VERIFIED}),
        Policy(trust=(Trust.OFFICIAL, Trust.VERIFIED)),
        [], None,
    ),
    "depends on a waiver": (waived(), ANYTHING, [], None),
    "depends on a waiver that is not allowed": (
        waived(), Policy(waivers=False), [], "its certificate depends on waivers: image.os",
    ),
    "a waiver of what is only recommended": (
        waived(level=Level.RECOMMENDED), Policy(waivers=False), [], None,
    ),
    "boots too slowly": (
        timed(), Policy(max_startup=MaxStartup(boot=3)), [],
        "boot took 4.00 s, the policy allows 3 s",
    ),
    "boots just in time": (timed(), Policy(max_startup=MaxStartup(boot=4)), [], None),
    "its dockerd is too slow": (
        timed(), Policy(max_startup=MaxStartup(dockerd=4.5)), [],
        "dockerd took 5.00 s, the policy allows 4.5 s",
    ),
    "is installed too slowly": (
        timed(provision_seconds=61), Policy(max_startup=MaxStartup(provision=60)), [],
        "installation took 61.00 s, the policy allows 60 s",
    ),
    "nothing is installed": (timed(), Policy(max_startup=MaxStartup(provision=60)), [], None),
    # A question without an answer is no pass.
    "its boot was waived and never timed": (
        timed(boot_seconds=None), Policy(max_startup=MaxStartup(boot=9)), [],
        "boot was not timed, and the policy allows 9 s",
    ),
    "its dockerd was waived and never timed": (
        timed(dockerd_seconds=None), Policy(max_startup=MaxStartup(dockerd=9)), [],
        "dockerd was not timed, and the policy allows 9 s",
    ),
    "it was installed and not timed": (
        a_certificate(launch=INIT.model_copy(update={"missing": ("systemd",)}),
                 startup=Startup(samples=(1.0,))),
        Policy(max_startup=MaxStartup(provision=60)), [],
        "installation was not timed, and the policy allows 60 s",
    ),
    "its profile knows no such times": (
        a_certificate(startup=Startup()),
        Policy(max_startup=MaxStartup(boot=1, dockerd=1, provision=1)),
        [], None,
    ),
    "its profile only recommends such times": (
        a_certificate(launch=INIT, startup=Startup(samples=(1.0,)),
                 checks=(a_check("startup.boot", Outcome.UNKNOWN, Level.RECOMMENDED),)),
        Policy(max_startup=MaxStartup(boot=1)), [], None,
    ),
    "its profile boots an init without dockerd": (
        timed(dockerd_seconds=None, checks="boot"), Policy(max_startup=MaxStartup(dockerd=1)), [],
        None,
    ),
    "was started too seldom": (
        timed(samples=2), Policy(min_runs=3), [], "2 starts were timed, the policy requires 3",
    ),
    "was started often enough": (timed(samples=3), Policy(min_runs=3), [], None),
    "was booted and never timed": (
        timed(samples=0), Policy(min_runs=1), [], "0 starts were timed, the policy requires 1",
    ),
    "was booted and never timed, and nobody asked": (timed(samples=0), ANYTHING, [], None),
    "nothing is booted under its profile": (a_certificate(), Policy(min_runs=3), [], None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_reason_is_reported(name: str) -> None:
    result, policy, stopped, expected = CASES[name]
    assert reason(result, policy, stopped) == expected


def test_a_waiver_that_ends_sooner_shortens_the_entry() -> None:
    for until, expected in ((9, 9), (90, 30)):
        images, _ = decide([waived(NOW + days(until))])
        assert images[0].expires_at == NOW + days(expected)


def test_an_exclusion_has_the_name_of_its_entry() -> None:
    result = of_status(Status.REJECTED, image={"platform": None})
    _, left = decide([result])
    assert left == [Exclusion(ResultKey(f"{REGISTRY}/{REPOSITORY}:1", "", "plain"), "rejected")]
    assert left[0].key == (f"{REGISTRY}/{REPOSITORY}:1", "", "plain")
    images, _ = decide([a_certificate()])
    assert images[0].key == (f"{REGISTRY}/{REPOSITORY}:1", "linux/amd64", "plain")


# ---------------------------------------------------------------- several names of one image

OTHER = f"{REGISTRY}/copy:2"


def named(reference: str, at: datetime = NOW, **fields: Any) -> Result:
    image = fields.pop("image", {})
    fields.setdefault("expires_at", NOW + days(30))
    return a_certificate(image={"reference": reference} | image, finished_at=at, **fields)


def test_every_name_of_an_image_is_listed_in_the_order_of_the_results() -> None:
    images, left = decide([named(OTHER), named("a:1")])
    assert ([each.reference for each in images], left) == ([OTHER, "a:1"], [])


REJECTED: dict[str, Any] = {"status": Status.REJECTED}
OUTWEIGHED: dict[str, tuple[dict[str, Any], timedelta, bool]] = {
    "later": (REJECTED, days(1), True),
    "at the same moment": (REJECTED, days(0), True),
    "earlier": (REJECTED, -days(1), False),
    "later, under another index": (REJECTED | {"image": {"digest": digest(7)}}, days(1), True),
    "later, the platform spelled out": (
        REJECTED | {"image": {"platform": "linux/amd64/v1"}}, days(1), True,
    ),
    "later, when nobody knew its manifest": (
        REJECTED | {"image": {"manifest_digest": None}}, days(1), True,
    ),
    "later, other content": (
        REJECTED | {"image": {"digest": digest(7), "manifest_digest": digest(8)}}, days(1), False,
    ),
    "later, another platform": (
        REJECTED | {"image": {"platform": "linux/arm64"}}, days(1), False,
    ),
    "later, another profile": (REJECTED | {"profile": "devspace"}, days(1), False),
    "later, but inconclusive": ({"status": Status.INCONCLUSIVE}, days(1), False),
    "later, but local": (
        REJECTED | {"image": {"digest": None, "manifest_digest": None}}, days(1), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("name", OUTWEIGHED)
def test_a_later_rejection_of_the_same_content_outweighs(name: str, *, first: bool) -> None:
    fields, later, outweighs = OUTWEIGHED[name]
    at = NOW - days(3)
    good, bad = named("a:1", at), named(OTHER, at + later, **fields)
    images, left = decide([good, bad] if first else [bad, good])
    assert [each.reference for each in images] == ([] if outweighs else ["a:1"])
    reasons = {each.key.reference: each.reason for each in left}
    assert reasons.keys() == ({OTHER, "a:1"} if outweighs else {OTHER})
    if outweighs:
        assert reasons["a:1"] == f"the same image was rejected later, as {OTHER}"


def test_the_order_of_recording_decides_whatever_the_clocks_say() -> None:
    good = named("a:1", NOW - days(1))
    bad = named(OTHER, NOW - days(9), status=Status.REJECTED)
    for numbers, listed in (((1, 2), []), ((2, 1), ["a:1"])):
        recorded = list(zip(numbers, (good, bad), strict=True))
        images, _ = approve(ANYTHING, recorded, [], NOW)
        assert [each.reference for each in images] == listed


@pytest.mark.parametrize(("ahead", "approved"), [(days(400), False), (timedelta(minutes=4), True)])
def test_a_certificate_from_the_future_is_invalid(ahead: timedelta, *, approved: bool) -> None:
    told = reason(named("a:1", NOW + ahead, expires_at=NOW + days(430)))
    assert told is None if approved else str(told).endswith("which is yet to come")


def test_an_index_with_two_manifests_for_a_platform_is_not_approved() -> None:
    told = "its index holds 2 manifests for linux/amd64"
    rivals = (digest(2), digest(3))
    at_once = reason(a_certificate(image={"manifest_digest": None, "rival_manifests": rivals}))
    assert str(at_once).startswith(told)
    one_by_one = [named(f"{each}:1", image={"manifest_digest": each}) for each in rivals]
    images, left = decide(one_by_one)
    assert images == []
    assert all(each.reason.startswith(told) for each in left)
    other = named("arm:1", image={"manifest_digest": digest(3), "platform": "linux/arm64"})
    assert len(decide([one_by_one[0], other])[0]) == 2, "each platform has one"


def test_the_newest_of_several_rejections_counts() -> None:
    ages = {"b:1": 5, "c:1": 1, "d:1": 4}
    bad = [named(name, NOW - days(age), status=Status.REJECTED) for name, age in ages.items()]
    images, left = decide([*bad, named("a:1", NOW - days(2))])
    assert images == []
    assert left[-1].reason == "the same image was rejected later, as c:1"


# ---------------------------------------------------------------- what a list loses


def numbered(number: int, **fields: Any) -> Approved:
    return an_entry(
        reference=f"a:{number}", digest=digest(number), manifest_digest=digest(100 + number),
        **fields,
    )  # fmt: skip


BEFORE = [numbered(number) for number in range(1, 11)]


def test_only_names_that_are_gone_are_lost() -> None:
    moved = numbered(1).model_copy(update={"digest": digest(77)})
    assert lost_images(BEFORE, [moved, *BEFORE[1:]], []) == []
    assert lost_images(BEFORE, BEFORE[2:], []) == BEFORE[:2]
    assert lost_images([], BEFORE, []) == []
    other = [each.model_copy(update={"profile": "devspace"}) for each in BEFORE]
    assert lost_images(BEFORE, other, []) == BEFORE


def test_a_revoked_image_is_not_lost() -> None:
    assert lost_images(BEFORE, BEFORE[3:], revoked(1)) == BEFORE[1:3]
    assert lost_images(BEFORE, BEFORE[3:], revoked(101, 2)) == [BEFORE[2]]


@pytest.mark.parametrize("manifest", [None, digest(1)], ids=["unknown", "in an older list"])
def test_an_index_that_may_hold_a_revoked_manifest_is_not_lost(manifest: str | None) -> None:
    before = [an_entry(manifest_digest=manifest)]
    assert lost_images(before, [], held(3, 1)) == []
    assert lost_images(before, [], held(3, 2)) == before
    assert lost_images([an_entry()], [], held(3, 1)) == [an_entry()], "its manifest is another one"


@pytest.mark.parametrize(
    ("percent", "gone", "expected"),
    [
        (0, 0, False), (0, 1, True),
        (20, 2, False), (20, 3, True), (19.9, 2, True),
        (100, 10, False),
    ],
)  # fmt: skip
def test_a_list_may_lose_a_share(percent: float, gone: int, *, expected: bool) -> None:
    policy = Policy(max_shrink_percent=percent)
    assert shrinks_too_much(policy, BEFORE, BEFORE[:gone]) is expected


def test_an_empty_list_loses_nothing() -> None:
    assert not shrinks_too_much(Policy(max_shrink_percent=0), [], [])


# ---------------------------------------------------------------- whatever stands in the ledger

moments = st.sampled_from([NOW + days(count) for count in (-40, -8, -1, 0, 1, 30)])
numbers = st.integers(1, 4).map(digest)
images = st.fixed_dictionaries(
    {
        "reference": st.sampled_from(["a:1", "b:1", "c:1"]),
        "digest": st.one_of(st.none(), numbers),
        "manifest_digest": st.one_of(st.none(), numbers),
        "platform": st.sampled_from([None, "linux/amd64", "linux/arm64", "linux/arm64/v8"]),
    }
)
checks = st.sampled_from(
    [(), (a_check("image.os", Outcome.FAILED, waiver=a_waiver()),)],
)
results = st.builds(
    a_certificate,
    image=images,
    status=st.sampled_from(Status),
    checks=checks,
    finished_at=moments,
    expires_at=moments,
    profile=st.sampled_from(["plain", "devspace"]),
)
policies = st.builds(
    Policy,
    waivers=st.booleans(),
    max_age_days=st.sampled_from([None, 2.0]),
    profiles=st.sampled_from([None, ("plain",)]),
)


@given(policies, st.lists(results, max_size=6), st.lists(st.integers(1, 4), max_size=2))
def test_only_images_that_may_run_are_listed(
    policy: Policy, found: list[Result], stopped: list[int]
) -> None:
    listed, left = decide(found, policy, revoked(*stopped))
    assert len(listed) + len(left) == len(found)
    assert all(each.reason for each in left)
    gone = {digest(each) for each in stopped}
    for entry in listed:
        assert entry.expires_at > NOW
        assert not {entry.digest, entry.manifest_digest} & gone
        assert entry.pin.endswith(f"@{entry.digest}")
        assert policy.waivers or not entry.waived
        assert any(
            each.verdict.status is Status.CERTIFIED
            and each.image.reference == entry.reference
            and each.image.digest == entry.digest
            and each.finished_at == entry.certified_at
            and each.expires_at >= entry.expires_at
            for each in found
        )
        assert not any(
            each.verdict.status is Status.REJECTED
            and each.finished_at >= entry.certified_at
            and (each.image.manifest_digest or each.image.digest or "unknown")
            == entry.manifest_digest
            and normalize_platform(each.image.platform or "") == normalize_platform(entry.platform)
            and each.profile == entry.profile
            for each in found
        )
