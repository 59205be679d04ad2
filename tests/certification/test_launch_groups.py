"""Profiles share a launch whenever each gets the verdict of a launch of its own."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.certification import certify as certify_module
from certify.certification.certify import Certification
from certify.certification.events import Events
from certify.certification.image_lookup import ImageLookup
from certify.certification.launch_groups import group_by_launch
from certify.certification.observation import Observation
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import Budgets, Capability, Profile, load, shipped
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.model.terms import Fault, LaunchKind, Level
from certify.suite.catalogue import claims
from certify.suite.profile_selection import complete_profile
from tests.suite.imagined import TRUTHS, Imagined

IMAGE = Image(reference="debian:12", image_id="sha256:" + "1" * 64)
GOOD = Imagined(truths={})
CAPABILITIES: tuple[Capability, ...] = ("systemd", "dockerd", "user", "sudo", "download", "bash")
LAUNCHES: tuple[LaunchKind, ...] = ("init", "idle", "image")


def profile(name: str, launch: LaunchKind, *required: str, **more: Any) -> Profile:
    return Profile(
        name=name, title="t", description="d", source="s", launch=launch, required=required, **more
    )


def fitting(launch: LaunchKind) -> tuple[str, ...]:
    """The checks that can run under a launch."""
    found = []
    for each in claims():
        try:
            profile("p", launch, each)
        except ValueError:
            continue
        found.append(each)
    return tuple(found)


FITTING = {launch: fitting(launch) for launch in LAUNCHES}


class Launches:
    """Counts the launches and lookups of an imagined image."""

    def __init__(self, image: Imagined, trouble: Trouble | None = None) -> None:
        self.image = image
        self.trouble = trouble
        self.launched: list[list[str]] = []
        self.searches = 0

    def find(self) -> Image:
        self.searches += 1
        if self.trouble:
            raise self.trouble
        return IMAGE.model_copy(update={"digest": f"sha256:{self.searches:064}"})

    def examine(self, lookup: ImageLookup, profiles: list[Profile], found: Observation) -> None:
        found.image = lookup.image()
        self.launched.append([each.name for each in profiles])
        found.findings, late = self.image.examined(profiles)
        if late:
            found.receive({"event": "deadline"}, Events(), 1.0)

    def certify(self, profiles: Sequence[Profile]) -> list[Result]:
        def examine(
            self_: Certification, _engine: Engine, group: list[Profile], found: Observation
        ) -> None:
            self.examine(self_._lookup, group, found)

        engine = cast(
            Engine,
            SimpleNamespace(platform="linux/amd64", resolve_isolation=lambda asked, kind: asked),
        )
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Certification, "_examine", examine)
            patched.setattr(certify_module, "measure_host", lambda _engine: None)
            reference = Reference.parse("debian:12")
            certification = Certification(engine, reference, Options(), find_image=self.find)
            return certification.run(profiles)


def without_times(result: Result) -> object:
    """Everything in a result about the image, but no times."""
    checks = [
        each.model_copy(update={"seconds": 0.0, "began_seconds": None}) for each in result.checks
    ]
    return result.verdict, checks, result.waivers


def launches(*profiles: Profile) -> list[list[str]]:
    counted = Launches(GOOD)
    counted.certify(profiles)
    return counted.launched


@st.composite
def profiles_of_one_launch(draw: st.DrawFn) -> list[Profile]:
    launch = draw(st.sampled_from(LAUNCHES))
    ids = st.sampled_from(FITTING[launch])

    def one(name: str) -> Profile:
        # Few checks at times, and nearly all at others.
        chosen = draw(st.lists(ids, unique=True, min_size=1, max_size=8))
        if draw(st.booleans()):
            chosen = [each for each in FITTING[launch] if each not in chosen] or chosen
        levels: dict[Level, list[str]] = {level: [] for level in Level}
        for each in chosen:
            levels[draw(st.sampled_from(list(Level)))].append(each)
        required = levels[Level.REQUIRED] or [chosen[0]]
        return complete_profile(
            profile(
                name, launch, *required,
                recommended=[e for e in levels[Level.RECOMMENDED] if e not in required],
                info=[e for e in levels[Level.INFO] if e not in required],
            )
        )  # fmt: skip

    return [one(name) for name in ("one", "two", "three")[: draw(st.integers(2, 3))]]


a_check = st.sampled_from(tuple(claims()))
images = st.builds(
    Imagined,
    truths=st.dictionaries(a_check, st.sampled_from(TRUTHS), max_size=12),
    leaves=st.dictionaries(a_check, st.lists(a_check, max_size=2), max_size=4),
    missing=st.lists(st.sampled_from(CAPABILITIES), unique=True, max_size=2).map(tuple),
    family=st.sampled_from(("apt", "apk", None)),
    dies=st.sampled_from((False, False, False, True)),
    refused=st.sampled_from((False, False, False, True)),
    most=st.one_of(st.none(), st.none(), st.integers(1, 30)),
)


@settings(deadline=None)
@given(profiles_of_one_launch(), images)
def test_a_shared_launch_gives_the_verdicts_of_separate_launches(
    profiles: list[Profile], image: Imagined
) -> None:
    together = Launches(image).certify(profiles)
    for each, result in zip(profiles, together, strict=True):
        (alone,) = Launches(image).certify([each])
        assert result.profile == each.name
        assert without_times(result) == without_times(alone)


# The same by example: what a shared launch would change, and the verdict of a separate one

SHELL = ("image.os", "image.platform", "image.shell")
SYSTEMD = (*SHELL, "systemd.pid1")
CHANGED: dict[str, tuple[Profile, Profile, Imagined, str]] = {
    "who sees that root's bash is dead": (
        profile("one", "idle", *SHELL, "workspace.user", "workspace.sudo"),
        profile("two", "idle", *SHELL, "workspace.user", "workspace.sudo", "workspace.bash"),
        Imagined(
            {"workspace.sudo": "fails", "workspace.bash": "fails"},
            leaves={"workspace.sudo": ["workspace.bash"]},
        ),
        "workspace.sudo",
    ),
    "what dockerd waits for": (
        profile("one", "init", *SYSTEMD, "dockerd.running"),
        profile("two", "init", *SYSTEMD, "systemd.state", "dockerd.running"),
        Imagined(
            {"systemd.state": "fails", "dockerd.running": "fails"},
            leaves={"dockerd.running": ["systemd.state"]},
        ),
        "dockerd.running",
    ),
    "whose unit failed": (
        profile("one", "init", *SYSTEMD, "systemd.state", "systemd.units"),
        profile("two", "init", *SYSTEMD, "systemd.state", "systemd.units", "dockerd.running"),
        Imagined(
            {"systemd.units": "fails", "dockerd.running": "fails"},
            leaves={"systemd.units": ["dockerd.running"]},
        ),
        "systemd.units",
    ),
    "what holds up the boot": (
        profile("one", "init", *SYSTEMD, "systemd.state", "startup.boot"),
        profile("two", "init", *SYSTEMD, "systemd.state", "startup.boot", "dockerd.running",
                "dockerd.unit", "startup.dockerd"),
        Imagined(
            {"startup.boot": "fails", "startup.dockerd": "fails"},
            leaves={"startup.boot": ["startup.dockerd"]},
        ),
        "startup.boot",
    ),
    "why nothing was installed": (
        profile("one", "init", *SYSTEMD, "workspace.bash"),
        profile("two", "init", *SYSTEMD, "workspace.bash", "packages.manager", "packages.refresh"),
        Imagined({"packages.refresh": "fails"}, missing=("bash",)),
        "workspace.bash",
    ),
    "why nothing was installed, by a check that was not asked itself": (
        profile("one", "init", *SYSTEMD, "workspace.bash", info=["packages.manager"]),
        profile("two", "init", *SYSTEMD, "workspace.bash", "packages.manager", "packages.refresh"),
        Imagined({"packages.manager": "unknown"}, missing=("bash",)),
        "workspace.bash",
    ),
    "without a package manager": (
        profile("one", "init", *SYSTEMD, "workspace.bash"),
        profile("two", "init", *SYSTEMD, "workspace.bash", "packages.manager"),
        Imagined({"packages.manager": "fails"}, missing=("bash",), family=None),
        "workspace.bash",
    ),
    "a container that somebody else's check ended": (
        profile("one", "idle", *SHELL, "workspace.git"),
        profile("two", "idle", *SHELL, "workspace.bash", "workspace.git"),
        Imagined({"workspace.bash": "ends it", "workspace.git": "fails"}),
        "workspace.git",
    ),
    "a time that somebody else's checks used up": (
        profile("one", "idle", *SHELL, "image.size"),
        profile("two", "idle", *SHELL, "image.size", "workspace.bash", "workspace.git"),
        Imagined({"image.size": "fails"}, most=5),
        "image.size",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "two", "image", "cause"), CHANGED.values(), ids=CHANGED)
def test_a_shared_launch_changes_no_verdict(
    one: Profile, two: Profile, image: Imagined, cause: str
) -> None:
    for order in ((one, two), (two, one)):
        results = {each.profile: each for each in Launches(image).certify(order)}
        assert results["one"].verdict.status == "rejected"
        assert [each.check for each in results["one"].verdict.reasons] == [cause]


# Where nothing would change, a launch is shared


def test_profiles_that_ship_share_what_they_can() -> None:
    assert launches(*map(load, shipped())) == [
        ["coder", "devcontainer", "gitpod", "go", "node", "plain", "python", "webdevops-bootstrap"],
        ["devspace"],
        ["devspace-fast"],
        ["service"],
        ["webdevops-base", "webdevops-base-app"],
    ]


def plain_and(**more: object) -> Profile:
    return load("plain").model_copy(update={"name": "mine", **more})


def test_budgets_that_no_launch_uses_part_no_profiles() -> None:
    """The example in docs/profiles.md."""
    mine = plain_and(budgets=Budgets(boot=30), required=(*load("plain").required, "workspace.git"))
    assert launches(load("plain"), mine) == [["plain", "mine"]]


PARTED = {
    "boot": (load("devspace"), {"budgets": Budgets(boot=30)}),
    "shutdown": (load("devspace"), {"budgets": Budgets(shutdown=5)}),
    "boot of an image": (load("webdevops-base"), {"budgets": Budgets(boot=5)}),
    "install": (load("devspace"), {"install": ("systemd", "dockerd")}),
    "anchor": (load("webdevops-base"), {"required": SHELL}),
    "timed": (load("devspace"), {"required": SYSTEMD, "recommended": (), "info": ()}),
}


@pytest.mark.parametrize(("first", "change"), PARTED.values(), ids=PARTED)
def test_what_a_launch_uses_parts_profiles(first: Profile, change: dict[str, object]) -> None:
    mine = first.model_copy(update={"name": "mine", **change})
    assert launches(first, mine) == [[first.name], ["mine"]]


def test_budgets_that_an_image_launch_ignores_part_no_profiles() -> None:
    mine = load("webdevops-base").model_copy(
        update={"name": "mine", "budgets": Budgets(dockerd=5, shutdown=5, provision=5)}
    )
    assert launches(load("webdevops-base"), mine) == [["webdevops-base", "mine"]]


def test_with_own_checks_only_profiles_with_the_same_checks_share() -> None:
    """Own checks may depend on any shipped check."""
    plain, coder = load("plain"), load("coder")
    same = plain_and(required=plain.checks, recommended=(), info=("tools.jq",))
    assert group_by_launch([plain, coder, same], own_checks=True) == [[plain, same], [coder]]


# An image is looked up once


def test_all_launches_are_of_one_image_though_its_tag_moves() -> None:
    counted = Launches(GOOD)
    plain, devspace = counted.certify([load("plain"), load("devspace")])
    assert counted.launched == [["plain"], ["devspace"]]
    assert counted.searches == 1
    assert plain.image.digest == devspace.image.digest


def test_an_image_that_is_unavailable_is_not_looked_up_again() -> None:
    counted = Launches(GOOD, ImageUnavailable("the registry is down"))
    results = counted.certify([load("plain"), load("devspace")])
    assert counted.searches == 1
    assert [each.verdict.reasons[0].text for each in results] == ["the registry is down"] * 2


def test_trouble_of_a_shared_launch_is_in_every_result() -> None:
    refused = Trouble("no", fault=Fault.HOST)
    counted = Launches(GOOD, refused)
    assert len(counted.certify([load("plain"), load("coder")])) == 2
    assert counted.searches == 1
