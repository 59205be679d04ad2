"""The shipped checks keep the promises of their own form; what they say of images is elsewhere."""

from __future__ import annotations

import pytest

from certify.engine.packages import missing_tests
from certify.judge.profiles import GROUPS, load, shipped
from certify.model.terms import Level
from certify.suite.catalogue import claims, specs, suite_directory
from certify.suite.claims import Spec

# docs/checks.md, and every report that was ever written, name them so.
PROMISED = {
    "image": "os shell platform libc size layers",
    "packages": "manager refresh install remove current",
    "systemd": "installed pid1 state units journal service shutdown restart",
    "dockerd": "installed running unit container network storage compose restart",
    "startup": "boot dockerd provision",
    "workspace": "user sudo bash download git",
}
DEVSPACE = {
    "image.os", "image.shell", "image.platform",
    "packages.manager", "packages.refresh", "packages.install",
    "systemd.pid1", "systemd.state", "systemd.service", "systemd.shutdown", "systemd.restart",
    "dockerd.running", "dockerd.unit", "dockerd.container", "dockerd.restart",
    "startup.boot", "startup.dockerd", "startup.provision",
    "workspace.user", "workspace.sudo", "workspace.bash", "workspace.download",
}  # fmt: skip
PLAIN = {id for id in DEVSPACE if id.split(".")[0] in ("image", "packages")}
ORDER = [spec.claim.id for spec in specs()]
every_check = pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.claim.id)


def test_the_ids_of_each_group_are_those_that_were_promised() -> None:
    found: dict[str, set[str]] = {}
    for id in ORDER:
        group, _, name = id.partition(".")
        found.setdefault(group, set()).add(name)
    assert {group: found[group] for group in PROMISED} == {
        group: set(names.split()) for group, names in PROMISED.items()
    }


def test_no_two_checks_have_one_id() -> None:
    assert len(set(ORDER)) == len(ORDER) == len(claims())


def test_the_promised_groups_come_in_the_order_of_reports() -> None:
    assert tuple(PROMISED) == GROUPS[: len(PROMISED)]


@pytest.mark.parametrize(("name", "required"), [("devspace", DEVSPACE), ("plain", PLAIN)])
def test_what_a_profile_requires_is_what_was_promised(name: str, required: set[str]) -> None:
    profile = load(name)
    assert set(profile.required) == required
    assert profile.info == ("image.libc",)


def test_devspace_has_a_level_for_every_promised_check() -> None:
    profile = load("devspace")
    promised = {f"{group}.{name}" for group, names in PROMISED.items() for name in names.split()}
    assert set(profile.checks) == promised
    assert profile.budgets.model_dump() == {
        "boot": 15, "dockerd": 20, "provision": 300, "shutdown": 10,
    }  # fmt: skip


@pytest.mark.parametrize("name", shipped())
def test_a_profile_names_only_checks_that_exist(name: str) -> None:
    assert set(load(name).checks) <= set(claims())


@pytest.mark.parametrize("name", shipped())
def test_what_a_required_check_needs_is_named_by_the_profile_too(name: str) -> None:
    """Else a failure at the root of a chain would go unseen, and the chain be asked in vain."""
    profile = load(name)
    for id in profile.required:
        assert set(claims()[id].needs) <= set(profile.checks), id


@every_check
def test_it_says_all_that_a_person_needs(spec: Spec) -> None:
    claim = spec.claim
    for text in (claim.title, claim.claim, claim.why, claim.how, claim.remedy):
        assert text.strip() == text
        assert text
        assert "\n" not in text
        assert "  " not in text
    assert len(claim.title) <= 24, "titles stand in tables"
    assert not claim.title.endswith(".")
    assert claim.claim.endswith("."), "a claim is a sentence"
    assert claim.remedy.endswith(".")
    assert len({claim.claim, claim.why, claim.how, claim.remedy}) == 4
    assert claim.level is Level.REQUIRED, "levels are the profiles' business"


@every_check
def test_what_it_needs_exists_and_runs_before_it(spec: Spec) -> None:
    place = ORDER.index(spec.claim.id)
    for needed in spec.claim.needs:
        assert needed in ORDER[:place], f"{needed} would not have said anything yet"


@every_check
def test_what_it_provides_can_be_looked_for(spec: Spec) -> None:
    assert spec.provides is None or spec.provides in missing_tests()


def test_what_ends_the_container_has_a_place_of_its_own() -> None:
    last = {spec.claim.id: spec.last for spec in specs() if spec.last}
    assert last == {"dockerd.restart": 1, "systemd.shutdown": 2, "systemd.restart": 3}


def test_every_test_in_the_suite_is_a_declared_check() -> None:
    functions = [
        line
        for path in suite_directory().glob("test_*.py")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("def test_")
    ]
    assert len(functions) == len(ORDER)
