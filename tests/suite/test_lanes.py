"""Which checks may run side by side, and which findings of such a run are doubtful."""

from __future__ import annotations

import pytest

from certify.model.finding import Claim, Finding
from certify.model.terms import Fault, Outcome
from certify.suite.catalogue import specs as shipped
from certify.suite.claims import Spec
from certify.suite.lanes import EARLY, LAST, is_doubtful, places

ALONE = {EARLY, LAST}


def a_spec(text: str) -> Spec:
    """A spec from ``id`` or ``id:last`` and the ids that it needs."""
    id, *needs = text.split()
    id, _, last = id.partition(":")
    claim = Claim(
        id=id, title="t", claim="c", why="w", how="h", remedy="r", needs=tuple(needs)
    )  # fmt: skip
    return Spec(claim, last=int(last or 0))


def placed(*checks: str, own: tuple[str, ...] = ()) -> dict[str, str]:
    specs = [a_spec(each) for each in (*checks, *own)]
    flags = [False] * len(checks) + [True] * len(own)
    return dict(zip((each.claim.id for each in specs), places(specs, flags), strict=True))


def test_each_check_has_its_place() -> None:
    assert placed(
        "image.shell", "image.size", "packages.refresh image.shell", "systemd.pid1 image.shell",
        "systemd.journal systemd.pid1", "dockerd.unit systemd.pid1", "startup.dockerd dockerd.unit",
        "workspace.user", "webdevops.tools", "dockerd.restart:1 dockerd.unit",
    ) == {
        "image.shell": EARLY, "image.size": "services", "packages.refresh": "packages",
        "systemd.pid1": EARLY, "systemd.journal": "services", "dockerd.unit": EARLY,
        "startup.dockerd": EARLY, "workspace.user": "services", "webdevops.tools": LAST,
        "dockerd.restart": LAST,
    }  # fmt: skip


def test_the_users_own_run_alone_after_all_lanes_whatever_their_group() -> None:
    found = placed("packages.refresh", own=("packages.ours", "image.ours", "own.x"))
    assert found == {
        "packages.refresh": "packages", "packages.ours": LAST, "image.ours": LAST, "own.x": LAST,
    }  # fmt: skip


def test_what_several_lanes_need_comes_before_them() -> None:
    assert placed(
        "image.shell", "image.user image.shell", "packages.refresh image.user", "dockerd.unit",
    ) == {
        "image.shell": EARLY, "image.user": EARLY, "packages.refresh": "packages",
        "dockerd.unit": "services",
    }  # fmt: skip


def test_no_lane_begins_before_times_are_measured() -> None:
    specs = shipped()
    found = dict(zip(specs, places(specs, [False] * len(specs)), strict=True))
    timed = {each.claim.id for each, place in found.items() if place == EARLY}
    assert {"startup.boot", "startup.dockerd", "startup.provision"} <= timed
    assert {place for place in found.values() if place not in ALONE} == {"packages", "services"}
    assert {each.claim.id for each, place in found.items() if each.last} <= {
        each.claim.id for each, place in found.items() if place == LAST
    }


def test_no_check_of_a_lane_needs_one_of_another() -> None:
    specs = {each.claim.id: each for each in shipped()}
    place = dict(zip(specs, places(shipped(), [False] * len(specs)), strict=True))
    for id, spec in specs.items():
        for need in spec.claim.needs:
            assert place[id] == LAST or place[need] in {EARLY, place[id]}, f"{id} needs {need}"


@pytest.mark.parametrize(
    ("outcome", "fault", "waited", "doubtful"),
    [
        (Outcome.PASSED, None, 5.0, False),
        (Outcome.SKIPPED, None, 5.0, False),
        (Outcome.FAILED, Fault.IMAGE, 0.0, False),
        (Outcome.FAILED, Fault.IMAGE, 5.0, True),
        (Outcome.FAILED, Fault.IMAGE, 120.0, False),
        (Outcome.UNKNOWN, Fault.NETWORK, 0.0, False),
        (Outcome.UNKNOWN, Fault.HOST, 0.0, True),
        (Outcome.UNKNOWN, Fault.LAUNCH, 0.0, True),
        (Outcome.UNKNOWN, Fault.TOOL, 0.0, True),
    ],
)
def test_only_what_other_work_may_have_caused_is_doubtful(
    outcome: Outcome, fault: Fault | None, waited: float, doubtful: bool
) -> None:
    finding = Finding(id="dockerd.network", outcome=outcome, fault=fault, waited=waited)
    assert is_doubtful(finding) is doubtful
